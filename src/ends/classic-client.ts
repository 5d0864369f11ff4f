import { type ClassicLink, deviceOf, type Link } from '../cable/link.js';
import { openCable } from '../cable/open-cable.js';
import { firstAttempt, type Patience } from '../cable/patience.js';
import type { OpenPlug } from '../cable/plug/plug.js';
import { Elsewhere } from '../cable/udp/elsewhere.js';
import { ownUdp } from '../cable/udp/own.js';
import type { OpenUdp } from '../cable/udp/udp.js';
import type { WireTap } from '../cable/wire-tap.js';
import { openCore } from '../core/open-core.js';
import { type Keying, keyingText } from '../core/terms.js';
import { deferred } from '../deferred.js';
import { CryptcabError, isHopeless, messageOf } from '../error.js';
import { drawSecret } from '../keys/draw.js';
import { type Log, SeldomLog } from '../log.js';
import type { Io } from '../options/io-path.js';
import { ClassicClient } from '../protocol/classic/client.js';
import type { ClientEffect, ClientMode } from '../protocol/classic/client-terms.js';
import { ORIGINAL_DATAGRAM_MAX } from '../protocol/classic/constants.js';
import type { CipherChoice } from '../protocol/classic/session-key.js';
import { type Remote, remoteText } from '../protocol/remote.js';
import { longestFrame } from '../protocol/sizes.js';
import { Captures } from './capture/captures.js';
import { denialText, muteText } from './denials.js';
import { Passages } from './passages.js';
import { Attendance } from './report/attendance.js';
import { endReport, noPing } from './report/report.js';
import { type Ask, Resolver } from './resolve.js';
import type { RunningClient, Watcher } from './running.js';
import { keepTrying } from './try-again.js';
import {
  noteRefusal,
  warnOfLength,
  warnOfLoop,
  warnOfNobody,
  warnOfPort,
  warnOfWeakness,
  warnOfWear,
} from './warnings.js';

/**
 * Carries a key to the server, for the session of that id.
 * @throws CryptcabError when that cannot be done
 */
export type CarryKey = (id: string, key: Uint8Array, signal: AbortSignal) => Promise<void>;

export interface ClientConfiguration {
  /** Local UDP port; 0 for any. */
  readonly port: number;
  /** Our only address; all of this machine's when undefined. */
  readonly bind?: string | undefined;
  /** Name or address of the server, and its UDP port. */
  readonly server: { readonly host: string; readonly port: number };
  readonly mode: ClientMode;
  /** `auto` when undefined. */
  readonly cipher?: CipherChoice;
  readonly keepalive: boolean;
  /** `network` unless told. */
  readonly patience?: Patience;
  readonly carryKey: CarryKey;
  /** Looks names up; the system does unless told. */
  readonly ask?: Ask;
  readonly plug: OpenPlug;
  readonly log: Log;
  readonly watcher?: Watcher | undefined;
  readonly tap?: WireTap;
  readonly io?: Io;
  readonly openUdp?: OpenUdp;
}

