// The table of the client: what happens in each of its cells.
import { describe, expect, test } from 'vitest';
import { CLIENT_TABLE } from '../../../src/protocol/classic/client.js';
import {
  CLIENT_EVENTS,
  CLIENT_STATES,
  type ClientEvent,
  type ClientState,
} from '../../../src/protocol/classic/client-terms.js';
import { authOk, MESSAGES, type Message } from '../../../src/protocol/classic/messages.js';
import { CHALLENGE, type ClientFixture, DENY, type Happening, inState } from './client-fixture.js';
import { EXAMPLES } from './examples.js';

type Input = Message | ClientEvent;
/** The next state, then the effects; 'nothing' when all stays as it was. */
type Cell = 'nothing' | readonly [ClientState, ...string[]];

// What classic.md §2.2 and §2.5 want of a client that answers keepalives and has a pre-shared key (in
// `enrolling`, where only the others come, one with a random key). Each state's time: closed between two
// LOGINs, up when the second KEEPALIVE has just been sent, the others as soon as they are reached.
const EXPECTED: Record<ClientState, Record<Input, Cell>> = {
  closed: {
    login: 'nothing',
    challenge: 'nothing',
    response: 'nothing',
    authOk: 'nothing',
    deny: 'nothing',
    keepalive: 'nothing',
    data: 'nothing',
    empty: 'nothing',
    other: 'nothing',
    start: ['resolving', 'resolve'],
    resolved: 'nothing',
    resolveFailed: 'nothing',
    enrolled: 'nothing',
    enrolFailed: 'nothing',
    unreachable: 'nothing',
    elsewhere: 'nothing',
    sendFailed: 'nothing',
    large: 'nothing',
    sent: 'nothing',
    heard: 'nothing',
    timer: ['opening', 'send login'],
  },
  resolving: {
    login: 'nothing',
    challenge: 'nothing',
    response: 'nothing',
    authOk: 'nothing',
    deny: 'nothing',
    keepalive: 'nothing',
    data: 'nothing',
    empty: 'nothing',
    other: 'nothing',
    start: 'nothing',
    resolved: ['opening', 'send login'],
    resolveFailed: ['closed'],
    enrolled: 'nothing',
    enrolFailed: 'nothing',
    unreachable: 'nothing',
    elsewhere: 'nothing',
    sendFailed: 'nothing',
    large: 'nothing',
    sent: 'nothing',
    heard: 'nothing',
    timer: 'nothing',
  },
  enrolling: {
    login: 'nothing',
    challenge: 'nothing',
    response: 'nothing',
    authOk: 'nothing',
    deny: 'nothing',
    keepalive: 'nothing',
    data: 'nothing',
    empty: 'nothing',
    other: 'nothing',
    start: 'nothing',
    resolved: 'nothing',
    resolveFailed: 'nothing',
    enrolled: ['opening', 'send login'],
    enrolFailed: ['closed', 'fail key not carried'],
    unreachable: 'nothing',
    elsewhere: 'nothing',
    sendFailed: 'nothing',
    large: 'nothing',
    sent: 'nothing',
    heard: 'nothing',
    timer: 'nothing',
  },
  opening: {
    login: 'nothing',
    challenge: ['waiting', 'send response'],
    response: 'nothing',
    authOk: 'nothing',
    deny: ['loginDenied'],
    keepalive: 'nothing',
    data: 'nothing',
    empty: 'nothing',
    other: 'nothing',
    start: 'nothing',
    resolved: 'nothing',
    resolveFailed: 'nothing',
    enrolled: 'nothing',
    enrolFailed: 'nothing',
    unreachable: ['opening'], // there is one candidate; its timer is due sooner
    elsewhere: ['resolving', 'resolve'],
    sendFailed: ['opening'],
    large: 'nothing',
    sent: 'nothing',
    heard: 'nothing',
    timer: ['resolving', 'unanswered', 'resolve'],
  },
  loginDenied: {
    login: 'nothing',
    challenge: ['waiting', 'send response'],
    response: 'nothing',
    authOk: 'nothing',
    deny: 'nothing',
    keepalive: 'nothing',
    data: 'nothing',
    empty: 'nothing',
    other: 'nothing',
    start: 'nothing',
    resolved: 'nothing',
    resolveFailed: 'nothing',
    enrolled: 'nothing',
    enrolFailed: 'nothing',
    unreachable: ['opening'],
    elsewhere: 'nothing',
    sendFailed: ['opening'],
    large: 'nothing',
    sent: 'nothing',
    heard: 'nothing',
    timer: ['closed', 'denied no key at server'],
  },
  waiting: {
    login: 'nothing',
    challenge: 'nothing',
    response: 'nothing',
    authOk: ['up', 'up', 'send keepalive'],
    deny: ['responseDenied', 'send response'],
    keepalive: 'nothing',
    data: 'nothing',
    empty: 'nothing',
    other: 'nothing',
    start: 'nothing',
    resolved: 'nothing',
    resolveFailed: 'nothing',
    enrolled: 'nothing',
    enrolFailed: 'nothing',
    unreachable: 'nothing',
    elsewhere: 'nothing',
    sendFailed: 'nothing',
    large: 'nothing',
    sent: 'nothing',
    heard: 'nothing',
    timer: ['waiting', 'send response'],
  },
  responseDenied: {
    login: 'nothing',
    challenge: 'nothing',
    response: 'nothing',
    authOk: ['up', 'up', 'send keepalive'],
    deny: 'nothing',
    keepalive: 'nothing',
    data: 'nothing',
    empty: 'nothing',
    other: 'nothing',
    start: 'nothing',
    resolved: 'nothing',
    resolveFailed: 'nothing',
    enrolled: 'nothing',
    enrolFailed: 'nothing',
    unreachable: 'nothing',
    elsewhere: 'nothing',
    sendFailed: 'nothing',
    large: 'nothing',
    sent: 'nothing',
    heard: 'nothing',
    timer: ['closed', 'denied wrong key'],
  },
  up: {
    login: 'nothing',
    challenge: 'nothing',
    response: 'nothing',
    authOk: 'nothing',
    deny: ['up', 'send response'],
    keepalive: 'nothing',
    data: 'nothing',
    empty: 'nothing',
    other: 'nothing',
    start: 'nothing',
    resolved: ['up', 'send response'],
    resolveFailed: ['up'], // see the tests of a system that cannot send
    enrolled: 'nothing',
    enrolFailed: 'nothing',
    unreachable: 'nothing',
    elsewhere: 'nothing',
    sendFailed: ['up', 'reconnect'],
    large: ['up', 'send other'],
    sent: ['up'], // see the tests of questions
    heard: ['up'],
    timer: ['up', 'send response'],
  },
};

