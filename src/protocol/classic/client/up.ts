// The cable is up.
import type { Keying } from '../../../core/terms.js';
import { DENY_WINDOW } from '../constants.js';
import { keepalive, probe } from '../messages.js';
import { AskClock } from './ask-clock.js';
import { type Cell, row } from './cells.js';
import { CutProbes } from './cut-probes.js';
import { Doubt } from './doubt.js';
import { KeepaliveClock } from './keepalive-clock.js';
import { logIn, resolve } from './onward.js';
import type { Proof } from './proof.js';
import { Rebinding } from './rebinding.js';
import type { Self } from './self.js';
import type { State, Up } from './states.js';

/** The server has accepted this RESPONSE. */
export function begin(self: Self, now: number, proof: Proof): State {
  const { keying } = self.key;
  self.key.worked();
  self.backOff.reset();
  self.logins.reset();
  self.turn.restart();
  self.whereabouts.restart();
  const state: Up = {
    at: 'up',
    proof,
    ask: new AskClock(),
    doubt: new Doubt(proof.loginAt),
    probes: new CutProbes(),
    rebinding: new Rebinding(),
    keepalive: new KeepaliveClock(self.options.keepalive || needsKeepalive(keying)),
  };
  self.effects.push(...(proof.trial?.begin(now) ?? [{ do: 'up', keying } as const]));
  sayAlive(state, self, now);
  return state;
}

/** A C server of the ChaCha generation does not count DATA as a sign of life (classic.md §7.1). */
const needsKeepalive = ({ suite }: Keying): boolean => suite === 'chacha20';

function sayAlive({ ask, keepalive: clock }: Up, self: Self, now: number): void {
  if (!clock.say(now)) return;
  ask.sent(now);
  self.effects.push({ do: 'send', datagram: keepalive() });
}

/** The server gave a sign of life. */
function heard({ ask, doubt }: Up): void {
  ask.heard();
  doubt.end();
}

/**
 * Asks whether the server still knows us, by the RESPONSE that it accepted: it answers with AUTH_OK, or with
 * DENY when it has forgotten (§2.6). What stays without an answer may be due to an address that has changed:
 * the server's name is looked up, and the socket bound, anew.
 */
const askServer: Cell<'up'> = (state, self, now) => {
  if (!state.ask.ask(now)) {
    self.effects.push({ do: 'down', why: 'silent' });
    return resolve(self);
  }
  self.effects.push(state.proof.send(now));
  return state;
};

/** The answer to a question; or to a probe, which a server of ours does not answer. */
const answered: Cell<'up'> = (state, self, now) => {
  const { proof, probes } = state;
  proof.trial?.answered();
  if (probes.asked(proof.at)) {
    if (probes.answered(now)) self.effects.push({ do: 'cut' });
  } else if (now <= proof.at + DENY_WINDOW) {
    heard(state);
  }
  return state;
};

/**
 * Either a restarted server does not know us, or it is forged. The server is asked, and the cable stays up until it
 * had time to answer; so forged ones cost one question every RELOGIN_INTERVAL.
 */
const denied: Cell<'up'> = (state, self, now) => {
  const { ask, doubt, proof } = state;
  if (now > Math.max(ask.sentAt, proof.at) + DENY_WINDOW) return state;
  if (doubt.begin(now)) self.effects.push(proof.send(now));
  return state;
};

/** The system could not send, perhaps because our address has changed: then the server has to know. */
const reconnect: Cell<'up'> = (state, self, now) => {
  if (state.rebinding.may(now)) self.effects.push({ do: 'reconnect' });
  return state;
};

const reconnected: Cell<'up'> = (state, self, now, datagram) => {
  state.ask.restart(); // earlier questions may not have reached the server
  return askServer(state, self, now, datagram);
};

/**
 * A datagram was sent that a C server cuts, and it is not known yet whether this is one. A C server says
 * AUTH_OK to whatever it does not understand (§7.1).
 */
const large: Cell<'up'> = (state, self, now) => {
  if (state.probes.send(now, state.proof.at)) self.effects.push({ do: 'send', datagram: probe() });
  return state;
};

const timer: Cell<'up'> = (state, self, now) => {
  const { ask, doubt, keepalive, proof, rebinding } = state;
  if (now >= doubt.due) {
    self.effects.push({ do: 'down', why: 'unknown' });
    return logIn(self, now);
  }
  if (now >= ask.due) return askServer(state, self, now, NOTHING);
  if (now >= rebinding.due) return reconnect(state, self, now, NOTHING);
  if (proof.trial && now >= proof.trial.due) self.effects.push(...proof.trial.next(now));
  else if (now >= keepalive.due) sayAlive(state, self, now);
  return state;
};

const NOTHING = new Uint8Array();

export const up = row<'up'>({
  authOk: answered,
  deny: denied,
  resolved: reconnected,
  resolveFailed: (state, _self, now) => {
    state.rebinding.failed(now);
    return state;
  },
  sendFailed: reconnect,
  large,
  sent: (state, _self, now) => {
    state.ask.sent(now);
    return state;
  },
  heard: (state, self) => {
    if (state.proof.trial) self.effects.push(...state.proof.trial.pass());
    heard(state);
    return state;
  },
  timer,
});