/** Starts a client: one cable to one server. */
export async function startClient(configuration: ClientConfiguration): Promise<RunningClient> {
  const { log, server, mode, patience = 'network' } = configuration;
  const core = await openCore();
  const seldom = new SeldomLog();
  const ended = deferred();
  const up = deferred();
  const passages = new Passages();
  const attendance = new Attendance(configuration.watcher, () => [link.counts()], true);
  /** When something authentic came last. */
  let heardAt: number | undefined;
  const abort = new AbortController();
  const now = () => performance.now();
  let tasks: Promise<unknown>[] = [];
  let timer: NodeJS.Timeout | undefined;
  /** When the timer rings. */
  let armed = Infinity;
  let suite: Keying['suite'] = 'plain';
  /** Whether the network said, after the last datagram of the handshake, that nobody listens there. */
  let nobody = false;
  /** Whether the session is keyed and the cable not up, as nothing has shown yet that frames come. */
  let onTrial = false;
  let addresses: string[] = [];
  let tried = -1;
  /** Whether it was said that no address can be reached. */
  let saidUnreachable = false;
  /** Before that, a plug that fails ends the client, which says so itself. */
  let pluggedIn = false;
  let wasUp = false;
  let remote: Remote = { address: server.host, port: server.port };
  let carryFailure = '';
  /** Why it is not up, in words; undefined while nobody has answered. */
  let trouble: string | undefined;

  const machine = new ClassicClient({
    mode,
    ...(configuration.cipher && { cipher: configuration.cipher }),
    keepalive: configuration.keepalive,
    random: drawSecret,
    sealResponse: (keying, challenge) => core.sealResponse(keying, challenge),
  });

  const elsewhere = new Elsewhere(configuration.openUdp ?? ownUdp(), configuration.bind, () =>
    step(() => machine.happen(now(), 'elsewhere')),
  );

  const cable = await openCable({
    core,
    io: configuration.io,
    plug: configuration.plug,
    openUdp: configuration.openUdp,
    port: configuration.port,
    bind: configuration.bind,
    connects: true,
    tap: configuration.tap,
    events: {
      control(datagram) {
        elsewhere.stop();
        step(() => machine.receive(now(), datagram));
      },
      heard() {
        heardAt = now();
        if (onTrial) step(() => machine.heard());
        else machine.heard();
      },
      sent() {
        machine.sent(now());
        if (machine.deadline < armed) arm();
      },
      large: () => step(() => machine.happen(now(), 'large')),
      tooLong: (_link, frameMax) => warnOfLength(log, remoteText(remote), frameMax, frameMax < core.frameMax),
      refused(_link, why, times) {
        if (why === 'no key') return; // not up: frames from the switch have nowhere to go yet
        if (why === 'own datagram') {
          const loop = (all: number) => warnOfLoop(log, remoteText(remote), remote, all);
          return seldom.note(now(), why, loop, times);
        }
        seldom.note(now(), why, (all) => log.info({ times: all }, `dropped: ${why}`), times);
      },
      worn: () => warnOfWear(log, remoteText(remote)),
      plugLost(link, why) {
        if (pluggedIn) unplugged(link, why);
      },
      plugged(link) {
        attendance.plug = { open: true, trouble: undefined };
        passages.plugged(link, () => {
          log.info({ port: link.port }, 'plugged into the switch again');
          attendance.plugged({ peer: remoteText(remote) });
        });
      },
      unreachable() {
        warnOfNobody(log, seldom, remoteText(remote));
        nobody = true;
        step(() => machine.happen(now(), 'unreachable'));
      },
      sendFailed(why, times, lasts) {
        noteRefusal(log, seldom, why, times, lasts);
        // A LOGIN that was not sent need not wait for an answer.
        if (lasts || machine.state === 'opening') step(() => machine.happen(now(), 'sendFailed'));
      },
      failed: (error) => ended.reject(error),
    },
  });
  log.info({ io: cable.io }, 'how frames and datagrams are moved');
  const resolver = new Resolver(server.host, cable.local.address, log, configuration.ask);

  const link = cable.plugIn(remote, configuration.plug) as ClassicLink; // the first session of a fresh core
  attendance.begin();
  const captures = new Captures({
    cable,
    links: () => [link],
    who: () => ({ peer: remoteText(remote) }),
    away: () => [],
  });
  const ready = firstAttempt(link.settled as Promise<void>, patience);
  ready.then(
    (waits) => {
      if (waits !== undefined) unplugged(link, waits);
      pluggedIn = true;
    },
    (error: Error) => ended.reject(error),
  );

  function unplugged(link: Link, why: string): void {
    const had = passages.lost(link, () => attendance.unplugged({ peer: remoteText(remote) }, why));
    warnOfPort(log, seldom, had, why);
  }

  /** The server's other addresses, in the order of trying. */
  function others(): Remote[] {
    const rest = [...addresses.slice(tried + 1), ...addresses.slice(0, tried)];
    return rest.map((address) => ({ address, port: server.port }));
  }

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
        nobody = false;
        cable.send(effect.datagram, remote);
        if (machine.state === 'opening') elsewhere.ask(others()); // it was a LOGIN
        break;
      case 'resolve':
        run(resolve());
        break;
      case 'enrol':
        run(enrol(effect.id, effect.key));
        break;
      case 'trial':
        raise(effect.keying);
        onTrial = true;
        log.info({ server: remoteText(remote) }, 'logged in; seeing whether frames come');
        break;
      case 'up':
        if (!onTrial) raise(effect.keying);
        onTrial = false;
        trouble = undefined;
        passages.agreed(link, () => {
          const server = remoteText(remote);
          log.info({ server, cipher: keyingText(effect.keying), port: link.port }, 'the cable is up');
          const seen = { peer: server, address: server, cipher: suite, ...deviceOf(link) };
          attendance.up(seen, () => link.counts());
          up.resolve();
        });
        break;
      case 'down':
        link.lower();
        onTrial = false;
        log.info(
          { server: remoteText(remote) },
          effect.why === 'unknown'
            ? 'the server does not know this client any more: logging in again'
            : 'nothing comes from the server any more: looking it up, and logging in again',
        );
        if (passages.over(link)) attendance.down({ peer: remoteText(remote) }, effect.why);
        break;
      case 'reconnect':
        run(reconnect());
        break;
      case 'cut':
        link.limit(longestFrame(suite, ORIGINAL_DATAGRAM_MAX));
        break;
      case 'denied': {
        attendance.refuse(effect.why);
        const says = denialText(effect.why, configuration);
        trouble = says;
        seldom.note(now(), effect.why, () => log.warn({ server: remoteText(remote) }, `${says}; trying on`));
        break;
      }
      case 'mute':
        trouble = muteText(server.host);
        log.warn({ server: remoteText(remote) }, trouble);
        break;
      case 'tryNext':
        log.info(
          { server: remoteText(remote), cipher: keyingText(effect.keying) },
          'the server denied the key: trying another cipher with it',
        );
        break;
      case 'notCarried':
        trouble = carryFailure;
        seldom.note(now(), 'enrol', () => log.warn({}, `${carryFailure}; trying on`));
        break;
      case 'unanswered':
        if (nobody) break; // the network has said why
        seldom.note(now(), 'unanswered', () =>
          log.warn(
            {},
            `no answer from ${remoteText(remote)}, trying on: see that the server runs, and that UDP port ${server.port} is open on the way`,
          ),
        );
        break;
      case 'fail':
        ended.reject(new CryptcabError(carryFailure));
        break;
    }
  }

  function raise(keying: Keying): void {
    link.move(remote);
    link.raise(keying);
    wasUp = true;
    attendance.handshakes++;
    suite = keying.suite;
    warnOfWeakness(log, remoteText(remote), suite);
  }

  function run(task: Promise<void>): void {
    const running = task.finally(() => {
      tasks = tasks.filter((other) => other !== running);
    });
    tasks.push(running);
  }

  /** The next address of the server that there is a route to; its name is looked up again when all have been tried. */
  async function resolve(): Promise<void> {
    const { answered } = elsewhere;
    if (answered !== undefined) {
      tried = addresses.indexOf(answered.address) - 1;
      log.info({}, `${remoteText(remote)} is silent, and ${remoteText(answered)} answers: logging in there`);
    }
    try {
      if (tried + 1 >= addresses.length) {
        addresses = await look();
        tried = -1;
      }
      remote = await connectNext();
    } catch (error) {
      trouble = messageOf(error);
      if (patience === 'nothing' && !wasUp) ended.reject(error as Error);
      step(() => machine.happen(now(), 'resolveFailed'));
      return;
    }
    trouble = undefined;
    log.debug({ server: remoteText(remote) }, 'logging in');
    step(() => machine.resolved(now(), addresses.length));
  }

  async function look(): Promise<string[]> {
    try {
      return await resolver.look(abort.signal);
    } catch (error) {
      if (isHopeless(error)) ended.reject(error);
      throw error;
    }
  }

  async function connectNext(): Promise<Remote> {
    for (;;) {
      tried++;
      try {
        const connected = await cable.connect({ address: addresses[tried] as string, port: server.port });
        if (saidUnreachable) log.warn({}, `${remoteText(connected)} can be reached now: going on`);
        saidUnreachable = false;
        return connected;
      } catch (error) {
        log.debug({}, messageOf(error));
        if (tried + 1 < addresses.length) continue;
        if (!saidUnreachable) log.warn({}, `${messageOf(error)} (yet), trying again`);
        saidUnreachable = true;
        throw error;
      }
    }
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
      const carry = () => configuration.carryKey(id, key, abort.signal);
      // Where nothing is encrypted, a server may do without the key after all: the machine finds out by a LOGIN.
      const once = (mode.kind === 'plain' && wasUp) || (patience === 'nothing' && !wasUp);
      await (once
        ? carry()
        : keepTrying(carry, {
            signal: abort.signal,
            random: Math.random,
            failed: ({ marked: message }) => {
              trouble = message;
              seldom.note(now(), message, () => log.warn({}, `${message}; trying again`));
            },
            goesOn: () => log.warn({}, `the key is at ${server.host}: going on`),
          }));
    } catch (error) {
      carryFailure = messageOf(error);
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
    ready,
    up: up.promise,
    trouble: () => resolver.trouble ?? trouble,
    ended: ended.promise,
    refusals: () => new Map(),
    captures,
    report: () =>
      endReport({
        ...{ role: 'client', mode: 'classic', cable, attendance, seldom, server },
        locator: configuration.plug.locator,
        trouble: resolver.trouble ?? trouble,
        peers: [
          {
            identity: { peer: remoteText(remote) },
            cable: 'classic',
            address: remote,
            quiet: heardAt && now() - heardAt,
            link,
            counts: link.counts(),
          },
        ],
      }),
    ping: () => noPing('this cable'),
    statistics: () => [{ peer: remoteText(remote), port: link.port, ...link.counts() }],
    async close() {
      abort.abort();
      attendance.close();
      clearTimeout(timer);
      captures.close();
      await Promise.allSettled([...tasks, elsewhere.close()]);
      await link.close();
      machine.end();
      await cable.close();
      await configuration.plug.close?.();
      ended.resolve();
    },
  };
}
