import type { Link } from '../cable/link.js';
import type { PeerIdentity } from '../cable/plug/plug.js';
import { firstAttempt } from '../cable/start-patience.js';
import { usualThreads } from '../cable/usual-threads.js';
import type { By } from '../control/message.js';
import { deferred } from '../deferred.js';
import { CryptcabError } from '../error.js';
import type { Enrolled, Invited, InviteRequest } from '../keys/enrolment.js';
import type { Log } from '../log.js';
import type { PolicyFields } from '../network/policy.js';
import { optionName } from '../options/name.js';
import { remoteText } from '../protocol/remote.js';
import { isSecure } from '../protocol/secure/messages.js';
import { ClassicSide, type ServerKeys } from './classic-side.js';
import { End, type EndConfiguration } from './end.js';
import type { KnownPeer } from './peers/peers-watch.js';
import { People } from './peers/people.js';
import { mustKeep } from './policy-kept.js';
import { noPing } from './report/report.js';
import type { Running } from './running.js';
import { SecureServer, type SecureServerConfiguration } from './secure-server.js';
import { warnOfBoth, warnOfClassicBehindBalancer, warnOfPlain } from './warnings.js';

export interface ServerConfiguration extends EndConfiguration {
  /** Of clients of the classic protocol; undefined: none are served. */
  readonly keys: ServerKeys | undefined;
  /** Serves clients of the secure cable as well. */
  readonly secure?: SecureServerConfiguration;
  /** I/O threads of the native path, each with a part of the clients; when undefined, as usualThreads() says. */
  readonly threads?: number;
  /** Broadcasts and multicasts that each client may send a second; any number when undefined. */
  readonly broadcastLimit?: number | undefined;
  /** What a client may do on the network; of a secure one, where its line says nothing else. */
  readonly peerDefaults?: PolicyFields | undefined;
}

export interface RunningServer extends Running {
  /** Resolves when its port of the switch has been had once; rejects when that cannot be. */
  readonly serves: Promise<void>;
  /** Reads the list of peers again, a file or etcd; undefined where there is none. */
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
  /** Takes back the open invites of a name, or the one with a public key. @returns how many they were */
  cancelInvites(name: string, publicKey?: Uint8Array): number;
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
   * @throws CryptcabError where no secure clients are served, and for a server that is the only one
   */
  drain(within: number): number;
  /** The secure peers that may connect and are not up; `address`: where each was last. */
  away(): (PeerIdentity & { readonly address: string | undefined })[];
  /** Where it says what happens. */
  readonly log: Log;
}

/** How often it is looked whether all have gone. */
const DRAIN_LOOK_MS = 100;

