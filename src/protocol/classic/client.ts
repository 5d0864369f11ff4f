import { SteadyClock } from '../steady-clock.js';
import { closed, enrolling, resolving } from './client/before-login.js';
import type { Row } from './client/cells.js';
import { loginDenied, opening } from './client/logging-in.js';
import { pause } from './client/onward.js';
import { responseDenied, waiting } from './client/proving.js';
import { Self } from './client/self.js';
import { dueAt, type State, type States } from './client/states.js';
import { up } from './client/up.js';
import type { ClientEffect, ClientEvent, ClientOptions, ClientState } from './client-terms.js';
import { classify, type Message } from './messages.js';

/** What each message and each event does in each state. Messages are unauthenticated: few are believed. */
export const CLIENT_TABLE: { readonly [S in ClientState]: Row<S> } = {
  closed,
  resolving,
  enrolling,
  opening,
  loginDenied,
  waiting,
  responseDenied,
  up,
};

/** The state after this one. */
function after<S extends ClientState>(
  state: States[S] & { readonly at: S },
  input: Message | ClientEvent,
  self: Self,
  now: number,
  datagram: Uint8Array,
): State {
  return CLIENT_TABLE[state.at][input](state, self, now, datagram);
}

const NOTHING = new Uint8Array();

/**
 * The client's side of the 4-way handshake and its timers (classic.md §2.2), without I/O: it is told
 * what happened and when, and `take` tells what to do about it. Times are milliseconds of any clock; should it
 * jump, the cable comes back by itself.
 */
export class ClassicClient {
  readonly #self: Self;
  readonly #clock = new SteadyClock();
  #state: State = pause(Infinity);

  constructor(options: ClientOptions) {
    this.#self = new Self(options);
  }

  /** Where it stands. */
  get state(): ClientState {
    return this.#state.at;
  }

  /** When to say 'timer', ms; Infinity for never. */
  get deadline(): number {
    return this.#clock.outside(dueAt(this.#state));
  }

  /** A datagram came from the server's address and port. */
  receive(now: number, datagram: Uint8Array): void {
    this.#go(classify(datagram), this.#clock.inside(now), datagram);
  }

  /** Something else happened. */
  happen(now: number, event: Exclude<ClientEvent, 'resolved'>): void {
    this.#go(event, this.#clock.inside(now));
  }

  /**
   * The server's address is known, or the socket is bound anew.
   * @param candidates how many addresses the server's name stands for, at least 1
   */
  resolved(now: number, candidates: number): void {
    this.#self.whereabouts.candidates = candidates;
    this.#go('resolved', this.#clock.inside(now));
  }

  /** DATA was sent. */
  sent(now: number): void {
    this.#go('sent', this.#clock.inside(now));
  }

  /** Authentic DATA came. */
  heard(): void {
    this.#go('heard', this.#clock.latest);
  }

  /** What is to be done now. */
  take(): ClientEffect[] {
    return this.#self.effects.splice(0);
  }

  /** Ends it and wipes the key. */
  end(): void {
    this.#state = pause(Infinity);
    this.#self.key.wipe();
  }

  #go(input: Message | ClientEvent, now: number, datagram: Uint8Array = NOTHING): void {
    this.#state = after(this.#state, input, this.#self, now, datagram);
  }
}
