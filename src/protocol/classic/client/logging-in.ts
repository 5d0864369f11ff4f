// LOGIN is sent, and perhaps denied: what leads to a RESPONSE, or back.
import { CHOICE_TIME, LOGIN_INTERVAL, RELOGIN_INTERVAL } from '../constants.js';
import { type Cell, row } from './cells.js';
import { believedAt } from './doubt.js';
import { offered } from './offers.js';
import { enrol, enrolAnother, pause, renew, resolve, unanswered } from './onward.js';
import { answer } from './proving.js';

/** A CHALLENGE, which contradicts a DENY. It is answered when it is its turn. */
const challenged: Cell<'opening' | 'loginDenied'> = (state, self, now, datagram) => {
  const offers = offered(state.offers, datagram);
  if (offers.count > self.turn.passedOver) return answer(self, now, offers, false);
  return { at: 'opening', offers, until: offers.loginAt + CHOICE_TIME };
};

/** It may be forged, or answer older DATA. The server has time to say otherwise, by a CHALLENGE; or it has done so. */
const denied: Cell<'opening'> = (state, _self, now) => {
  if (state.offers.count > 0) return state;
  const until = believedAt(state.offers.loginAt, now);
  return until === undefined ? state : { at: 'loginDenied', offers: state.offers, until };
};

/** Another of the server's addresses answers: that one gets a LOGIN, which is no repetition there. */
const elsewhere: Cell<'opening'> = (state, self, now) => {
  if (!self.whereabouts.mayMove(now)) return state;
  self.logins.unheard();
  return resolve(self);
};

/**
 * Nobody got the LOGIN, so that another one is no repetition. Another address may have what this one has
 * not, and is tried at once; then the first one again, a little later.
 */
const tryOther: Cell<'opening' | 'loginDenied'> = ({ offers }, self, now) => {
  self.logins.unheard();
  if (self.whereabouts.tryOther()) return resolve(self);
  return { at: 'opening', offers, until: now + RELOGIN_INTERVAL };
};

export const opening = row<'opening'>({
  challenge: challenged,
  deny: denied,
  elsewhere,
  unreachable: tryOther,
  sendFailed: tryOther,
  timer: ({ offers }, self, now) => {
    if (offers.count === 0) return unanswered(self);
    self.turn.restart();
    return answer(self, now, offers, true);
  },
});

/** The server did not contradict the DENY in time. */
const believed: Cell<'loginDenied'> = ({ offers }, self, now) => {
  // A C server: it wants the key file although nothing is encrypted (classic.md §4.3).
  if (self.key.wantedNow()) return enrolAnother(self);
  self.effects.push({ do: 'denied', why: 'no key at server' });
  // Another key does not help; or it may: see Logins.worthAnother.
  if (self.logins.worthAnother() || self.options.mode.kind === 'preshared')
    return pause(Math.max(offers.loginAt + LOGIN_INTERVAL, now));
  renew(self);
  return self.backOff.first() ? enrol(self) : pause(now + self.backOff.wait());
};

export const loginDenied = row<'loginDenied'>({
  challenge: challenged,
  unreachable: tryOther,
  sendFailed: tryOther,
  timer: believed,
});