/** Starts a server: a switch port for each client that proves its key. */
export async function startServer(configuration: ServerConfiguration): Promise<RunningServer> {
  const { keys, log, plug, peerDefaults = {} } = configuration;
  let secure: SecureServer | undefined;
  let classic: ClassicSide | undefined;
  let open = true;
  const away = () => secure?.away() ?? [];
  const end = await End.open(configuration, {
    role: 'server',
    threads: configuration.threads ?? usualThreads(),
    broadcastLimit: configuration.broadcastLimit,
    links: () => [...(classic?.links() ?? []), ...(secure?.side.links() ?? [])],
    who: (link) => secure?.identityOf(link) ?? { peer: remoteText(link.remote) },
    away,
    *counts() {
      for (const link of classic?.links() ?? []) yield link.counts();
      if (secure !== undefined) yield* secure.side.counts();
    },
    control(datagram, from, at) {
      if (!open) return; // a DENY now would have clients log in while nobody is there
      if (secure !== undefined && isSecure(datagram)) secure.side.receive(datagram, from);
      else classic?.receive(datagram, from, at);
    },
    heard: (link) => classic?.heard(link),
    portTrouble: (link) => (othersHave(link) ? plug.alone : undefined),
  });
  const { attendance, cable, captures, seldom } = end;
  if (configuration.secure !== undefined) {
    try {
      const host = { cable, plug, passages: end.passages, log, seldom, attendance };
      secure = new SecureServer({ ...configuration.secure, peerDefaults }, host);
    } catch (error) {
      await cable.close();
      throw error;
    }
    if (keys !== undefined) {
      warnOfBoth(log);
      if (configuration.secure.serverId !== undefined) warnOfClassicBehindBalancer(log);
    }
  }
  const { peersFile, directory } = configuration.secure ?? {};
  const lists = peersFile !== undefined || directory?.kind === 'etcd';
  const plain = keys?.kind === 'plain';
  if (plain) warnOfPlain(log);
  try {
    const all = { who: optionName('peerDefaults'), fields: peerDefaults };
    await mustKeep(plug, [all, ...(secure?.wishes() ?? [])]);
  } catch (error) {
    await Promise.all([secure?.close(), cable.close(), plug.close?.()]);
    throw error;
  }
  if (keys !== undefined) {
    const othersPlugged = () => secure?.side.plugged === true;
    classic = new ClassicSide({ end, keys, plug, peerDefaults, othersPlugged });
  }
  end.begin();

  function othersHave(link: Link): boolean {
    const has = (other: Link) => other !== link && other.port !== undefined;
    return classic?.links().some(has) === true || secure?.side.plugged === true;
  }

  function disconnect({ peer, publicKey }: PeerIdentity): boolean {
    if (publicKey !== undefined) return secure?.disconnect(publicKey) ?? false;
    return classic?.disconnect(peer) ?? false;
  }

  /** The secure half, for what can be asked of it alone. */
  function securely(): SecureServer {
    if (!open) throw new CryptcabError('this server has ended');
    if (secure !== undefined) return secure;
    throw new CryptcabError(`this server serves no secure clients: start it with ${optionName('secure')}`);
  }

  let drainTimer: NodeJS.Timeout | undefined;

  // A missing switch is reported at once, not when the first client comes.
  const served = deferred();
  const probe = cable.probe(plug, served.resolve);
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
    trouble: () => attendance.plug?.trouble,
    ended: end.ended,
    statistics: () => [...(classic?.statistics() ?? []), ...(secure?.statistics() ?? [])],
    report: () =>
      end.report({
        mode: secure === undefined ? 'classic' : keys === undefined ? 'secure' : 'both',
        plain,
        path: configuration.secure?.path,
        publicKey: secure?.side.publicKey,
        refused: secure?.side.refused,
        ...secure?.side.strangers,
        peers: [...(classic?.facts() ?? []), ...(secure?.facts() ?? [])],
      }),
    async ping(publicKey) {
      if (classic?.find(publicKey) !== undefined) noPing(publicKey);
      const peer = securely().side.find(publicKey);
      if (peer === undefined) throw new CryptcabError('there is no such peer');
      return securely().side.ping(peer);
    },
    away,
    refusals: () => secure?.side.refused ?? new Map(),
    reload: lists ? () => secure?.reload() : undefined,
    captures,
    log,
    serverId: configuration.secure?.serverId,
    enrol: (...client) => securely().enrol(...client),
    invite: (request) => securely().invite(request),
    cancelInvites: (...which) => securely().cancelInvites(...which),
    addPeer: (peer) => securely().add(peer),
    removePeer: (publicKey) => securely().remove(publicKey),
    peers: new People(
      () => securely().people,
      (peer) => disconnect({ peer }),
    ),
    disconnect,
    drain(within) {
      const { side } = securely();
      if (configuration.secure?.serverId === undefined)
        throw new CryptcabError(
          `this server has no other one to send its peers to, as it runs without ${optionName('secure.serverId')}: to stop it, end its process`,
        );
      const up = [...side.peers()].filter((one) => one.up).length;
      log.warn({ peers: up }, 'drained: all peers are told to go to another server, and none may come');
      side.leave();
      const from = performance.now();
      drainTimer ??= setInterval(() => {
        if (side.left || performance.now() - from >= within) end.finish();
      }, DRAIN_LOOK_MS);
      return up;
    },
    async close() {
      open = false;
      clearInterval(drainTimer);
      end.stop();
      await Promise.allSettled([classic?.close(), endProbe()]);
      await secure?.close();
      await end.close();
    },
  };
}
