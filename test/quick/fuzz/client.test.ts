import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { CLIENT_STATES, type ClientState } from '../../../src/protocol/classic/client-terms.js';
import { TYPE } from '../../../src/protocol/classic/constants.js';
import { authOk, classify, deny, login } from '../../../src/protocol/classic/messages.js';
import { CIPHERS, type Cipher } from '../../../src/protocol/classic/session-key.js';
import { randomnessOf } from '../../support/randomness.js';
import { rounds } from '../../support/rounds.js';
import { CHALLENGE, ClientFixture, DENY, type Happening } from '../protocol/client-fixture.js';
import { COUNT, datagrams } from './datagrams.js';
import { mutate, mutation } from './mutations.js';
import { anySeed, property } from './property.js';
import { anyRecording } from './recordings.js';

/** More than any one thing draws from the machine: down, denied, a datagram and what follows. */
const EFFECTS_MAX = 3;

/** What each state takes although it is junk, as it has the form of what is waited for. */
const TAKES: Partial<Record<ClientState, string[]>> = {
  opening: ['challenge', 'deny'],
  loginDenied: ['challenge'],
  waiting: ['authOk', 'deny'],
  responseDenied: ['authOk'],
};

/** Brings a client with a random key into a state. */
function inState(state: ClientState, cipher: Cipher = 'blowfish'): ClientFixture {
  const b = new ClientFixture({ mode: { kind: 'random' }, keepalive: true, cipher });
  b.candidates = 3;
  b.tellAll('start', 'resolved', 'enrolled', CHALLENGE, authOk());
  b.heard().wait(30_000).data();
  if (state === 'up') return b;
  b.lose();
  b.wait(1_000); // what comes now is no answer to older DATA
  if (state === 'waiting') b.tell(CHALLENGE);
  else if (state === 'loginDenied') b.tell(DENY);
  else if (state === 'responseDenied') b.tellAll(CHALLENGE, DENY);
  else if (state === 'resolving') b.timer();
  else if (state === 'enrolling') b.deny();
  else if (state === 'closed') {
    b.deny();
    b.tell('enrolFailed');
  }
  expect(b.state).toBe(state);
  return b;
}

/** Does what the host would, and answers as a server would, until it is up. */
function bringUp(b: ClientFixture): void {
  for (let steps = 0; b.state !== 'up'; steps++) {
    expect(steps).toBeLessThan(10);
    if (b.state === 'closed') b.timer();
    else if (b.state === 'resolving') b.tell('resolved');
    else if (b.state === 'enrolling') b.tell('enrolled');
    else if (b.state === 'waiting' || b.state === 'responseDenied') b.tell(authOk());
    else if (b.tell(CHALLENGE).length === 0) b.timer(); // it waits for another one, as there were several before
  }
}

describe('a client', () => {
  for (const state of CLIENT_STATES) {
    property(
      `takes junk of every length, ${state}, and comes up afterwards`,
      1,
      fc.property(anySeed, (from) => {
        const random = randomnessOf(from);
        let b = inState(state);
        let [count, most] = [0, 0];
        const taken = new Set<string>();
        for (const datagram of datagrams(random)) {
          count++;
          b.log.length = 0;
          most = Math.max(most, b.tell(datagram).length);
          if (b.state === state) continue;
          taken.add(classify(datagram));
          bringUp(b);
          b = inState(state);
        }
        expect([count, b.sealed.length]).toEqual([COUNT, inState(state).sealed.length]);
        expect(most).toBeLessThanOrEqual(EFFECTS_MAX);
        expect([...taken].sort()).toEqual(TAKES[state] ?? []);
        bringUp(b);
      }),
    );
  }

  property(
    'takes junk and real messages in any order, at any time, and comes up afterwards',
    1,
    fc.property(anySeed, (from) => {
      const random = randomnessOf(from);
      const b = inState('up');
      const real = [CHALLENGE, DENY, authOk(), login('vde_x'), Uint8Array.of(TYPE.KEEPALIVE)];
      const events = ['resolved', 'resolveFailed', 'enrolled', 'enrolFailed', 'unreachable'] as const;
      const states = new Set<ClientState>();
      for (let i = 0; i < rounds(20_000); i++) {
        b.log.length = 0;
        const what = random.below(6);
        let effects: string[] = [];
        if (what === 0) b.data();
        else if (what === 1 && b.client.deadline < Infinity) effects = b.timer();
        else if (what === 2)
          effects = b.wait(random.below(2_000)).tell(events[random.below(5)] as 'enrolled');
        else if (what === 3) effects = b.tell(real[random.below(5)] as Uint8Array);
        else effects = b.tell(random.bytes(random.below(200)));
        states.add(b.state);
        if (effects.length > EFFECTS_MAX) expect(effects).toEqual('fewer');
      }
      expect([...states].sort()).toEqual([...CLIENT_STATES].sort());
      bringUp(b);
    }),
  );
});

describe('a handshake that was changed on the way', () => {
  const seen = new Set<string>();
  const change = fc.record({
    state: fc.constantFrom(...CLIENT_STATES),
    cipher: fc.constantFrom(...CIPHERS),
    recording: anyRecording,
    mutations: fc.array(mutation, { maxLength: 8 }),
    /** Before each datagram, in turn: what happens, and how long it takes, ms. */
    between: fc.array(
      fc.record({
        event: fc.option(fc.constantFrom('timer', 'resolved', 'enrolled', 'unreachable', 'enrolFailed'), {
          nil: undefined,
          freq: 1,
        }),
        wait: fc.oneof({ weight: 9, arbitrary: fc.nat(1_500) }, { weight: 1, arbitrary: fc.nat(70_000) }),
      }),
      { minLength: 1, maxLength: 6 },
    ),
  });
  property(
    'draws no more from a client than its own, which comes up afterwards',
    200,
    fc.property(change, ({ state, cipher, recording, mutations, between }) => {
      const b = inState(state, cipher);
      const before = { sealed: b.sealed.length, logins: b.times('send login').length };
      const tell = (happening: Happening) => {
        const effects = b.tell(happening);
        expect(effects.length).toBeLessThanOrEqual(EFFECTS_MAX);
        for (const effect of effects) seen.add(effect);
      };
      // The handshake and a few frames, what a server says that knows nothing of it, and the handshake again.
      const again = recording.datagrams.slice(0, 5);
      const recorded = [...recording.datagrams.slice(0, 9), DENY, deny(1), ...again];
      for (const [i, datagram] of mutate(recorded, mutations).entries()) {
        const { event, wait } = between[i % between.length] as (typeof between)[number];
        b.wait(wait);
        if (event === 'timer') b.wait(Math.min(70_000, Math.max(0, b.due)));
        else if (event !== undefined) tell(event);
        if (b.due <= 0) tell('timer');
        if (b.state === 'up') b.data(); // which a DENY may be the answer to
        tell(datagram);
      }
      // One CHALLENGE at most is encrypted for each LOGIN (classic.md §2.2), the one before the attack too.
      const logins = b.times('send login').length - before.logins + 1;
      expect(b.sealed.length - before.sealed).toBeLessThanOrEqual(logins);
      bringUp(b);
    }),
    () => {
      const kinds = ['send login', 'send response', 'up', 'down unknown', 'enrol', 'unanswered'];
      for (const kind of kinds) expect(seen).toContain(kind);
    },
  );
});
