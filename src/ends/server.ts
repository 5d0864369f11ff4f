import { randomBytes } from 'node:crypto';
import type { Cable } from '../cable/cable.js';
import { type ClassicLink, deviceOf, type Link } from '../cable/link.js';
import { openCable, usualThreads } from '../cable/open-cable.js';
import { firstAttempt, type Patience } from '../cable/patience.js';
import { forPeer, governed, type OpenPlug, type PeerIdentity } from '../cable/plug/plug.js';
import type { OpenUdp } from '../cable/udp/udp.js';
import type { WireTap } from '../cable/wire-tap.js';
import type { By } from '../control/message.js';
import { openCore } from '../core/open-core.js';
import { type Keying, keyingText } from '../core/terms.js';
import { deferred } from '../deferred.js';
import { CryptcabError } from '../error.js';
import type { Enrolled, Invited, InviteRequest } from '../keys/enrolment.js';
import { SessionKeys } from '../keys/session-keys.js';
import { type Log, SeldomLog } from '../log.js';
import { type PolicyFields, policyOf } from '../network/policy.js';
import type { Io } from '../options/io-path.js';
import { optionName } from '../options/name.js';
import { ORIGINAL_DATAGRAM_MAX, PEERS_MAX } from '../protocol/classic/constants.js';
import { ClassicServer, type ServerEffect, type ServerRefusal } from '../protocol/classic/server.js';
import { isOriginalId, type Secret } from '../protocol/classic/session-key.js';
import { type Remote, remoteKey, remoteText } from '../protocol/remote.js';
import { copyKey } from '../protocol/secret.js';
import { isSecure } from '../protocol/secure/messages.js';
import { longestFrame } from '../protocol/sizes.js';
import { Captures } from './capture/captures.js';
import { keptBy, mustKeep } from './kept.js';
import { Passages } from './passages.js';
import type { KnownPeer } from './peers/known-peers.js';
import { People } from './peers/people.js';
import { Attendance } from './report/attendance.js';
import { endReport, noPing, type PeerFacts } from './report/report.js';
import type { PeerDown, Running, Watcher } from './running.js';
import { SecureServer, type SecureServerConfiguration } from './secure-server.js';
import {
  noteRefusal,
  warnOfBoth,
  warnOfLength,
  warnOfLoop,
  warnOfPort,
  warnOfWeakness,
  warnOfWear,
} from './warnings.js';

/** How a server knows its clients' keys: from a file that both ends have, by scp (into /tmp, or another directory), or not at all. */
export type ServerKeys =
  | { readonly kind: 'preshared'; readonly key: Uint8Array }
  | { readonly kind: 'scp'; readonly directory?: string | undefined }
  | { readonly kind: 'plain' };

export interface ServerConfiguration {
  /** Local UDP port; 0 for any. */
  readonly port: number;
  /** Our only address; all of this machine's when undefined. */
  readonly bind?: string | undefined;
  /** Of clients of the classic protocol; undefined: none are served. */
  readonly keys: ServerKeys | undefined;
  /** Serves clients of the secure cable as well. */
  readonly secure?: SecureServerConfiguration;
  /** Makes a switch port for each client. */
  readonly plug: OpenPlug;
  readonly log: Log;
  readonly watcher?: Watcher | undefined;
  readonly tap?: WireTap;
  readonly io?: Io;
  /** I/O threads of the native path, each with a part of the clients; when undefined, as usualThreads() says. */
  readonly threads?: number;
  /** `network` unless told. */
  readonly patience?: Patience;
  /** Broadcasts and multicasts that each client may send a second; any number when undefined. */
  readonly broadcastLimit?: number | undefined;
  readonly openUdp?: OpenUdp;
  /** What a client may do on the network; of a secure one, where its line says nothing else. */
  readonly peerDefaults?: PolicyFields | undefined;
}

