import { randomBytes } from 'node:crypto';
import type { Link, WireTap } from './cable.js';
import { Core, type Keying, keyingText } from './core/core.js';
import { CryptcabError, messageOf } from './error.js';
import type { Io } from './io-path.js';
import { type Log, SeldomLog } from './log.js';
import { openCable } from './open-cable.js';
import type { OpenPlug, Plug } from './plug/plug.js';
import { ClassicClient } from './protocol/classic-client.js';
import type { ClientEffect, ClientFailure, ClientMode } from './protocol/client-terms.js';
import { ORIGINAL_DATAGRAM_MAX } from './protocol/constants.js';
import { type Remote, remoteText } from './protocol/remote.js';
import type { Cipher } from './protocol/session-key.js';
import { longestFrame } from './protocol/sizes.js';
import { resolveHost } from './resolve.js';
import { deferred, type RunningClient, type Watcher } from './running.js';
import type { OpenUdp } from './udp/udp.js';
import { warnOfLength, warnOfWeakness, warnOfWear } from './warnings.js';

/**
 * Carries a key to the server, for the session of that id.
 * @throws CryptcabError when that cannot be done
 */
export type CarryKey = (id: string, key: Uint8Array, signal: AbortSignal) => Promise<void>;

export interface ClientConfiguration {
  /** Local UDP port; 0 for any. */
  readonly port: number;
  /** Name or address of the server, and its UDP port. */
  readonly server: { readonly host: string; readonly port: number };
  readonly mode: ClientMode;
  /** Blowfish when undefined. */
  readonly cipher?: Cipher;
  readonly keepalive: boolean;
  readonly carryKey: CarryKey;
  readonly plug: OpenPlug;
  readonly log: Log;
  readonly watcher?: Watcher | undefined;
  readonly tap?: WireTap;
  readonly io?: Io;
  readonly openUdp?: OpenUdp;
}