/** What leads from each state to up, and through everything that comes after it. */
const ONWARD: Record<ClientState, readonly (Happening | 'wait')[]> = {
  closed: ['timer', CHALLENGE, 'timer', authOk(), 'timer'],
  resolving: ['resolved', CHALLENGE, 'timer', authOk(), 'timer'],
  enrolling: ['enrolled', CHALLENGE, 'timer', authOk(), 'timer'],
  opening: [CHALLENGE, 'timer', authOk(), 'timer'],
  loginDenied: [CHALLENGE, 'timer', authOk(), 'timer'],
  waiting: ['timer', authOk(), 'timer'],
  responseDenied: [authOk(), 'timer'],
  up: [DENY, 'timer', CHALLENGE, 'timer', authOk(), 'timer'],
};

/** Everything that a machine says on its way, with the bytes, the keys and the times. */
function onward(bench: ClientFixture, from: ClientState): unknown {
  const steps: unknown[] = [];
  for (const happening of ONWARD[from]) {
    if (happening === 'timer') bench.timer();
    else bench.tell(happening as Happening);
    steps.push([bench.state, bench.client.deadline]);
  }
  expect(bench.state).toBe('up');
  return { steps, log: bench.log, sealed: bench.sealed };
}

const isMessage = (input: Input): input is Message => (MESSAGES as readonly string[]).includes(input);

describe('the table of the client', () => {
  test('is expected in every cell', () => {
    const inputs = [...MESSAGES, ...CLIENT_EVENTS].sort();
    expect(Object.keys(EXPECTED).sort()).toEqual([...CLIENT_STATES].sort());
    expect(Object.keys(CLIENT_TABLE).sort()).toEqual([...CLIENT_STATES].sort());
    for (const state of CLIENT_STATES) {
      expect(Object.keys(EXPECTED[state]).sort()).toEqual(inputs);
      expect(Object.keys(CLIENT_TABLE[state]).sort()).toEqual(inputs);
    }
  });

  const cells = CLIENT_STATES.flatMap((state) =>
    [...MESSAGES, ...CLIENT_EVENTS].map((input) => [state, input] as const),
  );
  test.each(cells)('%s: %s', (state, input) => {
    const expected = EXPECTED[state][input];
    const ways: readonly Happening[] = isMessage(input) ? EXAMPLES[input] : [input];
    for (const happening of ways) {
      const bench = inState(state);
      const before = bench.client.deadline;
      if (input === 'timer') bench.now = before === Infinity ? bench.now + 600_000 : before;
      const effects = bench.tell(happening);
      if (expected === 'nothing') {
        expect([bench.state, bench.client.deadline, effects]).toEqual([state, before, []]);
        // Nor has anything changed that does not show yet: it goes on as one to whom nothing happened.
        const other = inState(state);
        other.now = bench.now;
        expect(onward(bench, state)).toEqual(onward(other, state));
      } else {
        expect([bench.state, ...effects]).toEqual(expected);
      }
    }
  });

  // Each state's timer, in ms after it was reached.
  test.each([
    ['closed', 4_000], // 5 s after the LOGIN
    ['resolving', Infinity],
    ['enrolling', Infinity],
    ['opening', 5_000],
    ['loginDenied', 900], // 1 s after the LOGIN
    ['waiting', 1_000],
    ['responseDenied', 1_000],
    ['up', 10_000],
  ] as const)('%s: the timer is due in %d ms', (state, due) => {
    expect(inState(state).due).toBe(due);
  });
});
