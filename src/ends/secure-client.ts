import { deviceOf } from '../cable/link.js';
import type { PeerIdentity } from '../cable/plug/plug.js';
import { nobodyListens } from '../cable/udp/knock.js';
import { ownUdp } from '../cable/udp/own.js';
import { deferred } from '../deferred.js';
import { CryptcabError, messageOf, TemporaryError } from '../error.js';
import { keyText } from '../keys/key-text.js';
import { optionName } from '../options/name.js';
import { type Remote, remoteText } from '../protocol/remote.js';
import { KEEPALIVE_INTERVAL } from '../protocol/secure/constants.js';
import type { Peer } from '../protocol/secure/peer.js';
import type { SecureOptions } from '../protocol/secure/terms.js';
import { End, type EndConfiguration } from './end.js';
import { EnrolPace } from './enrol-pace.js';
import { ownClock } from './hints.js';
import { NoRoute } from './no-route.js';
import { identityOf, peerText } from './peers/peer-text.js';
import { endpointText, type PeerFacts } from './report/report.js';
import { Resolver } from './resolve.js';
import type { RunningClient } from './running.js';
import { SecureSide } from './secure-side.js';
import { keepTrying } from './try-again.js';
import { warnOfNobody } from './warnings.js';

/** What a client needs to connect. */
export interface SecureKeys {
  /** Of this end, 32 bytes; wiped when the machine has a copy. */
  readonly privateKey: Uint8Array;
  /** 32 bytes; wiped likewise. */
  readonly presharedKey?: Uint8Array;
  /** 32 bytes. */
  readonly serverPublicKey: Uint8Array;
  /** The server's UDP port, if enrolment returns it. */
  readonly serverPort?: number;
}

/**
 * Gets keys that the server knows: at the start, and again when the server does not answer.
 * @throws CryptcabError when that cannot be done
 */
export type Enrol = (signal: AbortSignal) => Promise<SecureKeys>;

export interface SecureClientConfiguration extends EndConfiguration {
  /** Name or address of the server, and its UDP port. */
  readonly server: { readonly host: string; readonly port: number };
  /** Whether datagrams go to that port, whatever port enrolment returns: it is forwarded to the server's. */
  readonly portForwarded?: boolean;
  /** Keys that both ends have, or the way to get some. */
  readonly keys: SecureKeys | Enrol;
  readonly keepalive: boolean;
  /** Largest UDP payload to be sent, bytes. */
  readonly path: number;
  /** Told the keys of each handshake; default: nobody. */
  readonly keyLog?: SecureOptions['keyLog'];
}

/**
 * Starts a client of the secure cable: one cable to one server. There is no way from here to the classic protocol.
 * @throws CryptcabError when the port cannot be had, or keys that are none
 */
