import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CLIENT_STATES, type ClientState } from '../../src/protocol/client-terms.js';
import { TYPE } from '../../src/protocol/constants.js';
import { authOk, classify, login, loginId, MESSAGES } from '../../src/protocol/messages.js';
import { CHALLENGE, ClientFixture, DENY } from '../protocol/client-fixture.js';
import { randomness, seed } from '../seed.js';
import { COUNT, datagrams } from './datagrams.js';

/** More than any one thing draws from the machine: down, denied, a datagram and what follows. */
const EFFECTS_MAX = 3;

/** What each state takes although it is junk, as it has the form of what is waited for. */
const TAKES: Partial<Record<ClientState, string[]>> = {
  opening: ['challenge', 'deny'],
  waiting: ['authOk', 'deny'],
};

/** Brings a client with a random key, that never gives up, into a state. */
function inState(state: ClientState): ClientFixture {
  const b = new ClientFixture({ mode: { kind: 'random' }, keepalive: true });
  b.candidates = 3;
  b.tellAll('start', 'resolved', 'enrolled', CHALLENGE, authOk());
  b.heard().wait(30_000).data();
  if (state === 'up') return b;
  b.lose();
  b.wait(1_000); // what comes now is no answer to older DATA
  if (state === 'waiting') b.tell(CHALLENGE);
  else if (state === 'resolving') b.timer();
  else if (state === 'enrolling') b.tell(DENY);
  else if (state === 'closed') b.tellAll(DENY, 'enrolFailed');
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
    else b.tell(b.state === 'opening' ? CHALLENGE : authOk());
  }
}

describe('a client', () => {
  test.each(CLIENT_STATES)('takes junk of every length, %s, and comes up afterwards', (state) => {
    const random = randomness();
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
  });

  test('takes junk and real messages in any order, at any time, and comes up afterwards', () => {
    const random = randomness();
    const b = inState('up');
    const real = [CHALLENGE, DENY, authOk(), login('vde_x'), Uint8Array.of(TYPE.KEEPALIVE)];
    const events = ['resolved', 'resolveFailed', 'enrolled', 'enrolFailed', 'unreachable'] as const;
    const states = new Set<ClientState>();
    for (let i = 0; i < 20_000; i++) {
      b.log.length = 0;
      const what = random.below(6);
      let effects: string[] = [];
      if (what === 0) b.data();
      else if (what === 1 && b.client.deadline < Infinity) effects = b.timer();
      else if (what === 2) effects = b.wait(random.below(2_000)).tell(events[random.below(5)] as 'enrolled');
      else if (what === 3) effects = b.tell(real[random.below(5)] as Uint8Array);
      else effects = b.tell(random.bytes(random.below(200)));
      states.add(b.state);
      if (effects.length > EFFECTS_MAX) expect(effects).toEqual('fewer');
    }
    expect([...states].sort()).toEqual([...CLIENT_STATES].sort());
    bringUp(b);
  });
});

describe('any bytes', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc
      .tuple(fc.constantFrom(...Object.values(TYPE)), fc.uint8Array({ maxLength: 150 }))
      .map(([type, body]) => Uint8Array.of(type, ...body)),
    fc.string({ maxLength: 20 }).map((id) => Uint8Array.of(TYPE.LOGIN, ...Buffer.from(id.padEnd(16, '\0')))),
  );

  test('are one of the messages, and a LOGIN only with an id that is safe in a file name', () => {
    const ids = new Set<string>();
    fc.assert(
      fc.property(bytes, (datagram) => {
        const message = classify(datagram);
        const id = loginId(datagram);
        expect(MESSAGES).toContain(message);
        expect(message === 'login').toBe(id !== undefined);
        if (id === undefined) return;
        expect(id).toMatch(/^\w{1,16}$/);
        expect(login(id)).toEqual(datagram);
        ids.add(id);
      }),
      { seed, numRuns: 2_000 },
    );
    expect(ids.size).toBeGreaterThan(10);
  });
});
