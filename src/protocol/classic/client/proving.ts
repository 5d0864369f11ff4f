// A RESPONSE is sent, and perhaps denied: what leads to a cable that is up, or back.
import { LOGIN_INTERVAL, RESPONSE_INTERVAL } from '../constants.js';
import { type Cell, row } from './cells.js';
import { believedAt } from './doubt.js';
import { type Offers, offered } from './offers.js';
import { enrol, logIn, pause, renew, unanswered } from './onward.js';
import { Proof } from './proof.js';
import type { Self } from './self.js';
import type { Answered, State, States } from './states.js';
import { Trial } from './trial.js';
import { begin } from './up.js';

type Proving = Cell<'waiting' | 'responseDenied'>;

/**
 * Encrypts the last of these challenges, one for each LOGIN: this is an oracle for everybody who sends one (classic.md §5.1).
 * @param fewer whether fewer had come than were to be passed over
 */
export function answer(self: Self, now: number, offers: Offers, fewer: boolean): State {
  const response = self.options.sealResponse(self.key.keying, offers.last);
  const trial = self.options.mode.kind === 'plain' ? new Trial() : undefined;
  return send(self, now, { proof: new Proof(offers.loginAt, response, trial), offers, fewer });
}

function send(self: Self, now: number, answered: Omit<Answered, 'until'>): States['waiting'] {
  self.effects.push(answered.proof.send(now));
  const until = Math.min(now + RESPONSE_INTERVAL, answered.offers.loginAt + LOGIN_INTERVAL);
  return { ...answered, at: 'waiting', until };
}

/** Another one, which is not answered: one of the two is forged. */
const challenged: Proving = (state, _self, _now, datagram) => {
  const offers = offered(state.offers, datagram);
  return offers === state.offers ? state : { ...state, offers };
};

/** Whether the server's CHALLENGE may have been another than the one that was answered. */
const doubtful = ({ offers, fewer }: Answered): boolean => offers.count > 1 && !fewer;

/** Next time the key in its next way, and after the last way the next CHALLENGE. */
function takeTurns(self: Self): void {
  if (!self.key.nextWay()) self.turn.next();
}

const authenticated: Proving = (state, self, now) => begin(self, now, state.proof);

/** The same RESPONSE is the question whether the server has accepted it after all. */
const denied: Cell<'waiting'> = (state, self, now) => {
  const { proof } = state;
  const until = believedAt(proof.at, now);
  if (until === undefined) return state;
  self.effects.push(proof.send(now));
  return { ...state, at: 'responseDenied', until };
};

/** The RESPONSE or its answer was lost; a C server that already accepted it says AUTH_OK again (§7.1). */
const repeat: Cell<'waiting'> = (state, self, now) => {
  if (now < state.offers.loginAt + LOGIN_INTERVAL) return send(self, now, state);
  if (doubtful(state)) takeTurns(self);
  return unanswered(self);
};

export const waiting = row<'waiting'>({
  challenge: challenged,
  authOk: authenticated,
  deny: denied,
  timer: repeat,
});

/** The server did not contradict the DENY in time. */
const believed: Cell<'responseDenied'> = (state, self, now) => {
  const { key, options } = self;
  const { kind } = options.mode;
  if (doubtful(state)) {
    self.effects.push({ do: 'contested' });
    takeTurns(self);
    return logIn(self, now);
  }
  // A server of another generation, or build, denies a RESPONSE whose key is right (§3.6).
  if (key.nextWay()) {
    self.effects.push({ do: 'tryNext', keying: key.keying });
    // The LOGIN before was answered, so that the next one is no repetition. A key that came by scp is gone, and another one is sent.
    if (kind !== 'random') return logIn(self, now);
    renew(self);
    return enrol(self);
  }
  self.effects.push({ do: 'denied', why: kind === 'plain' ? 'wants encryption' : 'wrong key' });
  if (kind !== 'random') return pause(Math.max(state.offers.loginAt + LOGIN_INTERVAL, now));
  renew(self);
  return self.backOff.first() ? enrol(self) : pause(now + self.backOff.wait());
};

export const responseDenied = row<'responseDenied'>({
  challenge: challenged,
  authOk: authenticated,
  timer: believed,
});
