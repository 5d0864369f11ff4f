import type { Keying } from '../core/core.js';
import {
  DENIALS_MAX,
  DENY_WINDOW,
  KEEPALIVE_INTERVAL,
  LOGIN_INTERVAL,
  RELOGIN_INTERVAL,
  RESPONSE_INTERVAL,
  RETRY_MAX,
} from './constants.js';
import { classify, keepalive, login, type Message } from './messages.js';
import { type Cipher, copyKey, newId, newKey, type Random, type Secret, wipe } from './session-key.js';

/**
 * - closed: nothing is under way; the timer, if any, goes on
 * - resolving: the host looks for the server's address
 * - enrolling: the host carries the key to the server
 * - opening: LOGIN is sent
 * - waiting: RESPONSE is sent
 * - up: frames flow
 */
export const CLIENT_STATES = ['closed', 'resolving', 'enrolling', 'opening', 'waiting', 'up'] as const;
export type ClientState = (typeof CLIENT_STATES)[number];

/** What can happen to a client besides a datagram of the server's. */
export const CLIENT_EVENTS = [
  'start',
  'resolved',
  'resolveFailed',
  'enrolled',
  'enrolFailed',
  /** The network says that nobody listens there. */
  'unreachable',
  /** The time that `deadline` names has come. */
  'timer',
] as const;
export type ClientEvent = (typeof CLIENT_EVENTS)[number];

export type ClientFailure =
  | 'no such host'
  | 'key not carried'
  | 'no key at server'
  | 'wrong key'
  | 'wants encryption';

/** What the host is to do, in order. */
export type ClientEffect =
  | { readonly do: 'send'; readonly datagram: Uint8Array }
  /** Find the server's address, another one if there is; then say resolved or resolveFailed. */
  | { readonly do: 'resolve' }
  /** Carry this key to the server under this id, and wipe it; then say enrolled or enrolFailed. */
  | { readonly do: 'enrol'; readonly id: string; readonly key: Uint8Array }
  /** The cable is up: key its session. The key stays the client's. */
  | { readonly do: 'up'; readonly keying: Keying }
  /** The cable is down: take the session's key away. */
  | { readonly do: 'down' }
  /** The server said no. It is tried again, unless 'fail' follows. */
  | { readonly do: 'denied'; readonly why: ClientFailure }
  /** A LOGIN stays without an answer. */
  | { readonly do: 'unanswered' }
  /** It is no use to try again. */
  | { readonly do: 'fail'; readonly why: ClientFailure };

/**
 * - preshared: both ends have the key
 * - random: a new key for each attempt, carried by the host (§4)
 * - plain: no encryption; a key is carried only if the server asks for one (§3)
 */
export type ClientMode =
  | { readonly kind: 'preshared'; readonly key: Uint8Array }
  /** `carried`: a key that the server already has under this id. */
  | { readonly kind: 'random'; readonly carried?: { readonly id: string; readonly key: Uint8Array } }
  | { readonly kind: 'plain' };

export interface ClientOptions {
  readonly mode: ClientMode;
  /** Blowfish when undefined; of no account where nothing is encrypted. */
  readonly cipher?: Cipher;
  /** Send KEEPALIVEs (`-k`). */
  readonly keepalive: boolean;
  readonly random: Random;
  /** The RESPONSE to a challenge. */
  readonly sealResponse: (keying: Keying, challenge: Uint8Array) => Uint8Array;
}

type Action = (client: Machine, now: number, datagram: Uint8Array) => void;

const ignore: Action = () => {};

/** What each message and each event does in each state. Messages are unauthenticated: few are believed. */
export const CLIENT_TABLE: Readonly<Record<ClientState, Readonly<Record<Message | ClientEvent, Action>>>> = {
  closed: {
    ...messages({}),
    ...events({ start: (client) => client.resolve(), timer: (client, now) => client.goOn(now) }),
  },
  resolving: {
    ...messages({}),
    ...events({
      resolved: (client, now) => client.goOn(now),
      resolveFailed: (client, now) => client.resolveFailed(now),
    }),
  },
  enrolling: {
    ...messages({}),
    ...events({
      enrolled: (client, now) => client.enrolled(now),
      enrolFailed: (client, now) => client.enrolFailed(now),
    }),
  },
  opening: {
    ...messages({
      challenge: (client, now, datagram) => client.respond(now, datagram),
      deny: (client, now) => client.denied(now, 'login'),
    }),
    ...events({
      unreachable: (client, now) => client.tryOther(now),
      timer: (client, now) => client.unanswered(now),
    }),
  },
  waiting: {
    ...messages({
      authOk: (client, now) => client.authenticated(now),
      deny: (client, now) => client.denied(now, 'response'),
    }),
    ...events({ timer: (client, now) => client.repeatResponse(now) }),
  },
  up: {
    ...messages({ deny: (client, now) => client.lost(now) }),
    ...events({ timer: (client, now) => client.keepAlive(now) }),
  },
};

function messages(known: Partial<Record<Message, Action>>): Record<Message, Action> {
  return {
    login: ignore,
    challenge: ignore,
    response: ignore,
    authOk: ignore,
    deny: ignore,
    keepalive: ignore,
    data: ignore, // in `up` the host opens it without asking
    other: ignore,
    ...known,
  };
}

function events(known: Partial<Record<ClientEvent, Action>>): Record<ClientEvent, Action> {
  return {
    start: ignore,
    resolved: ignore,
    resolveFailed: ignore,
    enrolled: ignore,
    enrolFailed: ignore,
    unreachable: ignore,
    timer: ignore,
    ...known,
  };
}

class Machine {
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
    return this.#options.cipher ?? 'blowfish';
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
    if (what === 'response' && kind !== 'plain' && this.#cipher === 'chacha20') {
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

/**
 * The client's side of the 4-way handshake and its timers (classic-protocol §2), without I/O: it is told
 * what happened and when, and `take` tells what to do about it. Times are milliseconds of any clock that
 * does not jump.
 */
export class ClassicClient {
  readonly #machine: Machine;

  constructor(options: ClientOptions) {
    this.#machine = new Machine(options);
  }

  get state(): ClientState {
    return this.#machine.state;
  }

  /** When to say 'timer', ms; Infinity for never. */
  get deadline(): number {
    return this.#machine.deadline;
  }

  /** A datagram came from the server's address and port. */
  receive(now: number, datagram: Uint8Array): void {
    CLIENT_TABLE[this.state][classify(datagram)](this.#machine, now, datagram);
  }

  /** Something else happened. */
  happen(now: number, event: Exclude<ClientEvent, 'resolved'>): void {
    CLIENT_TABLE[this.state][event](this.#machine, now, new Uint8Array());
  }

  /** @param candidates how many addresses the server's name stands for, at least 1 */
  resolved(now: number, candidates: number): void {
    this.#machine.candidates = candidates;
    CLIENT_TABLE[this.state].resolved(this.#machine, now, new Uint8Array());
  }

  /** DATA was sent. */
  sent(now: number): void {
    this.#machine.sent(now);
  }

  /** What is to be done now. */
  take(): ClientEffect[] {
    return this.#machine.effects.splice(0);
  }

  /** Ends it and wipes the key. */
  end(): void {
    this.#machine.end();
  }
}
