import type { Keying } from '../../core/terms.js';
import { copyKey } from '../secret.js';
import type { ClientDenial, ClientEffect, ClientOptions, ClientState } from './client-terms.js';
import {
  ASK_AFTER,
  ASK_INTERVAL,
  ASKS_MAX,
  DENY_WINDOW,
  DOUBT_TIME,
  HANDSHAKE_DOUBT_TIME,
  KEEPALIVE_INTERVAL,
  LOGIN_INTERVAL,
  PROBES_MAX,
  RELOGIN_INTERVAL,
  RESOLVE_WAIT,
  RESPONSE_INTERVAL,
  RETRY_MAX,
} from './constants.js';
import { keepalive, login, probe } from './messages.js';
import { type CipherChoice, keyingsOf, newId, newKey, type Secret, wipe } from './session-key.js';
import { Trial } from './trial.js';

/** What a client can do; classic-client.ts says when. */
export class ClientMachine {
  state: ClientState = 'closed';
  readonly effects: ClientEffect[] = [];
  /** Addresses of the server that the host knows; 0 before it looked. */
  candidates = 0;

  readonly #options: ClientOptions;
  /** When the timer is due, but for a cable that is up. */
  #deadline = Infinity;
  #id: string;
  #secret: Secret;
  /** The ways to use #secret. */
  #ways: readonly [Keying, ...Keying[]];
  /** Which of them is tried. */
  #way = 0;
  /** The one that worked, or that the first try was made with: when it is reached again, all were denied. */
  #firstWay = 0;
  /** Whether the server has, or is not expected to need, a key of ours under #id. */
  #enrolled: boolean;
  /** A key was carried, or none has to be: from now on nothing ends the client. */
  #started: boolean;
  #loginAt = -Infinity;
  /** LOGINs sent under #id since it was new, or since the cable was up. */
  #logins = 0;
  #responseAt = -Infinity;
  #response: Uint8Array = new Uint8Array();
  #sentAt = -Infinity;
  #keepaliveAt = -Infinity;
  /** When to ask whether the server still knows us: Infinity when it was heard after all that was sent. */
  #askAt = Infinity;
  #asked = 0;
  #resolveWait: number = RESOLVE_WAIT.first;
  #reconnectAt = -Infinity;
  /** When a DENY made us doubt last, and when it is believed. */
  #doubtedAt = -Infinity;
  #believeAt = Infinity;
  /** Where nothing is encrypted. */
  readonly #trial: Trial | undefined;
  #probedAt = -Infinity;
  #probes = 0;
  /** A LOGIN under an id that was denied is tried again once. */
  #triedAgain = false;
  /** Where nothing is encrypted: the server has wanted a key since the cable was up, and was sent one. */
  #keyWanted = false;
  #retries = 0;
  #unreachable = 0;
  #elsewhereAt = -Infinity;

  constructor(options: ClientOptions) {
    this.#options = options;
    const { mode, random } = options;
    const carried = mode.kind === 'random' ? mode.carried : undefined;
    this.#id = carried?.id ?? newId(random);
    this.#trial = mode.kind === 'plain' ? new Trial() : undefined;
    this.#enrolled = mode.kind !== 'random' || carried !== undefined;
    this.#started = this.#enrolled;
    this.#secret =
      mode.kind === 'plain'
        ? 'none'
        : mode.kind === 'preshared'
          ? mode.key
          : (carried?.key ?? newKey(random, this.#cipher));
    this.#ways = keyingsOf(this.#secret, this.#cipher);
  }

  /** When the timer is due, ms; Infinity for never. */
  get deadline(): number {
    if (this.state !== 'up') return this.#deadline;
    const keepalive = this.#keepsAlive ? this.#keepaliveAt + KEEPALIVE_INTERVAL : Infinity;
    return Math.min(this.#believeAt, this.#askAt, this.#trial?.due ?? Infinity, keepalive);
  }

  /** A C server of the ChaCha generation does not count DATA as a sign of life (classic.md §7.1). */
  get #keepsAlive(): boolean {
    return this.#options.keepalive || this.#keying.suite === 'chacha20';
  }

  get #cipher(): CipherChoice {
    // `-x` is of the Blowfish generation alone (§3.4).
    return this.#options.mode.kind === 'plain' ? 'blowfish' : (this.#options.cipher ?? 'auto');
  }

  get #keying(): Keying {
    return this.#ways[this.#way] ?? this.#ways[0];
  }

