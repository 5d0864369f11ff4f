// The ways on that more than one state has.
import { LOGIN_INTERVAL } from '../constants.js';
import { login } from '../messages.js';
import { noOffers } from './offers.js';
import type { Self } from './self.js';
import type { State } from './states.js';

/** Waits. */
export const pause = (until: number): State => ({ at: 'closed', until });

/** Looks for the server's address. */
export function resolve(self: Self): State {
  self.effects.push({ do: 'resolve' });
  return { at: 'resolving' };
}

/** Carries the key to the server. */
export function enrol(self: Self): State {
  const { id, never } = self.key;
  self.effects.push({ do: 'enrol', id, key: self.key.toCarry() });
  return { at: 'enrolling', first: never };
}

/** Carries another key, under another id. */
export function enrolAnother(self: Self): State {
  renew(self);
  return enrol(self);
}

/** Makes another key, under another id. */
export function renew(self: Self): void {
  self.key.renew();
  self.logins.reset();
}

export function logIn(self: Self, now: number): State {
  self.logins.send(now);
  self.effects.push({ do: 'send', datagram: login(self.key.id) });
  return { at: 'opening', until: now + LOGIN_INTERVAL, offers: noOffers(now) };
}

/** The next step towards up: find the server, carry a key, or log in, as soon as that may be. */
export function goOn(self: Self, now: number): State {
  if (self.whereabouts.candidates === 0) return resolve(self);
  if (!self.key.there) return enrol(self);
  return now >= self.logins.due ? logIn(self, now) : pause(self.logins.due);
}

/** Nobody has answered. */
export function unanswered(self: Self): State {
  self.effects.push({ do: 'unanswered' });
  self.whereabouts.restart();
  return resolve(self);
}
