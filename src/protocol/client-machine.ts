import type { Keying } from '../core/core.js';
import type { ClientEffect, ClientFailure, ClientOptions, ClientState } from './client-terms.js';
import {
  ASK_AFTER,
  ASK_INTERVAL,
  ASKS_MAX,
  DENIALS_MAX,
  DENY_WINDOW,
  DOUBT_TIME,
  KEEPALIVE_INTERVAL,
  LOGIN_INTERVAL,
  PROBES_MAX,
  RELOGIN_INTERVAL,
  RESPONSE_INTERVAL,
  RETRY_MAX,
} from './constants.js';
import { keepalive, login, probe } from './messages.js';
import { type Cipher, copyKey, newId, newKey, type Secret, wipe } from './session-key.js';

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
  /** The block of key stream that a server of the ChaCha generation may begin with: it depends on its build. */
  #block: 0 | 12 = 12;
  /** Whether the server has, or is not expected to need, a key of ours under #id. */
  #enrolled: boolean;
  #everUp = false;
  #loginAt = -Infinity;
  /** LOGINs sent under #id since it was new, or since the cable was up. */
  #logins = 0;
  #responseAt = -Infinity;
  #response: Uint8Array = new Uint8Array();
  #sentAt = -Infinity;
  /** When to ask whether the server still knows us: Infinity when it was heard after all that was sent. */
  #askAt = Infinity;
  #asked = 0;
  #reconnectAt = -Infinity;
  /** When a DENY made us doubt last, and when it is believed. */
  #doubtedAt = -Infinity;
  #believeAt = Infinity;
  #probedAt = -Infinity;
  #probes = 0;
  /** The cable was up until just now. */
  #fell = false;
  /** This LOGIN took the place of a cable that was up: older DATA may still be answered with DENY. */
  #relogin = false;
  /** Such an answer came, or the true one. */
  #deniedEarly = false;
  /** A LOGIN under an id that was denied is tried again once. */
  #triedAgain = false;
  #denials = { login: 0, response: 0 };
  #retries = 0;
  #unreachable = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
    const { mode, random } = options;
    const carried = mode.kind === 'random' ? mode.carried : undefined;
    this.#id = carried?.id ?? newId(random);
    this.#enrolled = mode.kind !== 'random' || carried !== undefined;
    this.#secret =
      mode.kind === 'plain'
        ? 'none'
        : mode.kind === 'preshared'
          ? mode.key
          : (carried?.key ?? newKey(random, this.#cipher));
  }

  /** When the timer is due, ms; Infinity for never. */
  get deadline(): number {
    if (this.state !== 'up') return this.#deadline;
    const keepalive = this.#keepsAlive ? this.#sentAt + KEEPALIVE_INTERVAL : Infinity;
    return Math.min(this.#believeAt, this.#askAt, keepalive);
  }

  /** A C server of the ChaCha generation does not count DATA as a sign of life (§2). */
  get #keepsAlive(): boolean {
    return this.#options.keepalive || this.#cipher === 'chacha20';
  }

  get #cipher(): Cipher {
    // `-x` is of the Blowfish generation alone (§3).
    return (this.#options.mode.kind !== 'plain' && this.#options.cipher) || 'blowfish';
  }

  get #keying(): Keying {
    if (this.#secret === 'none') return { suite: 'plain' };
    return this.#cipher === 'blowfish'
      ? { suite: 'blowfish', key: this.#secret }
      : { suite: 'chacha20', key: this.#secret, block: this.#block };
  }

  resolve(): void {
    this.state = 'resolving';
    this.#deadline = Infinity;
    this.effects.push({ do: 'resolve' });
  }

  /** The next step towards up: carry a key, or log in, as soon as that may be. */
  goOn(now: number): void {
    if (!this.#enrolled) {
      this.#enrol();
    } else if (now >= this.#loginAt + LOGIN_INTERVAL || this.#logins === 0) {
      this.#login(now);
    } else {
      this.#pause(this.#loginAt + LOGIN_INTERVAL);
    }
  }

  resolveFailed(now: number): void {
    if (this.candidates === 0) this.#fail('no such host');
    else this.#pause(now + LOGIN_INTERVAL);
  }

  enrolled(now: number): void {
    this.#enrolled = true;
    this.#login(now); // under a new id: not a repetition
  }

  enrolFailed(now: number): void {
    if (!this.#everUp) {
      this.#fail('key not carried');
      return;
    }
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
    else this.#deadline = now + RELOGIN_INTERVAL;
  }

  unanswered(now: number): void {
    if (this.#deniedEarly) {
      this.#relogin = false;
      this.denied(now, 'login');
      return;
    }
    this.effects.push({ do: 'unanswered' });
    this.#unreachable = 0;
    this.resolve();
  }

  /** Encrypts a challenge once per LOGIN: this is an oracle for whoever sends one (§5). */
  respond(now: number, datagram: Uint8Array): void {
    this.#response = this.#options.sealResponse(this.#keying, datagram.subarray(1));
    this.state = 'waiting';
    this.#sendResponse(now);
  }

  /** The RESPONSE or its answer was lost; a C server that already accepted it says AUTH_OK again (§2). */
  repeatResponse(now: number): void {
    if (now >= this.#loginAt + LOGIN_INTERVAL) this.unanswered(now);
    else this.#sendResponse(now);
  }

  authenticated(now: number): void {
    this.state = 'up';
    this.#everUp = true;
    this.#denials = { login: 0, response: 0 };
    this.#retries = 0;
    this.#logins = 0;
    this.#triedAgain = false;
    this.#unreachable = 0;
    this.heard();
    this.#probedAt = -Infinity;
    this.#probes = 0;
    this.effects.push({ do: 'up', keying: this.#keying });
    if (this.#keepsAlive) this.#sendKeepalive(now);
  }

  denied(now: number, what: 'login' | 'response'): void {
    if (now > Math.max(this.#loginAt, this.#responseAt) + DENY_WINDOW) return;
    if (what === 'login' && this.#relogin && now < this.#loginAt + RELOGIN_INTERVAL) {
      // It may answer DATA that was on its way before this LOGIN: a CHALLENGE will tell, or time.
      this.#deniedEarly = true;
      this.#deadline = this.#loginAt + RELOGIN_INTERVAL;
      return;
    }
    const { kind } = this.#options.mode;
    if (kind === 'plain' && what === 'login' && this.#denials.login === 0) {
      // A C server: it wants the key file although nothing is encrypted (§3).
      this.#denials.login = 1;
      this.#renew();
      this.#enrol();
      return;
    }
    if (what === 'response' && this.#cipher === 'chacha20') {
      this.#block = this.#block === 12 ? 0 : 12;
      if (this.#block === 0) {
        this.#tryOtherBlock();
        return;
      }
    }
    const why = what === 'login' ? 'no key at server' : kind === 'plain' ? 'wants encryption' : 'wrong key';
    this.effects.push({ do: 'denied', why });
    if (!this.#everUp && ++this.#denials[what] >= DENIALS_MAX[what]) {
      this.#fail(why);
      return;
    }
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

  /** A server of the other build denies a RESPONSE whose key is right: the next one begins elsewhere (§3). */
  #tryOtherBlock(): void {
    if (this.#options.mode.kind === 'random') {
      this.#renew();
      this.#enrol();
    } else {
      this.#logins = 0; // answered, so that the next LOGIN is no repetition
      this.#pause(this.#loginAt + RELOGIN_INTERVAL);
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
    else if (now >= this.deadline) this.#sendKeepalive(now);
  }

  #lose(now: number): void {
    this.effects.push({ do: 'down', why: 'unknown' });
    this.#fell = true;
    this.#login(now);
  }

  /**
   * Asks whether the server still knows us, by the RESPONSE that it accepted: it answers with AUTH_OK, or with
   * DENY when it has forgotten (§2). What stays without an answer may be due to an address that has changed:
   * the server's name is looked up, and the socket bound, anew.
   */
  ask(now: number): void {
    if (this.#asked === ASKS_MAX) {
      this.effects.push({ do: 'down', why: 'silent' });
      this.#fell = true;
      this.resolve();
      return;
    }
    this.#asked++;
    this.#askAt = now + ASK_INTERVAL;
    this.#sendQuestion(now);
  }

  /** AUTH_OK while up: the answer to a question; or to a probe, which a server of ours does not answer. */
  answered(now: number): void {
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
   * AUTH_OK to whatever it does not understand (§2); just now it could be the answer to a RESPONSE as well.
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
    this.#relogin = this.#fell;
    this.#fell = false;
    this.#deniedEarly = false;
    this.#logins++;
    this.#loginAt = now;
    this.#deadline = now + LOGIN_INTERVAL;
    this.effects.push({ do: 'send', datagram: login(this.#id) });
  }

  #sendResponse(now: number): void {
    this.#responseAt = now;
    this.#deadline = Math.min(now + RESPONSE_INTERVAL, this.#loginAt + LOGIN_INTERVAL);
    this.effects.push({ do: 'send', datagram: this.#response });
  }

  #sendQuestion(now: number): void {
    this.#responseAt = now;
    this.effects.push({ do: 'send', datagram: this.#response });
  }

  #sendKeepalive(now: number): void {
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

  #fail(why: ClientFailure): void {
    this.end();
    this.effects.push({ do: 'fail', why });
  }
}