  resolve(): void {
    this.state = 'resolving';
    this.#deadline = Infinity;
    this.effects.push({ do: 'resolve' });
  }

  /** The next step towards up: find the server, carry a key, or log in, as soon as that may be. */
  goOn(now: number): void {
    if (this.candidates === 0) {
      this.resolve();
    } else if (!this.#enrolled) {
      this.#enrol();
    } else if (now >= this.#loginAt + LOGIN_INTERVAL || this.#logins === 0) {
      this.#login(now);
    } else {
      this.#pause(this.#loginAt + LOGIN_INTERVAL);
    }
  }

  resolveFailed(now: number): void {
    if (this.candidates > 0) {
      this.#pause(now + LOGIN_INTERVAL);
      return;
    }
    this.#pause(now + this.#resolveWait);
    this.#resolveWait = RESOLVE_WAIT.next;
  }

  enrolled(now: number): void {
    this.#enrolled = true;
    this.#started = true;
    this.#login(now); // under a new id: not a repetition
  }

  enrolFailed(now: number): void {
    if (!this.#started) {
      this.end();
      this.effects.push({ do: 'fail', why: 'key not carried' });
      return;
    }
    this.effects.push({ do: 'notCarried' });
    // Where nothing is encrypted, the server may do without after all.
    if (this.#options.mode.kind === 'plain') this.#enrolled = true;
    this.#pause(now + this.#backOff());
  }

  /**
   * Nobody got the LOGIN, so that another one is no repetition. Another address may have what this one has
   * not, and is tried at once; then the first one again, a little later.
   */
  tryOther(now: number): void {
    this.#logins = 0;
    if (++this.#unreachable < this.candidates) this.resolve();
    else {
      this.state = 'opening';
      this.#deadline = now + RELOGIN_INTERVAL;
    }
  }

  /** Another of the server's addresses answers: that one gets a LOGIN, which is no repetition there. */
  goElsewhere(now: number): void {
    if (now < this.#elsewhereAt + RELOGIN_INTERVAL) return;
    this.#elsewhereAt = now;
    this.#logins = 0;
    this.resolve();
  }

  unanswered(): void {
    this.effects.push({ do: 'unanswered' });
    this.#unreachable = 0;
    this.resolve();
  }

  /** Encrypts a challenge once per LOGIN: this is an oracle for everybody who sends one (§5.1). */
  respond(now: number, datagram: Uint8Array): void {
    this.#response = this.#options.sealResponse(this.#keying, datagram.subarray(1));
    this.#trial?.reset();
    this.state = 'waiting';
    this.#sendResponse(now);
  }

  /** The RESPONSE or its answer was lost; a C server that already accepted it says AUTH_OK again (§7.1). */
  repeatResponse(now: number): void {
    if (now >= this.#loginAt + LOGIN_INTERVAL) this.unanswered();
    else this.#sendResponse(now);
  }

  authenticated(now: number): void {
    this.state = 'up';
    this.#keyWanted = false;
    this.#firstWay = this.#way;
    this.#retries = 0;
    this.#logins = 0;
    this.#triedAgain = false;
    this.#unreachable = 0;
    this.heard();
    this.#probedAt = -Infinity;
    this.#probes = 0;
    this.effects.push(...(this.#trial?.begin(now) ?? [{ do: 'up', keying: this.#keying } as const]));
    if (this.#keepsAlive) this.#sendKeepalive(now);
  }

  /**
   * DENY of a LOGIN: it may be forged, or answer older DATA. The server has time to say otherwise, by a CHALLENGE.
   */
  doubtLogin(now: number): void {
    if (now > this.#loginAt + DENY_WINDOW) return;
    this.state = 'loginDenied';
    this.#deadline = Math.max(this.#loginAt + HANDSHAKE_DOUBT_TIME, now + DOUBT_TIME);
  }

  /** DENY of a RESPONSE: the same RESPONSE is the question whether the server has accepted it after all. */
  doubtResponse(now: number): void {
    if (now > this.#responseAt + DENY_WINDOW) return;
    this.state = 'responseDenied';
    this.#deadline = Math.max(this.#responseAt + HANDSHAKE_DOUBT_TIME, now + DOUBT_TIME);
    this.#sendQuestion(now);
  }

  /** The server did not contradict a DENY in time. */
  denied(now: number, what: 'login' | 'response'): void {
    const { kind } = this.#options.mode;
    if (kind === 'plain' && what === 'login' && !this.#keyWanted) {
      // A C server: it wants the key file although nothing is encrypted (§4.3).
      this.#keyWanted = true;
      this.#renew();
      this.#enrol();
      return;
    }
    if (what === 'response' && this.#nextWay()) {
      this.effects.push({ do: 'tryNext', keying: this.#keying });
      this.#useKey(now);
      return;
    }
    const why: ClientDenial =
      what === 'login' ? 'no key at server' : kind === 'plain' ? 'wants encryption' : 'wrong key';
    this.effects.push({ do: 'denied', why });
    // Another key does not help; or it may: a C server denies a LOGIN that it gets twice, so that one
    // under the same id deserves one more try.
    const again = what === 'login' && this.#logins > 1 && !this.#triedAgain;
    if (again) this.#triedAgain = true;
    if (kind === 'preshared' || again || why === 'wants encryption') {
      this.#pause(Math.max(this.#loginAt + LOGIN_INTERVAL, now));
      return;
    }
    this.#renew();
    if (this.#retries === 0) {
      this.#retries = 1;
      this.#enrol();
    } else {
      this.#pause(now + this.#backOff());
    }
  }

  /**
   * A server of another generation, or build, denies a RESPONSE whose key is right (§3.6): the key may do in another way.
   * @returns false when all have been tried since the cable was up, or since this was last so
   */
  #nextWay(): boolean {
    this.#way = (this.#way + 1) % this.#ways.length;
    return this.#way !== this.#firstWay;
  }

  /** The LOGIN before was answered, so that the next one is no repetition. A key that came by scp is gone, and another one is sent. */
  #useKey(now: number): void {
    if (this.#options.mode.kind === 'random') {
      this.#renew();
      this.#enrol();
    } else {
      this.#login(now);
    }
  }

  /**
   * DENY while up: either a restarted server does not know us, or it is forged. The server is asked, and the
   * cable stays up until it had time to answer; so forged ones cost one question every RELOGIN_INTERVAL. One
   * that is too early is passed over, as a true one comes again.
   */
  doubt(now: number): void {
    if (now > Math.max(this.#sentAt, this.#responseAt) + DENY_WINDOW) return;
    if (now < Math.max(this.#loginAt, this.#doubtedAt) + RELOGIN_INTERVAL) return;
    this.#doubtedAt = now;
    this.#believeAt = now + DOUBT_TIME;
    this.#sendQuestion(now);
  }

  /** The time of a cable that is up. */
  watch(now: number): void {
    if (now >= this.#believeAt) this.#lose(now);
    else if (now >= this.#askAt) this.ask(now);
    else if (this.#trial && now >= this.#trial.due) this.effects.push(...this.#trial.next(now));
    else if (now >= this.deadline) this.#sendKeepalive(now);
  }

  #lose(now: number): void {
    this.effects.push({ do: 'down', why: 'unknown' });
    this.#login(now);
  }

  /**
   * Asks whether the server still knows us, by the RESPONSE that it accepted: it answers with AUTH_OK, or with
   * DENY when it has forgotten (§2.6). What stays without an answer may be due to an address that has changed:
   * the server's name is looked up, and the socket bound, anew.
   */
  ask(now: number): void {
    if (this.#asked === ASKS_MAX) {
      this.effects.push({ do: 'down', why: 'silent' });
      this.resolve();
      return;
    }
    this.#asked++;
    this.#askAt = now + ASK_INTERVAL;
    this.#sendQuestion(now);
  }

  /** AUTH_OK while up: the answer to a question; or to a probe, which a server of ours does not answer. */
  answered(now: number): void {
    this.#trial?.answered();
    if (this.#probedAt > this.#responseAt) {
      if (this.#probes > PROBES_MAX || now > this.#probedAt + DENY_WINDOW) return;
      this.#probes = PROBES_MAX + 1;
      this.effects.push({ do: 'cut' });
    } else if (now <= this.#responseAt + DENY_WINDOW) {
      this.heard();
    }
  }

  /**
   * A datagram was sent that a C server cuts, and it is not known yet whether this is one. A C server says
   * AUTH_OK to whatever it does not understand (§7.1); just now it could be the answer to a RESPONSE as well.
   */
  probe(now: number): void {
    if (this.#probes >= PROBES_MAX || now < this.#probedAt + RELOGIN_INTERVAL) return;
    if (now <= this.#responseAt + DENY_WINDOW) return;
    this.#probes++;
    this.#probedAt = now;
    this.effects.push({ do: 'send', datagram: probe() });
  }

  /** The system could not send, perhaps because our address has changed: then the server has to know. */
  reconnect(now: number): void {
    if (now < this.#reconnectAt + RELOGIN_INTERVAL) return;
    this.#reconnectAt = now;
    this.#asked = 0;
    this.effects.push({ do: 'reconnect' });
  }

  /** DATA was sent. */
  sent(now: number): void {
    this.#sentAt = now;
    if (this.#askAt === Infinity) this.#askAt = now + ASK_AFTER;
  }

  /** Authentic DATA came. */
  opened(): void {
    this.effects.push(...(this.#trial?.pass() ?? []));
    this.heard();
  }

  /** The server gave a sign of life. */
  heard(): void {
    this.#askAt = Infinity;
    this.#asked = 0;
    this.#believeAt = Infinity;
  }

  /** Wipes the key. */
  end(): void {
    this.state = 'closed';
    this.#deadline = Infinity;
    wipe(this.#secret);
  }

  #login(now: number): void {
    this.state = 'opening';
    this.#logins++;
    this.#loginAt = now;
    this.#deadline = now + LOGIN_INTERVAL;
    this.effects.push({ do: 'send', datagram: login(this.#id) });
  }

  #sendResponse(now: number): void {
    this.#deadline = Math.min(now + RESPONSE_INTERVAL, this.#loginAt + LOGIN_INTERVAL);
    this.#sendQuestion(now);
  }

  #sendQuestion(now: number): void {
    this.#trial?.asked();
    this.#responseAt = now;
    this.effects.push({ do: 'send', datagram: this.#response });
  }

  #sendKeepalive(now: number): void {
    this.#keepaliveAt = now;
    this.sent(now);
    this.effects.push({ do: 'send', datagram: keepalive() });
  }

  /** A new id, and a new key behind it, for the server to be given. */
  #renew(): void {
    const { mode, random } = this.#options;
    this.#id = newId(random);
    this.#logins = 0;
    this.#triedAgain = false;
    this.#enrolled = false;
    if (mode.kind === 'random') {
      wipe(this.#secret);
      this.#secret = newKey(random, this.#cipher);
      this.#ways = keyingsOf(this.#secret, this.#cipher);
    }
  }

  #enrol(): void {
    this.state = 'enrolling';
    this.#deadline = Infinity;
    // Where nothing is encrypted the key is a password for the handshake that nobody looks at.
    const key = this.#secret === 'none' ? newKey(this.#options.random, this.#cipher) : copyKey(this.#secret);
    this.effects.push({ do: 'enrol', id: this.#id, key });
  }

  #pause(until: number): void {
    this.state = 'closed';
    this.#deadline = until;
  }

  #backOff(): number {
    return Math.min(LOGIN_INTERVAL * 2 ** this.#retries++, RETRY_MAX);
  }
}
