// The states in which no LOGIN is under way: messages do nothing in them.
import { LOGIN_INTERVAL } from '../constants.js';
import { type Cell, row } from './cells.js';
import { goOn, logIn, pause, resolve } from './onward.js';

export const closed = row<'closed'>({
  start: (_state, self) => resolve(self),
  timer: (_state, self, now) => goOn(self, now),
});

const resolveFailed: Cell<'resolving'> = (_state, { whereabouts }, now) =>
  pause(now + (whereabouts.candidates > 0 ? LOGIN_INTERVAL : whereabouts.nextLook()));

export const resolving = row<'resolving'>({
  resolved: (_state, self, now) => goOn(self, now),
  resolveFailed,
});

const enrolled: Cell<'enrolling'> = (_state, self, now) => {
  self.key.carried();
  return logIn(self, now); // under a new id: not a repetition
};

const enrolFailed: Cell<'enrolling'> = ({ first }, self, now) => {
  if (first) {
    self.key.wipe();
    self.effects.push({ do: 'fail', why: 'key not carried' });
    return pause(Infinity);
  }
  self.effects.push({ do: 'notCarried' });
  // Where nothing is encrypted, the server may do without after all.
  if (self.options.mode.kind === 'plain') self.key.carried();
  return pause(now + self.backOff.wait());
};

export const enrolling = row<'enrolling'>({ enrolled, enrolFailed });