export async function startSecureClient(configuration: SecureClientConfiguration): Promise<RunningClient> {
  const { log, server, keys, patience = 'network' } = configuration;
  const pace = new EnrolPace();
  const up = deferred();
  const ready = deferred();
  /** What the first attempt to plug in waits for. */
  let waitsFor: string | undefined;
  const abort = new AbortController();
  let side: SecureSide | undefined;
  let peer: Peer | undefined;
  let enrolling: Promise<void> | undefined;
  let knocking: Promise<void> | undefined;
  /** Why the last enrolment failed, while it is tried again. */
  let trouble: string | undefined;
  /** Ends the enrolment that is under way. */
  let noMore = new AbortController();
  let wasUp = false;
  const who = server.host;
  /** Of the server that is called. */
  let noRoute: NoRoute | undefined;

  const end = await End.open(configuration, {
    role: 'client',
    who: whom,
    links: () => side?.links() ?? [],
    away: () => [whom()],
    counts: () => side?.counts() ?? [],
    control: (datagram, from) => side?.receive(datagram, from),
    sendFailed(why, lasts) {
      if (noRoute?.explains(why)) return true;
      if (lasts && !wasUp && patience === 'nothing')
        end.fail(new TemporaryError(`cannot send to ${who}: ${why}`));
      return false;
    },
  });
  const { attendance, cable, captures, passages, seldom } = end;
  end.begin();

  function whom(): PeerIdentity {
    return peer === undefined ? { peer: who } : identityOf(peer);
  }

  /** Calls the server with these keys. */
  function call({ privateKey, presharedKey, serverPublicKey, serverPort = server.port }: SecureKeys): void {
    const port = configuration.portForwarded ? server.port : serverPort;
    const route = new NoRoute(log, endpointText({ host: who, port }));
    noRoute = route;
    const mine = new SecureSide({
      cable,
      privateKey,
      path: configuration.path,
      keyLog: configuration.keyLog,
      log,
      seldom,
      handlers: {
        up(to) {
          pace.answered();
          noMore.abort(); // the keys that were there hold
          const link = mine.linkOf(to);
          if (link === undefined) return;
          passages.agreed(link, () => {
            log.info({ server: who, peer: peerText(to), port: link.port }, 'the cable is up');
            const address = remoteText(to.endpoint as Remote);
            const seen = { ...identityOf(to), address, cipher: 'secure', ...deviceOf(link) } as const;
            attendance.up(seen, () => link.counts());
            wasUp = true;
            up.resolve();
          });
        },
        down(to, why) {
          const link = mine.linkOf(to);
          const hadPassed = link !== undefined && passages.over(link);
          if (why !== 'expired' && why !== 'goodbye') {
            if (hadPassed) attendance.interrupted(identityOf(to), why); // replaced by another, or at the end
            return;
          }
          const said =
            why === 'expired' ? 'nothing has come from the server for long' : 'the server said goodbye';
          log.info({ server: who, peer: peerText(to) }, `the cable is down: ${said}; calling it again`);
          if (hadPassed) attendance.down(identityOf(to), why);
          mine.wanted(to);
        },
        keyed() {
          attendance.handshakes++;
        },
        left: (to, counts) => attendance.gone(identityOf(to), counts),
        stranger: (publicKey, from) => {
          const key = keyText(publicKey);
          log.warn(
            { peer: remoteText(from), publicKey: key },
            `somebody calls with another public key than the server's: if this is the server, give ${optionName('secure.serverPublicKey')} ${key}`,
          );
        },
        called(to, refused) {
          // While it is up, its keys hold for minutes: what passes until then costs nothing.
          if (peer === undefined || mine.isUp(peer)) return;
          if (!route.called(to, peer.whereabouts, refused)) return;
          const why = route.trouble as string;
          if (patience === 'nothing' && !wasUp) end.fail(new TemporaryError(why));
          else log.warn({}, `${why}, waiting for one`);
        },
        noAnswer() {
          if (typeof keys === 'function' && pace.due(performance.now())) enrol(keys);
          if (enrolling !== undefined) return; // new keys may get an answer; if there are none, that is said
          if (route.trouble !== undefined) return; // which has its own line
          knocking ??= sayWhy(mine, port).finally(() => {
            knocking = undefined;
          });
        },
        unanswered: (to) => mine.wanted(to),
        noWay: (_to, error) => end.fail(error),
      },
    });
    privateKey.fill(0);
    side = mine;
    let called: Peer;
    try {
      const options = { publicKey: serverPublicKey, ...(presharedKey && { presharedKey }) };
      called = mine.add(options, { host: who, port });
    } catch (error) {
      throw new CryptcabError(
        `the server's public key (${optionName('secure.serverPublicKey')}) is none to use: ${messageOf(error)}`,
      );
    } finally {
      presharedKey?.fill(0);
    }
    peer = called;
    end
      .plugIn(mine.plug(called, configuration.plug), () => mine.linkOf(called))
      .then((waits) => {
        waitsFor = waits;
        ready.resolve();
      })
      .catch((error: Error) => {
        if (end.pluggedIn) return;
        ready.reject(error);
        end.fail(error);
      });
  }

  /** Says why there is no answer, as far as that can be found out. */
  async function sayWhy(mine: SecureSide, port: number): Promise<void> {
    await undefined; // the next initiation is sent first: an older one after it would be a replay from a clock set back
    const { initiation } = mine;
    const open = configuration.openUdp ?? ownUdp();
    const asked = initiation && nobodyListens(open, initiation.to, initiation.datagram, abort.signal);
    const nobody = await asked?.catch(() => false);
    const answered = peer !== undefined && mine.isUp(peer); // meanwhile
    if (abort.signal.aborted || answered) return;
    if (initiation && nobody) {
      warnOfNobody(log, seldom, remoteText(initiation.to));
      return;
    }
    seldom.note(performance.now(), 'unanswered', () =>
      log.warn({ publicKey: keyText(mine.publicKey) }, noAnswer(port)),
    );
  }

  function noAnswer(port: number): string {
    const enrolled = typeof keys === 'function';
    const missing = enrolled
      ? ' (cryptcab doctor, with the login of ssh, looks at more)'
      : `, that its peers file has the public key of this end, that ${optionName('secure.serverPublicKey')} is its own, that both have the same psk= or none, and that it is no server of classic clients alone, which takes ${optionName('speaksClassic', 'no secure')}`;
    return `no secure answer from ${endpointText({ host: who, port })}, still trying: see that a server with ${optionName('secure')} runs there, and that UDP port ${port} is open on the way${missing}${enrolled ? '' : ownClock(Date.now())}`;
  }

  /** Gets new keys, and calls the server with them. */
  function enrol(get: Enrol): void {
    if (enrolling !== undefined) return;
    noMore = new AbortController();
    const signal = AbortSignal.any([abort.signal, noMore.signal]);
    enrolling = (async () => {
      try {
        // While an enrolment is tried again, the keys that are there are tried on.
        const once = patience === 'nothing' && side === undefined;
        const attempt = once
          ? get(signal)
          : keepTrying(() => get(signal), {
              signal,
              random: Math.random,
              failed: ({ marked: message }) => {
                trouble = message;
                const say = () => log.warn({}, `${message}; trying again`);
                seldom.note(performance.now(), message, say);
              },
              goesOn: () => log.warn({}, `enrolled at ${who}: going on`),
            });
        const got = await attempt.catch((error: Error) => {
          if (side === undefined) throw error;
          if (!signal.aborted) seldom.note(performance.now(), 'enrol', () => log.warn({}, messageOf(error)));
        });
        trouble = undefined;
        if (got === undefined) return; // the old keys are tried on
        for (const [why, times] of side?.refused ?? []) attendance.refuse(why, Number(times));
        await side?.close();
        if (!abort.signal.aborted) call(got);
      } catch (error) {
        if (!abort.signal.aborted) end.fail(error as Error);
      } finally {
        pace.begun(performance.now());
        enrolling = undefined;
      }
    })();
  }

  async function close(): Promise<void> {
    abort.abort();
    end.stop();
    clearInterval(keepalive);
    await Promise.all([enrolling, knocking]);
    await side?.close();
    await end.close();
  }

  /** Of a client that is still enrolling. */
  const unknownServer = (): PeerFacts => ({
    identity: whom(),
    cable: 'secure',
    address: undefined,
    quiet: undefined,
    link: undefined,
    counts: undefined,
  });
  const whyNot = () => trouble ?? (peer && side?.trouble(peer)) ?? noRoute?.trouble;
  const told = ready.promise.then(() => waitsFor);
  told.catch(() => {}); // `ended` says it as well
  const keepalive = configuration.keepalive
    ? setInterval(() => peer && side?.keepalive(peer), KEEPALIVE_INTERVAL)
    : undefined;
  if (typeof keys === 'function') {
    enrol(keys);
  } else {
    try {
      if (patience === 'nothing') await new Resolver(who, cable.local.address, log).look(abort.signal, true);
      call(keys);
    } catch (error) {
      await close();
      throw error;
    }
  }

  return {
    local: cable.local,
    io: cable.io,
    ready: told,
    up: up.promise,
    trouble: whyNot,
    ended: end.ended,
    statistics: () => side?.statistics() ?? [],
    refusals: () => side?.refused ?? new Map(),
    captures,
    report: () =>
      end.report({
        mode: 'secure',
        server,
        path: configuration.path,
        publicKey: side?.publicKey,
        refused: side?.refused,
        ...side?.strangers,
        trouble: whyNot(),
        peers: side === undefined ? [unknownServer()] : [...side.facts()],
      }),
    async ping(publicKey) {
      if (side === undefined || peer === undefined || keyText(peer.publicKey) !== publicKey)
        throw new CryptcabError('there is no such peer');
      return side.ping(peer);
    },
    close,
  };
}