/** Starts a client: one cable to one server. */
export async function startClient(configuration: ClientConfiguration): Promise<RunningClient> {
  const { log, server, mode, watcher } = configuration;
  const core = await Core.load();
  const seldom = new SeldomLog();
  const ended = deferred();
  const up = deferred();
  const abort = new AbortController();
  const now = () => performance.now();
  let tasks: Promise<unknown>[] = [];
  let timer: NodeJS.Timeout | undefined;
  /** When the timer rings. */
  let armed = Infinity;
  let suite: Keying['suite'] = 'plain';
  let addresses: string[] = [];
  let tried = -1;
  /** Before that, a plug that fails ends the client, which says so itself. */
  let pluggedIn = false;
  let remote: Remote = { address: server.host, port: server.port };
  let carryFailure = '';
  let resolveFailure = '';

  const machine = new ClassicClient({
    mode,
    ...(configuration.cipher && { cipher: configuration.cipher }),
    keepalive: configuration.keepalive,
    random: randomBytes,
    sealResponse: (keying, challenge) => core.sealResponse(keying, challenge),
  });

  const cable = await openCable({
    core,
    io: configuration.io,
    openUdp: configuration.openUdp,
    port: configuration.port,
    tap: configuration.tap,
    events: {
      control: (datagram) => step(() => machine.receive(now(), datagram)),
      heard: () => machine.heard(),
      sent() {
        machine.sent(now());
        if (machine.deadline < armed) arm();
      },
      large: () => step(() => machine.happen(now(), 'large')),
      tooLong: (_link, frameMax) => warnOfLength(log, remoteText(remote), frameMax, frameMax < core.frameMax),
      refused(_link, why, times) {
        if (why === 'no key') return; // not up: frames from the switch have nowhere to go yet
        seldom.note(now(), why, (all) => log.info({ times: all }, `dropped: ${why}`), times);
      },
      worn: () => warnOfWear(log, remoteText(remote)),
      plugLost(_link, why) {
        if (!pluggedIn) return;
        seldom.note(now(), 'plug', () => log.warn({}, `lost the switch, trying again: ${why}`));
        watcher?.unplugged(remoteText(remote), why);
      },
      plugBack() {
        log.info({}, 'plugged into the switch again');
        watcher?.plugged(remoteText(remote));
      },
      unreachable() {
        seldom.note(now(), 'unreachable', (times) =>
          log.info({ times }, `nobody listens at ${remoteText(remote)} (yet)`),
        );
        step(() => machine.happen(now(), 'unreachable'));
      },
      sendFailed(why, times) {
        seldom.note(now(), `send ${why}`, (all) => log.warn({ times: all }, `cannot send: ${why}`), times);
        step(() => machine.happen(now(), 'sendFailed'));
      },
      failed: (error) => ended.reject(error),
    },
  });
  log.info({ io: cable.io }, 'how frames and datagrams are moved');

  const link = cable.plugIn(remote, configuration.plug) as Link; // the first session of a fresh core
  const { settled } = link.plug as Pick<Plug, 'settled'>;
  settled.then(
    () => {
      pluggedIn = true;
    },
    (error: Error) => ended.reject(error),
  );

  /** Tells the machine something, does what it says, and sets the clock for it. */
  function step(tell: () => void): void {
    if (abort.signal.aborted) return;
    tell();
    for (const effect of machine.take()) act(effect);
    arm();
  }

  function arm(): void {
    clearTimeout(timer);
    armed = machine.deadline;
    if (armed === Infinity) return;
    timer = setTimeout(() => step(() => machine.happen(now(), 'timer')), Math.max(0, armed - now()));
  }

  function act(effect: ClientEffect): void {
    switch (effect.do) {
      case 'send':
        cable.send(effect.datagram, remote);
        break;
      case 'resolve':
        run(resolve());
        break;
      case 'enrol':
        run(enrol(effect.id, effect.key));
        break;
      case 'up':
        cable.move(link, remote);
        cable.raise(link, effect.keying);
        suite = effect.keying.suite;
        warnOfWeakness(log, remoteText(remote), effect.keying.suite);
        log.info({ server: remoteText(remote), cipher: keyingText(effect.keying) }, 'the cable is up');
        watcher?.up({ peer: remoteText(remote), address: remoteText(remote), cipher: suite });
        up.resolve();
        break;
      case 'down':
        cable.lower(link);
        log.info(
          { server: remoteText(remote) },
          effect.why === 'unknown'
            ? 'the server does not know this client any more: logging in again'
            : 'nothing comes from the server any more: looking it up, and logging in again',
        );
        watcher?.down(remoteText(remote), effect.why);
        break;
      case 'reconnect':
        run(reconnect());
        break;
      case 'cut':
        cable.limit(link, longestFrame(suite, ORIGINAL_DATAGRAM_MAX));
        break;
      case 'denied':
        seldom.note(now(), effect.why, () =>
          log.warn({ server: remoteText(remote) }, failureText(effect.why)),
        );
        break;
      case 'unanswered':
        seldom.note(now(), 'unanswered', () =>
          log.warn(
            {},
            `no answer from ${remoteText(remote)}, trying on: see that the server runs, and that UDP port ${server.port} is open on the way`,
          ),
        );
        break;
      case 'fail':
        ended.reject(new CryptcabError(failureText(effect.why)));
        break;
    }
  }

  function failureText(why: ClientFailure): string {
    const who = server.host;
    switch (why) {
      case 'no such host':
        return resolveFailure;
      case 'key not carried':
        return carryFailure;
      case 'no key at server':
        return mode.kind === 'preshared'
          ? `${who} denied the login: start the server with -P and the same key file`
          : `${who} denied the login, it found no key: start the server without -P, and let it read the key files of the user who sends them`;
      case 'wrong key':
        return `${who} denied the key: both ends need the same key file${configuration.cipher === 'chacha20' ? ', of 44 bytes' : ''}`;
      case 'wants encryption':
        return `${who} wants encryption: start both ends with -x, or neither`;
    }
  }

  function run(task: Promise<void>): void {
    const running = task.finally(() => {
      tasks = tasks.filter((other) => other !== running);
    });
    tasks.push(running);
  }

  /** The next address of the server; its name is looked up again when all have been tried. */
  async function resolve(): Promise<void> {
    try {
      if (tried + 1 >= addresses.length) {
        addresses = await resolveHost(server.host);
        tried = -1;
      }
      tried++;
      remote = await cable.connect({ address: addresses[tried] as string, port: server.port });
    } catch (error) {
      resolveFailure = messageOf(error);
      log.info({}, resolveFailure);
      step(() => machine.happen(now(), 'resolveFailed'));
      return;
    }
    log.debug({ server: remoteText(remote) }, 'logging in');
    step(() => machine.resolved(now(), addresses.length));
  }

  /** To the same address, from whatever address this end now has. */
  async function reconnect(): Promise<void> {
    try {
      await cable.connect(remote);
    } catch (error) {
      seldom.note(now(), 'reconnect', () => log.info({}, messageOf(error)));
      step(() => machine.happen(now(), 'resolveFailed'));
      return;
    }
    step(() => machine.resolved(now(), addresses.length));
  }

  async function enrol(id: string, key: Uint8Array): Promise<void> {
    try {
      await configuration.carryKey(id, key, abort.signal);
    } catch (error) {
      carryFailure = messageOf(error);
      if (!abort.signal.aborted) log.info({}, carryFailure);
      step(() => machine.happen(now(), 'enrolFailed'));
      return;
    } finally {
      key.fill(0);
    }
    log.debug({ id }, 'sent the key');
    step(() => machine.happen(now(), 'enrolled'));
  }

  step(() => machine.happen(now(), 'start'));

  return {
    local: cable.local,
    io: cable.io,
    ready: settled,
    up: up.promise,
    ended: ended.promise,
    refusals: () => new Map(),
    statistics: () => [{ peer: remoteText(remote), ...cable.counts(link) }],
    async close() {
      abort.abort();
      clearTimeout(timer);
      await Promise.allSettled(tasks);
      await cable.unplug(link);
      machine.end();
      await cable.close();
      ended.resolve();
    },
  };
}
