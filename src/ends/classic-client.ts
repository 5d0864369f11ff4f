import { type ClassicLink, deviceOf } from '../cable/link.js';
import { Elsewhere } from '../cable/udp/elsewhere.js';
import { ownUdp } from '../cable/udp/own.js';
import { type Keying, keyingText } from '../core/terms.js';
import { deferred } from '../deferred.js';
import { CryptcabError, isHopeless, messageOf } from '../error.js';
import { drawSecret } from '../keys/draw.js';
import { ClassicClient } from '../protocol/classic/client.js';
import type { ClientEffect, ClientMode } from '../protocol/classic/client-terms.js';
import { ORIGINAL_DATAGRAM_MAX } from '../protocol/classic/constants.js';
import type { CipherChoice } from '../protocol/classic/session-key.js';
import { type Remote, remoteText } from '../protocol/remote.js';
import { longestFrame } from '../protocol/sizes.js';
import type { CarryKey } from './carry-key.js';
import { denialText, muteText } from './denial-text.js';
import { End, type EndConfiguration } from './end.js';
import { noPing } from './report/report.js';
import { type Ask, Resolver } from './resolve.js';
import type { RunningClient } from './running.js';
import { keepTrying } from './try-again.js';
import { warnOfNobody, warnOfWeakness } from './warnings.js';

export interface ClientConfiguration extends EndConfiguration {
  /** Name or address of the server, and its UDP port. */
  readonly server: { readonly host: string; readonly port: number };
  readonly mode: ClientMode;
  /** `auto` when undefined. */
  readonly cipher?: CipherChoice;
  readonly keepalive: boolean;
  readonly carryKey: CarryKey;
  /** Looks names up; default: the system does. */
  readonly ask?: Ask;
}

/** Starts a client: one cable to one server. */
export async function startClient(configuration: ClientConfiguration): Promise<RunningClient> {
  const { log, server, mode, patience = 'network' } = configuration;
  const up = deferred();
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
  let wasUp = false;
  /** Whether what fails now ends it: the error says why, and nothing is tried again. */
  const once = () => patience === 'nothing' && !wasUp;
  let remote: Remote = { address: server.host, port: server.port };
  let carryFailure = '';
  /** Why it is not up, in words; undefined while nobody has answered. */
  let trouble: string | undefined;

  const who = () => ({ peer: remoteText(remote) });
  const end = await End.open(configuration, {
    role: 'client',
    connects: true,
    who,
    links: () => [link],
    away: () => [],
    counts: () => [link.counts()],
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
    unreachable() {
      warnOfNobody(log, seldom, remoteText(remote));
      nobody = true;
      step(() => machine.happen(now(), 'unreachable'));
    },
    sendFailed(_why, lasts) {
      // A LOGIN that was not sent need not wait for an answer.
      if (lasts || machine.state === 'opening') step(() => machine.happen(now(), 'sendFailed'));
      return false;
    },
  });
  const { attendance, cable, captures, core, passages, seldom } = end;

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

  const resolver = new Resolver(server.host, cable.local.address, log, configuration.ask);
  const link = cable.plugIn(remote, configuration.plug) as ClassicLink; // the first session of a fresh core
  end.begin();
  const ready = end.plugIn(link.settled as Promise<void>, () => link);
  ready.catch((error: Error) => end.fail(error));

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
        seldom.note(now(), effect.why, () =>
          log.warn({ server: remoteText(remote) }, `${says}; still trying`),
        );
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
      case 'contested':
        trouble = `somebody sends CHALLENGEs in the name of ${remoteText(remote)}: still trying, each time with another one of them`;
        seldom.note(now(), 'contested', () => log.warn({ server: remoteText(remote) }, trouble as string));
        break;
      case 'notCarried':
        trouble = carryFailure;
        seldom.note(now(), 'enrol', () => log.warn({}, `${carryFailure}; still trying`));
        break;
      case 'unanswered':
        if (nobody) break; // the network has said why
        seldom.note(now(), 'unanswered', () =>
          log.warn(
            {},
            `no answer from ${remoteText(remote)}, still trying: see that the server runs, and that UDP port ${server.port} is open on the way`,
          ),
        );
        break;
      case 'fail':
        end.fail(new CryptcabError(carryFailure));
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
      if (once()) end.fail(error as Error);
      step(() => machine.happen(now(), 'resolveFailed'));
      return;
    }
    trouble = undefined;
    log.debug({ server: remoteText(remote) }, 'logging in');
    step(() => machine.resolved(now(), addresses.length));
  }

  async function look(): Promise<string[]> {
    try {
      return await resolver.look(abort.signal, once());
    } catch (error) {
      if (isHopeless(error)) end.fail(error);
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
        if (!saidUnreachable && !once()) log.warn({}, `${messageOf(error)} (yet), trying again`);
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
      await ((mode.kind === 'plain' && wasUp) || once()
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
    ended: end.ended,
    refusals: () => new Map(),
    captures,
    report: () =>
      end.report({
        mode: 'classic',
        plain: mode.kind === 'plain',
        server,
        trouble: resolver.trouble ?? trouble,
        peers: [
          {
            identity: who(),
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
      end.stop();
      clearTimeout(timer);
      await Promise.allSettled([...tasks, elsewhere.close()]);
      await link.close();
      machine.end();
      await end.close();
    },
  };
}
