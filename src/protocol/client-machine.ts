import type { Keying } from '../core/core.js';
import type { ClientEffect, ClientFailure, ClientOptions, ClientState } from './client-terms.js';
import {
  DENIALS_MAX,
  DENY_WINDOW,
  KEEPALIVE_INTERVAL,
  LOGIN_INTERVAL,
  RELOGIN_INTERVAL,
  RESPONSE_INTERVAL,
  RETRY_MAX,
} from './constants.js';
import { keepalive, login } from './messages.js';
import { type Cipher, copyKey, newId, newKey, type Secret, wipe } from './session-key.js';

/** What a client can do; classic-client.ts says when. */
export class ClientMachine {
  state: ClientState = 'closed';
  readonly effects: ClientEffect[] = [];
  /** When the timer is due, ms; Infinity for never. */
  deadline = Infinity;
  /** Addresses of the server that the host knows; 0 before it looked. */
  candidates = 0;

  readonly #options: ClientOptions;
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
    this.deadline = Infinity;
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
    else this.deadline = now + RELOGIN_INTERVAL;
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
    this.effects.push({ do: 'up', keying: this.#keying });
    this.deadline = Infinity;
    // A C server of the ChaCha generation does not count DATA as a sign of life (§2).
    if (this.#options.keepalive || this.#cipher === 'chacha20') this.#sendKeepalive(now);
  }

  denied(now: number, what: 'login' | 'response'): void {
    if (now > Math.max(this.#loginAt, this.#responseAt) + DENY_WINDOW) return;
    if (what === 'login' && this.#relogin && now < this.#loginAt + RELOGIN_INTERVAL) {
      // It may answer DATA that was on its way before this LOGIN: a CHALLENGE will tell, or time.
      this.#deniedEarly = true;
      this.deadline = this.#loginAt + RELOGIN_INTERVAL;
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
   * DENY while up: a restarted server does not know us. A forged one costs one handshake every
   * RELOGIN_INTERVAL; one that is too early is passed over, as a true one comes again.
   */
  lost(now: number): void {
    if (now > this.#sentAt + DENY_WINDOW || now < this.#loginAt + RELOGIN_INTERVAL) return;
    this.effects.push({ do: 'down' });
    this.#login(now);
    this.#relogin = true;
  }

  keepAlive(now: number): void {
    if (now >= this.#sentAt + KEEPALIVE_INTERVAL) this.#sendKeepalive(now);
    else this.deadline = this.#sentAt + KEEPALIVE_INTERVAL;
  }

  /** DATA was sent. */
  sent(now: number): void {
    this.#sentAt = now;
  }

  /** Wipes the key. */
  end(): void {
    this.state = 'closed';
    this.deadline = Infinity;
    wipe(this.#secret);
  }

  #login(now: number): void {
    this.state = 'opening';
    this.#relogin = false;
    this.#deniedEarly = false;
    this.#logins++;
    this.#loginAt = now;
    this.deadline = now + LOGIN_INTERVAL;
    this.effects.push({ do: 'send', datagram: login(this.#id) });
  }

  #sendResponse(now: number): void {
    this.#responseAt = now;
    this.deadline = Math.min(now + RESPONSE_INTERVAL, this.#loginAt + LOGIN_INTERVAL);
    this.effects.push({ do: 'send', datagram: this.#response });
  }

  #sendKeepalive(now: number): void {
    this.sent(now);
    this.deadline = now + KEEPALIVE_INTERVAL;
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
    this.deadline = Infinity;
    // Where nothing is encrypted the key is a password for the handshake that nobody looks at.
    const key = this.#secret === 'none' ? newKey(this.#options.random, this.#cipher) : copyKey(this.#secret);
    this.effects.push({ do: 'enrol', id: this.#id, key });
  }

  #pause(until: number): void {
    this.state = 'closed';
    this.deadline = until;
  }

  #backOff(): number {
    return Math.min(LOGIN_INTERVAL * 2 ** this.#retries++, RETRY_MAX);
  }

  #fail(why: ClientFailure): void {
    this.end();
    this.effects.push({ do: 'fail', why });
  }
}
