import { SteadyClock } from '../steady-clock.js';
import { ClientMachine } from './client-machine.js';
import type { ClientEffect, ClientEvent, ClientOptions, ClientState } from './client-terms.js';
import { classify, type Message } from './messages.js';

type Action = (client: ClientMachine, now: number, datagram: Uint8Array) => void;

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
      deny: (client, now) => client.doubtLogin(now),
    }),
    ...events({
      elsewhere: (client, now) => client.goElsewhere(now),
      unreachable: (client, now) => client.tryOther(now),
      sendFailed: (client, now) => client.tryOther(now),
      timer: (client) => client.unanswered(),
    }),
  },
  loginDenied: {
    ...messages({ challenge: (client, now, datagram) => client.respond(now, datagram) }),
    ...events({
      unreachable: (client, now) => client.tryOther(now),
      sendFailed: (client, now) => client.tryOther(now),
      timer: (client, now) => client.denied(now, 'login'),
    }),
  },
  waiting: {
    ...messages({
      authOk: (client, now) => client.authenticated(now),
      deny: (client, now) => client.doubtResponse(now),
    }),
    ...events({ timer: (client, now) => client.repeatResponse(now) }),
  },
  responseDenied: {
    ...messages({ authOk: (client, now) => client.authenticated(now) }),
    ...events({ timer: (client, now) => client.denied(now, 'response') }),
  },
  up: {
    ...messages({
      authOk: (client, now) => client.answered(now),
      deny: (client, now) => client.doubt(now),
    }),
    ...events({
      resolved: (client, now) => client.ask(now),
      sendFailed: (client, now) => client.reconnect(now),
      large: (client, now) => client.probe(now),
      timer: (client, now) => client.watch(now),
    }),
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
    empty: ignore,
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
    elsewhere: ignore,
    sendFailed: ignore,
    large: ignore,
    timer: ignore,
    ...known,
  };
}

/**
 * The client's side of the 4-way handshake and its timers (classic.md §2.2), without I/O: it is told
 * what happened and when, and `take` tells what to do about it. Times are milliseconds of any clock; should it
 * jump, the cable comes back by itself.
 */
export class ClassicClient {
  readonly #machine: ClientMachine;
  readonly #clock = new SteadyClock();

  constructor(options: ClientOptions) {
    this.#machine = new ClientMachine(options);
  }

  /** Where it stands. */
  get state(): ClientState {
    return this.#machine.state;
  }

  /** When to say 'timer', ms; Infinity for never. */
  get deadline(): number {
    return this.#clock.outside(this.#machine.deadline);
  }

  /** A datagram came from the server's address and port. */
  receive(now: number, datagram: Uint8Array): void {
    CLIENT_TABLE[this.state][classify(datagram)](this.#machine, this.#clock.inside(now), datagram);
  }

  /** Something else happened. */
  happen(now: number, event: Exclude<ClientEvent, 'resolved'>): void {
    CLIENT_TABLE[this.state][event](this.#machine, this.#clock.inside(now), new Uint8Array());
  }

  /**
   * The server's address is known, or the socket is bound anew.
   * @param candidates how many addresses the server's name stands for, at least 1
   */
  resolved(now: number, candidates: number): void {
    this.#machine.candidates = candidates;
    CLIENT_TABLE[this.state].resolved(this.#machine, this.#clock.inside(now), new Uint8Array());
  }

  /** DATA was sent. */
  sent(now: number): void {
    this.#machine.sent(this.#clock.inside(now));
  }

  /** Authentic DATA came. */
  heard(): void {
    this.#machine.opened();
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
