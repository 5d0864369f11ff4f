// The table of the server: what happens in each of its cells, for how long a client is in each state, and what is answered.
import { describe, expect, test } from 'vitest';
import { TYPE } from '../../../src/protocol/classic/constants.js';
import { classify, deny, login, MESSAGES, type Message } from '../../../src/protocol/classic/messages.js';
import { PEER_STATES, type PeerState, SERVER_TABLE } from '../../../src/protocol/classic/server.js';
import { EXAMPLES, numbered, typed } from './examples.js';
import { ID, inState, PEER, peerOf, ServerFixture } from './server-fixture.js';

type Input = Message | 'expiry';
/**
 * The next state, then the effects; 'nothing' when all stays as it was, 'lives on' when nothing but the
 * end of the session moves.
 */
type Cell = 'nothing' | 'lives on' | readonly [PeerState, ...string[]];

// What classic.md §2.3 and §5.2 want of a server. LOGIN is one with a key, RESPONSE the right one where
// there is a challenge; what they do otherwise is below.
const EXPECTED: Record<PeerState, Record<Input, Cell>> = {
  unknown: {
    login: ['challenged', 'send challenge'],
    challenge: 'nothing',
    response: ['unknown', 'refused not logged in', 'send deny'],
    authOk: 'nothing',
    deny: 'nothing',
    keepalive: ['unknown', 'refused not logged in', 'send deny'],
    data: ['unknown', 'refused not logged in', 'send deny'],
    empty: 'nothing',
    other: 'nothing',
    expiry: 'nothing',
  },
  challenged: {
    login: ['challenged', 'send challenge'],
    challenge: 'nothing',
    response: ['up', 'plug', 'send authOk'],
    authOk: 'nothing',
    deny: 'nothing',
    keepalive: ['challenged', 'refused not logged in', 'send deny'],
    data: ['challenged', 'refused not logged in', 'send deny'],
    empty: ['challenged', 'refused no cipher'],
    other: 'nothing',
    expiry: ['unknown'],
  },
  up: {
    login: ['rechallenged', 'send challenge'],
    challenge: 'nothing',
    response: ['up', 'send authOk'],
    authOk: 'nothing',
    deny: 'nothing',
    keepalive: 'lives on',
    data: 'nothing',
    empty: 'nothing',
    other: 'nothing',
    expiry: ['unknown', 'unplug expired'],
  },
  rechallenged: {
    login: ['rechallenged', 'send challenge'],
    challenge: 'nothing',
    response: ['up', 'rekey', 'send authOk'],
    authOk: 'nothing',
    deny: 'nothing',
    keepalive: 'lives on',
    data: 'nothing',
    empty: ['rechallenged', 'refused no cipher'],
    other: 'nothing',
    expiry: ['up'], // the challenge's; the session's is below
  },
};

/** When what a peer has runs out, ms after inState(): its challenge, or else its session. */
const LIFE: Record<PeerState, number> = {
  unknown: Infinity,
  challenged: 20_000,
  up: 120_000,
  rechallenged: 20_000,
};

/** The datagrams of an input; a RESPONSE as it would be right. */
const datagrams = (bench: ServerFixture, message: Message) =>
  message === 'response' ? [bench.response()] : EXAMPLES[message];

/** Everything that happens as time passes: [ms, state, effects] for each change. */
function future(bench: ServerFixture): unknown[] {
  const changes: unknown[] = [];
  const end = bench.now + 200_000;
  for (let state = bench.state(); bench.now < end; ) {
    const effects = bench.tick(500);
    if (effects.length > 0 || bench.state() !== state) changes.push([bench.now, bench.state(), effects]);
    state = bench.state();
  }
  return changes;
}

describe('the table of the server', () => {
  test('is expected in every cell', () => {
    const inputs = [...MESSAGES, 'expiry'].sort();
    expect(Object.keys(EXPECTED).sort()).toEqual([...PEER_STATES].sort());
    expect(Object.keys(SERVER_TABLE).sort()).toEqual([...PEER_STATES].sort());
    for (const state of PEER_STATES) {
      expect(Object.keys(EXPECTED[state]).sort()).toEqual(inputs);
      expect(Object.keys(SERVER_TABLE[state]).sort()).toEqual(inputs);
    }
  });

  const cells = PEER_STATES.flatMap((state) => MESSAGES.map((message) => [state, message] as const));
  test.each(cells)('%s: %s', (state, message) => {
    const expected = EXPECTED[state][message];
    for (const i of datagrams(inState(state), message).keys()) {
      const bench = inState(state).wait(7_000);
      const effects = bench.receive(datagrams(bench, message)[i] as Uint8Array);
      const untouched = inState(state).wait(7_000);
      if (expected === 'nothing' || expected === 'lives on') {
        expect([bench.state(), ...effects]).toEqual([state]);
        if (expected === 'lives on') untouched.heard();
        expect(future(bench)).toEqual(future(untouched));
      } else {
        expect([bench.state(), ...effects]).toEqual(expected);
      }
    }
  });

  test.each(PEER_STATES)('%s: expiry', (state) => {
    const expected = EXPECTED[state].expiry;
    const bench = inState(state);
    if (expected === 'nothing') {
      expect([bench.tick(1e9), bench.state()]).toEqual([[], state]);
      return;
    }
    expect(bench.tick(LIFE[state] - 1)).toEqual([]);
    expect(bench.state()).toBe(state);
    const effects = bench.tick(1);
    expect([bench.state(), ...effects]).toEqual(expected);
    expect(bench.tick()).toEqual([]); // once
  });
});

