import type { Link, WireTap } from '../cable.js';
import { Core } from '../core/core.js';
import { CryptcabError, messageOf } from '../error.js';
import type { Io } from '../io-path.js';
import { keyText } from '../keys/key-text.js';
import { type Log, SeldomLog } from '../log.js';
import { openCable } from '../open-cable.js';
import type { OpenPlug } from '../plug/plug.js';
import { type Remote, remoteText } from '../protocol/remote.js';
import type { Peer } from '../protocol/secure/peer.js';
import { deferred, type RunningClient, type Watcher } from '../running.js';
import type { OpenUdp } from '../udp/udp.js';
import { warnOfLength } from '../warnings.js';
import { EnrolPace } from './enrol-pace.js';
import { peerText, SecureSide } from './secure-side.js';

/** With -k: how often something is said. A NAT forgets UDP after 30 s at the earliest. */
const KEEPALIVE_INTERVAL = 25_000;

/** What a client needs to connect. */
export interface SecureKeys {
  /** Of this end, 32 bytes; wiped when the machine has a copy. */
  readonly privateKey: Uint8Array;
  /** 32 bytes; wiped likewise. */
  readonly presharedKey?: Uint8Array;
  /** 32 bytes. */
  readonly serverPublicKey: Uint8Array;
  /** The server's UDP port, where enrolment tells it. */
  readonly serverPort?: number;
}

/**
 * Gets keys that the server knows: at the start, and again when the server does not answer.
 * @throws CryptcabError when that cannot be done
 */
export type Enrol = (signal: AbortSignal) => Promise<SecureKeys>;

export interface SecureClientConfiguration {
  /** Local UDP port; 0 for any. */
  readonly port: number;
  /** Name or address of the server, and its UDP port. */
  readonly server: { readonly host: string; readonly port: number };
  /** Keys that both ends have, or the way to get some. */
  readonly keys: SecureKeys | Enrol;
  readonly keepalive: boolean;
  /** Largest UDP payload to be sent, bytes. */
  readonly path: number;
  readonly plug: OpenPlug;
  readonly log: Log;
  readonly watcher?: Watcher | undefined;
  readonly tap?: WireTap;
  readonly io?: Io;
  readonly openUdp?: OpenUdp;
}

/**
 * Starts a client of the secure cable: one cable to one server. There is no way from here to the classic protocol.
 * @throws CryptcabError when the port cannot be had, or keys that are none
 */
