import { randomBytes } from 'node:crypto';
import type { Link, WireTap } from './cable.js';
import { Core, type Keying, keyingText } from './core/core.js';
import { CryptcabError } from './error.js';
import type { Io } from './io-path.js';
import type { Enrolled } from './keys/enrolment.js';
import { takeSessionKey } from './keys/key-file.js';
import { type Log, SeldomLog } from './log.js';
import { openCable, usualThreads } from './open-cable.js';
import type { OpenPlug } from './plug/plug.js';
import { ClassicServer, type ServerEffect, type ServerRefusal } from './protocol/classic-server.js';
import { ORIGINAL_DATAGRAM_MAX } from './protocol/constants.js';
import { type Remote, remoteKey, remoteText } from './protocol/remote.js';
import { copyKey, isOriginalId, type Secret } from './protocol/session-key.js';
import { longestFrame } from './protocol/sizes.js';
import { deferred, type PeerDown, type Running, type Watcher } from './running.js';
import { SecureServer, type SecureServerConfiguration } from './secure/secure-server.js';
import { isSecure } from './secure/secure-side.js';
import type { OpenUdp } from './udp/udp.js';
import { warnOfBoth, warnOfLength, warnOfWeakness, warnOfWear } from './warnings.js';

/** How a server knows its clients' keys: from a file that both ends have, by scp, or not at all (`-x`). */
export type ServerKeys =
  | { readonly kind: 'preshared'; readonly key: Uint8Array }
  | { readonly kind: 'scp' }
  | { readonly kind: 'plain' };

export interface ServerConfiguration {
  /** Local UDP port; 0 for any. */
  readonly port: number;
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
  readonly openUdp?: OpenUdp;
}

export interface RunningServer extends Running {
  /** Reads the peers file again; undefined where there is none. */
  readonly reload: (() => void) | undefined;
  /**
   * Lets a client of the secure cable connect that has shown by other means that it may (secure-protocol §3).
   * @param presharedKey 32 bytes
   * @throws CryptcabError for what is no public key, or there already, and where no secure clients are served
   */
  enrol(publicKey: Uint8Array, presharedKey: Uint8Array): Enrolled;
}

const TICK_MS = 1_000;

const REFUSALS: Record<ServerRefusal, string> = {
  'no key':
    'refused a client that has no key here: let it send one by scp, or start both ends with the same -P file',
  'wrong key': 'refused a client with another key: both ends need the same key file',
  'not encrypted': 'refused a client that does not encrypt: start both ends with -x, or neither',
  'not logged in': 'told a client that is not known (any more) to log in',
  'short key':
    'refused a client of the ChaCha generation: its key file has 44 bytes, and the one here has fewer',
  'table full': 'refused a client: there are as many as there can be',
  'too many logins': 'passed over logins that came too fast',
};