export interface RunningServer extends Running {
  /** Resolves when its port of the switch has been had once; rejects when that cannot be. */
  readonly serves: Promise<void>;
  /** Reads the peers file again; undefined where there is none. */
  readonly reload: (() => void) | undefined;
  /**
   * Lets a client of the secure cable connect that has shown by other means that it may (secure.md §3.3).
   * @param presharedKey 32 bytes
   * @throws CryptcabError for what is no public key, or there already, and where no secure clients are served
   */
  enrol(publicKey: Uint8Array, presharedKey: Uint8Array, name?: string, by?: By): Enrolled;
  /**
   * Makes an invite: who has its line may join (secure.md §8).
   * @throws CryptcabError where a peer has its name, or there are too many, where it cannot be kept over a restart, and where no
   * secure clients are served
   */
  invite(request: InviteRequest): Invited;
  /** Takes back the open invites of a name. @returns how many they were */
  cancelInvites(name: string): number;
  /**
   * Lets one more peer of the secure cable connect.
   * @returns what it is called from now on
   * @throws CryptcabError for what is no public key, or there already, and where no secure clients are served
   */
  addPeer(peer: Omit<KnownPeer, 'where'>): PeerIdentity;
  /**
   * Cuts a peer off for good.
   * @param publicKey 44 characters
   * @returns whether it was there
   * @throws CryptcabError where the peers file has it, and where no secure clients are served
   */
  removePeer(publicKey: string): boolean;
  /** Of one of several servers with one key (secure.md §4.4). */
  readonly serverId: number | undefined;
  /** Changes by people: they last where that can be (people.ts). */
  readonly peers: People;
  /** Ends the session of a peer of either protocol, which may connect again. @returns whether it was up */
  disconnect(peer: PeerIdentity): boolean;
  /**
   * Tells all peers of the secure cable to go to another server, and answers no call any more. It ends when they have gone.
   * @param within ms, after which it ends in any case
   * @returns how many are told
   * @throws CryptcabError where no secure clients are served
   */
  drain(within: number): number;
  /** The secure peers that may connect and are not up; `address`: where each was last. */
  away(): (PeerIdentity & { readonly address: string | undefined })[];
  /** Where it says what happens. */
  readonly log: Log;
}

const TICK_MS = 1_000;
/** How often it is looked whether all have gone. */
const DRAIN_LOOK_MS = 100;

const REFUSALS: Readonly<Record<ServerRefusal, string>> = {
  'no key': `refused a client that has no key here: let it send one by scp, or start both ends with the same ${optionName('key')} file`,
  'wrong key': `refused a client with another key: start both ends with ${optionName('key')} and the same key file, or both without ${optionName('key')}`,
  'not encrypted': `refused a client that does not encrypt: start both ends with ${optionName('plain')}, or neither (a C program from 2.3.3 on cannot do without)`,
  encrypted: `refused a client that encrypts, and this server does not: start both ends with ${optionName('plain')}, or neither (a C program from 2.3.3 on always encrypts)`,
  'no cipher':
    'refused a client that answered with an empty datagram: a C program whose OpenSSL has no Blowfish; have OPENSSL_CONF there name a file that turns the legacy provider on (see docs/classic-cable.md)',
  'not logged in': 'told a client that is not known (any more) to log in',
  'short key':
    'refused a client of the ChaCha generation: its key file has 44 bytes, and the one here has fewer',
  'table full': 'refused a client: there are as many as there can be',
  'too many logins': 'passed over logins that came too fast',
};