export async function startSecureClient(configuration: SecureClientConfiguration): Promise<RunningClient> {
  const { log, server, keys, watcher } = configuration;
  const core = await Core.load();
  const pace = new EnrolPace();
  const seldom = new SeldomLog();
  const ended = deferred();
  const up = deferred();
  const ready = deferred();
  const abort = new AbortController();
  let side: SecureSide | undefined;
  let peer: Peer | undefined;
  let enrolling: Promise<void> | undefined;
  /** Before that, a plug that fails ends the client, which says so itself. */
  let pluggedIn = false;
  const who = server.host;

  const cable = await openCable({
    core,
    io: configuration.io,
    openUdp: configuration.openUdp,
    port: configuration.port,
    tap: configuration.tap,
    events: {
      control: (datagram, from) => side?.receive(datagram, from),
      heard() {},
      sent() {},
      large() {},
      worn() {},
      tooLong: (link, frameMax) => warnOfLength(log, textOf(link), frameMax, false),
      refused(_link, why, times) {
        if (why === 'no key') return; // not up: frames from the switch have nowhere to go yet
        seldom.note(performance.now(), why, (all) => log.info({ times: all }, `dropped: ${why}`), times);
      },
      plugLost(_link, why) {
        if (!pluggedIn) return;
        seldom.note(performance.now(), 'plug', () => log.warn({}, `lost the switch, trying again: ${why}`));
        watcher?.unplugged(named(), why);
      },
      plugBack() {
        log.info({}, 'plugged into the switch again');
        watcher?.plugged(named());
      },
      unreachable() {},
      sendFailed(why, times) {
        const say = (all: number) => log.warn({ times: all }, `cannot send: ${why}`);
        seldom.note(performance.now(), `send ${why}`, say, times);
      },
      failed: (error) => ended.reject(error),
    },
  });
  log.info({ io: cable.io }, 'how frames and datagrams are moved');

  function textOf(link: Link): string {
    return remoteText(link.remote);
  }

  function named(): string {
    return peer === undefined ? who : peerText(peer);
  }

  /** Calls the server with these keys. */
  function call({ privateKey, presharedKey, serverPublicKey, serverPort = server.port }: SecureKeys): void {
    const mine = new SecureSide({
      cable,
      privateKey,
      path: configuration.path,
      log,
      seldom,
      handlers: {
        up(to) {
          log.info({ server: who, peer: peerText(to) }, 'the cable is up');
          pace.answered();
          watcher?.up({ peer: peerText(to), address: remoteText(to.endpoint as Remote), cipher: 'secure' });
          up.resolve();
        },
        down(to, why) {
          if (why !== 'expired') return; // replaced by another, or at the end
          log.info(
            { server: who, peer: peerText(to) },
            'the cable is down: nothing has come from the server for long',
          );
          watcher?.down(peerText(to), why);
        },
        noAnswer() {
          seldom.note(performance.now(), 'unanswered', () =>
            log.warn({ publicKey: keyText(mine.publicKey) }, noAnswer(serverPort)),
          );
          if (typeof keys === 'function' && pace.due(performance.now())) enrol(keys);
        },
        unanswered: (to) => mine.wanted(to),
      },
    });
    privateKey.fill(0);
    side = mine;
    let called: Peer;
    try {
      const options = { publicKey: serverPublicKey, ...(presharedKey && { presharedKey }) };
      called = mine.add(options, { host: who, port: serverPort });
    } catch (error) {
      throw new CryptcabError(`the server's public key (--peer) is none to use: ${messageOf(error)}`);
    } finally {
      presharedKey?.fill(0);
    }
    peer = called;
    mine.plug(called, configuration.plug).then(
      () => {
        pluggedIn = true;
        ready.resolve();
      },
      (error: Error) => {
        if (pluggedIn) return;
        ready.reject(error);
        ended.reject(error);
      },
    );
  }

  function noAnswer(port: number): string {
    const enrolled = typeof keys === 'function';
    const missing = enrolled
      ? ''
      : ', that its peers file has the public key of this end, that --peer is its own, and that both have the same psk= or none';
    return `no secure answer from ${who}:${port}, trying on: see that a server with --secure runs there, and that UDP port ${port} is open on the way${missing}`;
  }

  /** Gets new keys, and calls the server with them. */
  function enrol(get: Enrol): void {
    if (enrolling !== undefined) return;
    pace.begun(performance.now());
    enrolling = (async () => {
      try {
        const got = await get(abort.signal).catch((error: Error) => {
          if (side === undefined) throw error;
          seldom.note(performance.now(), 'enrol', () => log.warn({}, messageOf(error)));
        });
        if (got === undefined) return; // the old keys are tried on
        await side?.close();
        if (!abort.signal.aborted) call(got);
      } catch (error) {
        if (!abort.signal.aborted) ended.reject(error as Error);
      } finally {
        enrolling = undefined;
      }
    })();
  }

  async function close(): Promise<void> {
    abort.abort();
    clearInterval(keepalive);
    await enrolling;
    await side?.close();
    await cable.close();
    ended.resolve();
  }

  const keepalive = configuration.keepalive
    ? setInterval(() => peer && side?.keepalive(peer), KEEPALIVE_INTERVAL)
    : undefined;
  if (typeof keys === 'function') {
    enrol(keys);
  } else {
    try {
      call(keys);
    } catch (error) {
      await close();
      throw error;
    }
  }

  return {
    local: cable.local,
    io: cable.io,
    ready: ready.promise,
    up: up.promise,
    ended: ended.promise,
    statistics: () => side?.statistics() ?? [],
    refusals: () => side?.refused ?? new Map(),
    close,
  };
}