/** Starts a server: a switch port for each client that proves its key. */
export async function startServer(configuration: ServerConfiguration): Promise<RunningServer> {
  const { keys, log, watcher } = configuration;
  const core = await Core.load();
  const seldom = new SeldomLog();
  const links = new Map<string, Link>();
  const closing = new Set<Promise<void>>();
  const ended = deferred();

  const machine = new ClassicServer({
    random: randomBytes,
    keyFor,
    verifyResponse: (keying, response, challenge) => core.verifyResponse(keying, response, challenge),
  });

  function keyFor(id: string): Secret | undefined {
    if (keys?.kind === 'preshared') return copyKey(keys.key);
    const taken = takeSessionKey(id); // also with -x: a C client leaves one
    if (keys?.kind === 'plain') {
      if (typeof taken !== 'string') taken.fill(0);
      return 'none';
    }
    if (typeof taken !== 'string') return taken;
    seldom.note(performance.now(), `key ${taken.replace(id, '')}`, () =>
      log.debug({ id }, `no session key: ${taken}`),
    );
    return undefined;
  }

  let secure: SecureServer | undefined;
  const textOf = (link: Link) => secure?.nameOf(link) ?? remoteText(link.remote);
  const cable = await openCable({
    core,
    io: configuration.io,
    threads: configuration.threads ?? usualThreads(),
    openUdp: configuration.openUdp,
    port: configuration.port,
    tap: configuration.tap,
    events: {
      control(datagram, from) {
        if (secure !== undefined && isSecure(datagram)) return secure.side.receive(datagram, from);
        if (keys === undefined) return;
        machine.receive(performance.now(), from, datagram);
        for (const effect of machine.take()) act(effect);
      },
      heard: (link) => machine.heard(performance.now(), link.remote),
      sent() {},
      refused(link, why, times) {
        const say = (all: number) => log.info({ peer: textOf(link), times: all }, `dropped: ${why}`);
        seldom.note(performance.now(), `${textOf(link)} ${why}`, say, times);
      },
      large() {},
      tooLong: (link, frameMax) => warnOfLength(log, textOf(link), frameMax, frameMax < core.frameMax),
      worn: (link) => warnOfWear(log, textOf(link)),
      plugLost(link, why) {
        seldom.note(performance.now(), `plug ${textOf(link)}`, () =>
          log.warn({ peer: textOf(link) }, `lost the switch, trying again: ${why}`),
        );
        watcher?.unplugged(textOf(link), why);
      },
      plugBack(link) {
        log.info({ peer: textOf(link) }, 'plugged into the switch again');
        watcher?.plugged(textOf(link));
      },
      unreachable() {},
      sendFailed(why, times) {
        const say = (all: number) => log.warn({ times: all }, `cannot send: ${why}`);
        seldom.note(performance.now(), `send ${why}`, say, times);
      },
      failed: (error) => ended.reject(error),
    },
  });
  if (configuration.secure !== undefined) {
    try {
      secure = new SecureServer(configuration.secure, cable, configuration.plug, log, seldom, watcher);
    } catch (error) {
      await cable.close();
      throw error;
    }
    if (keys !== undefined) warnOfBoth(log);
  }
  log.info({ io: cable.io }, 'how frames and datagrams are moved');

  function act(effect: ServerEffect): void {
    switch (effect.do) {
      case 'send':
        cable.send(effect.datagram, effect.to);
        break;
      case 'plug':
        plug(effect.peer, effect.id, effect.keying);
        break;
      case 'rekey': {
        const link = links.get(remoteKey(effect.peer));
        if (link === undefined) return;
        raise(link, effect.id, effect.keying);
        log.info({ peer: textOf(link), id: effect.id }, 'client logged in again');
        break;
      }
      case 'unplug':
        unplug(effect.peer, effect.why);
        break;
      case 'refused': {
        const { peer, why } = effect;
        const level = why === 'not logged in' || why === 'too many logins' ? 'info' : 'warn';
        // By reason alone: whoever can forge one source address can forge many.
        seldom.note(performance.now(), why, (times) =>
          log[level]({ peer: remoteText(peer), times }, REFUSALS[why]),
        );
        break;
      }
    }
  }

  function plug(peer: Remote, id: string, keying: Keying): void {
    const link = cable.plugIn(peer, configuration.plug);
    if (link === undefined) {
      log.warn({ peer: remoteText(peer) }, 'refused a client: no memory for one more session');
      return;
    }
    links.set(remoteKey(peer), link);
    raise(link, id, keying);
    warnOfWeakness(log, remoteText(peer), keying.suite);
    log.info({ peer: remoteText(peer), id, cipher: keyingText(keying) }, 'client is up');
    watcher?.up({ peer: remoteText(peer), address: remoteText(peer), cipher: keying.suite });
  }

  function raise(link: Link, id: string, keying: Keying): void {
    cable.raise(link, keying);
    if (isOriginalId(id)) cable.limit(link, longestFrame(keying.suite, ORIGINAL_DATAGRAM_MAX));
  }

  function unplug(peer: Remote, why: PeerDown | 'the server ends'): void {
    const link = links.get(remoteKey(peer));
    if (link === undefined) return;
    links.delete(remoteKey(peer));
    log.info({ peer: remoteText(peer) }, `client is gone: ${why}`);
    if (why !== 'the server ends') watcher?.down(remoteText(peer), why);
    const done = cable.unplug(link).finally(() => closing.delete(done));
    closing.add(done);
  }

  const timer = setInterval(() => {
    machine.tick(performance.now());
    for (const effect of machine.take()) act(effect);
  }, TICK_MS);

  // A switch that is not there is told of at once, not when the first client comes.
  const probe = cable.probe(configuration.plug);
  const ready = probe.settled.finally(() => probe.close());
  ready.catch(() => {});

  return {
    local: cable.local,
    io: cable.io,
    ready,
    ended: ended.promise,
    statistics: () => [
      ...[...links.values()].map((link) => ({ peer: textOf(link), ...cable.counts(link) })),
      ...(secure?.side.statistics() ?? []),
    ],
    refusals: () => secure?.side.refused ?? new Map(),
    reload: secure && (() => secure.reload()),
    enrol(publicKey, presharedKey) {
      if (secure === undefined)
        throw new CryptcabError('this server serves no secure clients: start it with --secure');
      return secure.enrol(publicKey, presharedKey);
    },
    async close() {
      clearInterval(timer);
      for (const link of [...links.values()]) unplug(link.remote, 'the server ends');
      await Promise.allSettled([...closing, probe.close()]);
      await secure?.close();
      machine.end();
      if (keys?.kind === 'preshared') keys.key.fill(0);
      await cable.close();
      ended.resolve();
    },
  };
}
