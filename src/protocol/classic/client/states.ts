import type { AskClock } from './ask-clock.js';
import type { CutProbes } from './cut-probes.js';
import type { Doubt } from './doubt.js';
import type { KeepaliveClock } from './keepalive-clock.js';
import type { Offers } from './offers.js';
import type { Proof } from './proof.js';
import type { Rebinding } from './rebinding.js';

/** What a client has in each state, and in no other. `until`: when its timer rings, ms. */
export interface States {
  closed: { readonly at: 'closed'; readonly until: number };
  resolving: { readonly at: 'resolving' };
  /** `first`: no key was ever carried, and the client ends when this one cannot be. */
  enrolling: { readonly at: 'enrolling'; readonly first: boolean };
  opening: { readonly at: 'opening'; readonly until: number; readonly offers: Offers };
  loginDenied: { readonly at: 'loginDenied'; readonly until: number; readonly offers: Offers };
  waiting: Answered & { readonly at: 'waiting' };
  responseDenied: Answered & { readonly at: 'responseDenied' };
  up: Up;
}

/** What a client has that has answered a CHALLENGE. */
export interface Answered {
  readonly until: number;
  readonly proof: Proof;
  /** The CHALLENGEs that have come so far; another one was answered than the server's, perhaps, if there are several. */
  readonly offers: Offers;
  /** Whether fewer had come than were to be passed over, so that the last one was answered. */
  readonly fewer: boolean;
}

/** What a client has that is up; times that go on as frames pass. */
export interface Up {
  readonly at: 'up';
  readonly proof: Proof;
  readonly ask: AskClock;
  readonly doubt: Doubt;
  readonly probes: CutProbes;
  readonly rebinding: Rebinding;
  readonly keepalive: KeepaliveClock;
}

/** One of them. */
export type State = States[keyof States];

/** When the timer is due, ms; Infinity for never. */
export function dueAt(state: State): number {
  if (state.at === 'up') {
    const { ask, doubt, keepalive, proof, rebinding } = state;
    return Math.min(doubt.due, ask.due, proof.trial?.due ?? Infinity, rebinding.due, keepalive.due);
  }
  return 'until' in state ? state.until : Infinity;
}