describe('lifetimes', () => {
  test('a session ends 120 s after what was heard last', () => {
    const bench = inState('up').wait(100_000).heard();
    expect(bench.tick(119_999)).toEqual([]);
    bench.heard();
    expect(bench.tick(119_999)).toEqual([]);
    expect(bench.tick(1)).toEqual(['unplug expired']);
    expect(bench.last('unplug').peer).toEqual(PEER);
  });

  test('a KEEPALIVE is heard', () => {
    const bench = inState('up').wait(119_999);
    bench.receive(EXAMPLES.keepalive[0] as Uint8Array);
    expect(bench.tick(119_999)).toEqual([]);
    expect(bench.tick(1)).toEqual(['unplug expired']);
  });

  test('DATA of somebody who is not up is not heard', () => {
    const bench = inState('challenged').wait(10_000).heard();
    bench.tick(10_000);
    expect(bench.state()).toBe('unknown');
    expect(bench.heard().state()).toBe('unknown');
  });

  test('a peer that logs in again keeps its session to its end, whatever becomes of the challenge', () => {
    const bench = inState('up').wait(110_000);
    bench.login();
    expect(bench.state()).toBe('rechallenged');
    expect(bench.tick(10_000)).toEqual(['unplug expired']);
    expect(bench.state()).toBe('unknown');
    expect(bench.tick(60_000)).toEqual([]);
  });

  test('both may end at once', () => {
    const bench = inState('up').wait(100_000);
    bench.login();
    expect(bench.tick(20_000)).toEqual(['unplug expired']);
    expect(bench.state()).toBe('unknown');
  });

  test('a LOGIN again gives a challenge its 20 s anew, and a session none', () => {
    const challenged = inState('challenged').wait(15_000);
    challenged.login();
    challenged.tick(19_999);
    expect(challenged.state()).toBe('challenged');
    const up = inState('up').wait(100_000);
    up.login();
    expect(up.tick(20_000)).toEqual(['unplug expired']);
  });

  test('logging in again gives a session its 120 s anew', () => {
    const bench = inState('up').wait(100_000);
    expect(bench.logIn()).toEqual(['send challenge', 'rekey', 'send authOk']);
    expect(bench.tick(119_999)).toEqual([]);
    expect(bench.tick(1)).toEqual(['unplug expired']);
  });

  test('many peers end each at its own time', () => {
    const bench = new ServerFixture();
    for (let n = 0; n < 100; n++) {
      bench.logIn(peerOf(n), `id${n}`);
      bench.wait(1_000);
    }
    for (let n = 0; n < 100; n++) {
      bench.now = 100_000 + n * 1_000 + 120_000;
      expect(bench.tick()).toEqual(['unplug expired']);
      expect(bench.last('unplug').peer).toEqual(peerOf(n));
    }
  });
});

describe('answers', () => {
  test('are never longer than what they answer, but for the one CHALLENGE', () => {
    const types = [...Object.values(TYPE), 0x00];
    const answered: Record<string, number> = {};
    const tooMuch: unknown[] = [];
    const bytes = numbered(2_000);
    for (const state of PEER_STATES) {
      for (const type of types) {
        let bench = inState(state);
        bytes[0] = type;
        for (let length = 1; length <= 2_000; length++) {
          if (bench.state() !== state) bench = inState(state);
          // The rate would hold back answers otherwise; nobody ticks, so that nothing expires.
          bench.wait(1_000).log.length = 0;
          const datagram =
            type === TYPE.LOGIN && length === 17
              ? login(ID)
              : type === TYPE.RESPONSE && length === 137
                ? bench.response()
                : bytes.subarray(0, length);
          bench.receive(datagram);
          const sent = bench.sent();
          for (const answer of sent) {
            const message = classify(answer);
            answered[message] = (answered[message] ?? 0) + 1;
            const allowed = message === 'challenge' ? 129 : length;
            if (answer.length > allowed || sent.length > 1) tooMuch.push([state, type, length]);
          }
        }
      }
    }
    expect(tooMuch).toEqual([]);
    // It has seen them all.
    expect(Object.keys(answered).sort()).toEqual(['authOk', 'challenge', 'deny']);
    expect(answered.challenge).toBe(PEER_STATES.length);
    expect(answered.deny).toBeGreaterThan(4_000);
  });

  test('DENY has its text where that is no longer than the question, and is bare otherwise', () => {
    const bench = new ServerFixture();
    bench.receive(typed(TYPE.DATA, 14));
    expect(bench.last('send').datagram).toEqual(Uint8Array.of(TYPE.DENY));
    bench.wait(1_000).receive(typed(TYPE.DATA, 15));
    expect(bench.last('send').datagram).toEqual(deny(16));
    expect(bench.last('send').datagram).toHaveLength(16);
    bench.wait(1_000).receive(EXAMPLES.keepalive[0] as Uint8Array);
    expect(bench.last('send').datagram).toEqual(Uint8Array.of(TYPE.DENY));
  });

  test('go to who asked', () => {
    const bench = new ServerFixture();
    for (const datagram of [login(ID), typed(TYPE.DATA, 20)]) {
      bench.receive(datagram, peerOf(1));
      expect(bench.last('send').to).toEqual(peerOf(1));
    }
  });
});