/** Starts a server: a switch port for each client that proves its key. */
export async function startServer(configuration: ServerConfiguration): Promise<RunningServer> {
  const { keys, log } = configuration;
  const sent = keys?.kind === 'scp' ? new SessionKeys(keys.directory) : undefined;
  const core = await openCore();
  core.broadcastLimit = configuration.broadcastLimit;
  const seldom = new SeldomLog();
  const links = new Map<string, ClassicLink>();
  const closing = new Set<Promise<void>>();
  const ended = deferred();

  const passages = new Passages();
  const attendance = new Attendance(configuration.watcher, function* () {
    for (const link of links.values()) yield link.counts();
    if (secure !== undefined) yield* secure.side.counts();
  });
  /** When something authentic came of a classic client last. */
  const heardAt = new WeakMap<Link, number>();
  const { peerDefaults = {} } = configuration;
  const { network } = configuration.plug;
  /** Of classic clients, which have no lines. */
  const classicPolicy = policyOf({}, peerDefaults);
  const classicPlug = governed(configuration.plug, () => classicPolicy);
  /** Where the locator is for one client alone: what is said to the others. */
  const taken = configuration.plug.alone;

  const machine = new ClassicServer({
    random: randomBytes,
    keyFor,
    get peersMax() {
      return taken === undefined ? PEERS_MAX : secure?.side.plugged ? 0 : 1;
    },
    verifyResponse: (keying, response, challenge) => core.verifyResponse(keying, response, challenge),
  });

  function keyFor(id: string): Secret | undefined {
    if (keys?.kind === 'preshared') return copyKey(keys.key);
    if (sent === undefined) return 'none';
    const key = sent.read(id);
    if (key instanceof Uint8Array) return key;
    const { why, found } = key;
    seldom.note(performance.now(), `key ${why.replace(id, '')}`, (times) =>
      log[found ? 'warn' : 'debug']({ id, times }, `no session key: ${why}`),
    );
    return undefined;
  }

  /** Its file has done what it was for. */
  function removeKey(id: string, keying: Keying): void {
    if (sent === undefined || keying.suite === 'plain') return;
    const why = sent.remove(id, keying.key);
    if (why !== undefined) log.warn({ id }, `cannot remove the key that a client has sent: ${why}`);
  }

  let secure: SecureServer | undefined;
  let open = false;
  const whoOf = (link: Link): PeerIdentity => secure?.identityOf(link) ?? { peer: remoteText(link.remote) };
  const textOf = (link: Link) => whoOf(link).peer;
  const cable = await openCable({
    core,
    io: configuration.io,
    plug: configuration.plug,
    threads: configuration.threads ?? usualThreads(),
    openUdp: configuration.openUdp,
    port: configuration.port,
    bind: configuration.bind,
    tap: configuration.tap,
    events: {
      control(datagram, from, at) {
        if (!open) return; // while the cable is being opened it is lost, as it would have been a moment before
        if (secure !== undefined && isSecure(datagram)) return secure.side.receive(datagram, from);
        if (keys === undefined) return;
        machine.receive(performance.now(), from, datagram);
        for (const effect of machine.take()) act(effect, at);
      },
      heard(link) {
        const now = performance.now();
        heardAt.set(link, now);
        machine.heard(now, link.remote);
      },
      sent() {},
      refused(link, why, times) {
        if (why === 'own datagram') {
          const loop = (all: number) => warnOfLoop(log, textOf(link), link.remote, all);
          return seldom.note(performance.now(), why, loop, times);
        }
        if (why === 'not for this host') return; // a switch floods
        const say = (all: number) => log.info({ peer: textOf(link), times: all }, `dropped: ${why}`);
        seldom.note(performance.now(), `${textOf(link)} ${why}`, say, times);
      },
      large() {},
      tooLong: (link, frameMax) => warnOfLength(log, textOf(link), frameMax, frameMax < core.frameMax),
      worn: (link) => warnOfWear(log, textOf(link)),
      plugLost(link, said) {
        const why = (othersHave(link) ? taken : undefined) ?? said;
        const peer = textOf(link);
        // By reason alone: a switch that ends is lost to all.
        const had = passages.lost(link, () => attendance.unplugged(whoOf(link), why));
        warnOfPort(log, seldom, had, why, peer);
      },
      plugged(link) {
        attendance.plug = { open: true, trouble: undefined };
        passages.plugged(link, () => {
          log.info({ peer: textOf(link), port: link.port }, 'plugged into the switch again');
          attendance.plugged(whoOf(link));
        });
      },
      unreachable() {},
      sendFailed: (why, times, lasts) => noteRefusal(log, seldom, why, times, lasts),
      failed: (error) => ended.reject(error),
    },
  });
  open = true;
  if (configuration.secure !== undefined) {
    try {
      const host = { cable, plug: configuration.plug, passages, log, seldom, attendance };
      secure = new SecureServer({ ...configuration.secure, peerDefaults }, host);
    } catch (error) {
      await cable.close();
      throw error;
    }
    if (keys !== undefined) warnOfBoth(log);
  }
  try {
    const all = { who: optionName('peerDefaults'), fields: peerDefaults };
    await mustKeep(configuration.plug, [all, ...(secure?.wishes() ?? [])]);
  } catch (error) {
    await Promise.all([secure?.close(), cable.close(), configuration.plug.close?.()]);
    throw error;
  }
  log.info({ io: cable.io }, 'how frames and datagrams are moved');
  attendance.begin();

  const captures = new Captures({
    cable,
    links: () => [...links.values(), ...(secure?.side.links() ?? [])],
    who: whoOf,
    away: () => secure?.away() ?? [],
  });

  function act(effect: ServerEffect, at: Pick<Cable, 'plugIn'> = cable): void {
    switch (effect.do) {
      case 'send':
        cable.send(effect.datagram, effect.to);
        break;
      case 'plug':
        plug(at, effect.peer, effect.id, effect.keying);
        break;
      case 'rekey': {
        const link = links.get(remoteKey(effect.peer));
        if (link === undefined) return;
        link.move(effect.peer); // it may ask another of our addresses
        raise(link, effect.id, effect.keying);
        log.info({ peer: textOf(link), id: effect.id }, 'client logged in again');
        break;
      }
      case 'unplug':
        unplug(effect.peer, effect.why);
        break;
      case 'refused': {
        const { peer, why } = effect;
        attendance.refuse(why);
        const level = why === 'not logged in' || why === 'too many logins' ? 'info' : 'warn';
        // By reason alone: an attacker who can forge one source address can forge many.
        seldom.note(performance.now(), why, (times) =>
          log[level]({ peer: remoteText(peer), times }, refusalText(why)),
        );
        break;
      }
    }
  }

  function plug(at: Pick<Cable, 'plugIn'>, peer: Remote, id: string, keying: Keying): void {
    const link = at.plugIn(peer, forPeer(classicPlug, { peer: remoteText(peer) }));
    if (link === undefined) {
      log.warn({ peer: remoteText(peer) }, 'refused a client: no memory for one more session');
      return;
    }
    links.set(remoteKey(peer), link);
    raise(link, id, keying);
    warnOfWeakness(log, remoteText(peer), keying.suite);
    passages.agreed(link, () => {
      const { port } = link;
      log.info({ peer: remoteText(peer), id, cipher: keyingText(keying), port }, 'client is up');
      const address = remoteText(peer);
      const up = { peer: address, address, cipher: keying.suite, ...deviceOf(link) };
      attendance.up(up, () => link.counts());
    });
  }

  function refusalText(why: ServerRefusal): string {
    return why === 'table full' && taken !== undefined ? `refused a client: ${taken}` : REFUSALS[why];
  }

  function othersHave(link: Link): boolean {
    return (
      [...links.values()].some((other) => other !== link && other.port !== undefined) ||
      secure?.side.plugged === true
    );
  }

  function raise(link: ClassicLink, id: string, keying: Keying): void {
    attendance.handshakes++;
    removeKey(id, keying);
    link.raise(keying);
    if (isOriginalId(id)) link.limit(longestFrame(keying.suite, ORIGINAL_DATAGRAM_MAX));
  }

  function unplug(peer: Remote, why: PeerDown | 'the server ends'): void {
    const link = links.get(remoteKey(peer));
    if (link === undefined) return;
    links.delete(remoteKey(peer));
    log.info({ peer: remoteText(peer) }, `client is gone: ${why}`);
    if (passages.over(link) && why !== 'the server ends') attendance.down({ peer: remoteText(peer) }, why);
    passages.pulled(link);
    attendance.gone({ peer: remoteText(peer) }, link.counts());
    const done = link.close().finally(() => closing.delete(done));
    closing.add(done);
  }

  function factsOf(link: Link): PeerFacts {
    const heard = heardAt.get(link);
    return {
      identity: { peer: textOf(link) },
      cable: 'classic',
      address: link.remote,
      quiet: heard && performance.now() - heard,
      link,
      counts: link.counts(),
      ...keptBy(network, link.port, classicPolicy),
    };
  }

  function disconnect({ peer, publicKey }: PeerIdentity): boolean {
    if (publicKey !== undefined) return secure?.disconnect(publicKey) ?? false;
    const link = [...links.values()].find(({ remote }) => remoteText(remote) === peer);
    if (link === undefined) return false;
    machine.disconnect(link.remote);
    for (const effect of machine.take()) act(effect);
    return true;
  }

  /** The secure half, for what can be asked of it alone. */
  function securely(): SecureServer {
    if (!open) throw new CryptcabError('this server has ended');
    if (secure !== undefined) return secure;
    throw new CryptcabError(`this server serves no secure clients: start it with ${optionName('secure')}`);
  }

  const timer = setInterval(() => {
    machine.tick(performance.now());
    for (const effect of machine.take()) act(effect);
  }, TICK_MS);

  let drainTimer: NodeJS.Timeout | undefined;

  // A missing switch is reported at once, not when the first client comes.
  const served = deferred();
  const probe = cable.probe(configuration.plug, served.resolve);
  let probed: Promise<void> | undefined;
  const endProbe = () => {
    probed ??= probe.close();
    return probed;
  };
  served.promise.then(endProbe, endProbe);
  const ready = firstAttempt(probe.settled, configuration.patience ?? 'network');
  ready.then((waits) => {
    attendance.plug ??= { open: waits === undefined, trouble: waits };
    if (waits === undefined) return;
    seldom.note(performance.now(), `plug ${waits}`, () => log.warn({}, `${waits}; waiting for it`));
    served.promise.then(() => {
      attendance.plug = { open: true, trouble: undefined };
      log.warn({}, 'the switch is there now: going on');
    });
  }, served.reject);

  return {
    local: cable.local,
    io: cable.io,
    ready,
    serves: served.promise,
    ended: ended.promise,
    statistics: () => [
      ...[...links.values()].map((link) => ({
        peer: textOf(link),
        port: link.port,
        ...keptBy(network, link.port, classicPolicy),
        ...link.counts(),
      })),
      ...(secure?.statistics() ?? []),
    ],
    report: () =>
      endReport({
        ...{ role: 'server', cable, attendance, seldom },
        mode: secure === undefined ? 'classic' : keys === undefined ? 'secure' : 'both',
        locator: configuration.plug.locator,
        path: configuration.secure?.path,
        publicKey: secure?.side.publicKey,
        refused: secure?.side.refused,
        ...secure?.side.strangers,
        peers: [...[...links.values()].map(factsOf), ...(secure?.facts() ?? [])],
      }),
    async ping(publicKey) {
      const isClassic = [...links.values()].some(({ remote }) => remoteText(remote) === publicKey);
      if (isClassic) noPing(publicKey);
      const peer = securely().side.find(publicKey);
      if (peer === undefined) throw new CryptcabError('there is no such peer');
      return securely().side.ping(peer);
    },
    away: () => secure?.away() ?? [],
    refusals: () => secure?.side.refused ?? new Map(),
    reload: secure && (() => secure.reload()),
    captures,
    log,
    serverId: configuration.secure?.serverId,
    enrol: (...client) => securely().enrol(...client),
    invite: (request) => securely().invite(request),
    cancelInvites: (name) => securely().cancelInvites(name),
    addPeer: (peer) => securely().add(peer),
    removePeer: (publicKey) => securely().remove(publicKey),
    peers: new People(
      () => securely().people,
      (peer) => disconnect({ peer }),
    ),
    disconnect,
    drain(within) {
      const { side } = securely();
      const up = [...side.peers()].filter((one) => one.up).length;
      log.warn({ peers: up }, 'drained: all peers are told to go to another server, and none may come');
      side.leave();
      const from = performance.now();
      drainTimer ??= setInterval(() => {
        if (side.left || performance.now() - from >= within) ended.resolve();
      }, DRAIN_LOOK_MS);
      return up;
    },
    async close() {
      open = false; // a DENY now would have clients log in while nobody is there
      clearInterval(timer);
      clearInterval(drainTimer);
      attendance.close();
      for (const link of [...links.values()]) unplug(link.remote, 'the server ends');
      await Promise.allSettled([...closing, endProbe()]);
      await secure?.close();
      machine.end();
      if (keys?.kind === 'preshared') keys.key.fill(0);
      await cable.close();
      await configuration.plug.close?.();
      ended.resolve();
    },
  };
}
