import { describe, expect, test } from 'vitest';
import { TYPE } from '../../../src/protocol/classic/constants.js';
import { classify, deny, login, MESSAGES, type Message } from '../../../src/protocol/classic/messages.js';
import { PEER_STATES, type PeerState, SERVER_TABLE } from '../../../src/protocol/classic/server.js';
import type { Remote } from '../../../src/protocol/remote.js';
import { EXAMPLES, numbered, typed } from './examples.js';
import { ID, PEER, peerOf, ServerFixture } from './server-fixture.js';

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

/** A server to whom PEER is in a state. */
function inState(state: PeerState, bounds = {}): ServerFixture {
  const bench = new ServerFixture(bounds);
  if (state === 'up' || state === 'rechallenged') bench.logIn();
  if (state === 'challenged' || state === 'rechallenged') bench.login();
  expect(bench.state()).toBe(state);
  return bench;
}

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

describe('LOGIN', () => {
  test('repeated gets the same challenge, so that a RESPONSE under way stays right', () => {
    const bench = inState('challenged');
    const right = bench.response();
    bench.wait(5_000).login();
    const [first, second] = bench.sent();
    expect(second).toEqual(first);
    expect(bench.receive(right)).toEqual(['plug', 'send authOk']);
  });

  test('under another id, or after the challenge was answered, gets another challenge', () => {
    const bench = inState('challenged');
    bench.login(PEER, 'other');
    bench.logIn();
    bench.login();
    const challenges = bench.sent().filter((datagram) => classify(datagram) === 'challenge');
    expect(challenges).toHaveLength(4);
    expect(new Set(challenges.map(String)).size).toBe(4);
  });

  test('forged does not end a session', () => {
    const bench = inState('up');
    for (let i = 0; i < 5; i++) {
      expect(bench.wait(1_000).login(PEER, `forged${i}`)).toEqual(['send challenge']);
      expect(bench.receive(typed(TYPE.RESPONSE, 136))).toEqual(['refused wrong key', 'send deny']);
      expect(bench.state()).toBe('up');
    }
    expect(bench.log.filter((effect) => effect.do === 'unplug')).toEqual([]);
    expect(bench.tick(119_000)).toEqual(['unplug expired']); // nor does it keep one alive
  });

  test('without a key is denied, in every state, and changes none', () => {
    for (const state of PEER_STATES) {
      const bench = inState(state, {
        keyFor: (id: string) => (id === ID ? numbered(24) : undefined),
      });
      expect(bench.login(PEER, 'nobody')).toEqual(['refused no key', 'send deny']);
      expect(bench.state()).toBe(state);
      if (state === 'challenged') expect(bench.receive(bench.response())).toEqual(['plug', 'send authOk']);
    }
  });

  test('asks for the key of an id once, as long as somebody has it', () => {
    const bench = new ServerFixture();
    for (let i = 0; i < 4; i++) bench.wait(5_000).login();
    bench.receive(bench.response());
    bench.logIn();
    bench.login(peerOf(1));
    expect(bench.asked).toEqual([ID]);
    bench.tick(200_000);
    bench.login();
    expect(bench.asked).toEqual([ID, ID]);
  });
});

describe('a RESPONSE that is late', () => {
  test('with the key of a login that was replaced meanwhile is not confirmed', () => {
    const bench = new ServerFixture();
    bench.login(PEER, 'first');
    const first = bench.response(PEER, numbered(24, 77));
    expect(bench.logIn(PEER, 'second').at(-1)).toBe('send authOk');
    expect([bench.receive(first), bench.state()]).toEqual([[], 'up']);
  });

  test('to the CHALLENGE before is good: a C client answers it with the key of its last LOGIN', () => {
    const bench = new ServerFixture();
    bench.login(PEER, 'first');
    const late = bench.response();
    bench.login(PEER, 'second');
    const other = bench.response();
    expect(bench.receive(late)).toEqual(['plug', 'send authOk']);
    expect(bench.last('plug').id).toBe('second');
    // And the one to the last CHALLENGE, which comes then, changes nothing.
    expect(bench.receive(other)).toEqual(['send authOk']);
    bench.login(PEER, 'second');
    for (const again of [late, other])
      expect([bench.receive(again), bench.state()]).toEqual([[], 'rechallenged']);
    expect(bench.receive(bench.response())).toEqual(['rekey', 'send authOk']);
  });

  test('by two CHALLENGEs is not good', () => {
    const bench = new ServerFixture();
    bench.login(PEER, 'first');
    const late = bench.response();
    bench.login(PEER, 'second');
    bench.login(PEER, 'third');
    expect(bench.receive(late)).toEqual(['refused wrong key', 'send deny']);
  });

  test('to a CHALLENGE that was answered proves nothing again', () => {
    const bench = new ServerFixture();
    bench.login(PEER, 'first');
    const recorded = bench.response();
    bench.receive(recorded);
    bench.tick(120_000);
    bench.login(PEER, 'first');
    expect(bench.receive(recorded)).toEqual(['refused wrong key', 'send deny']);
    // Nor does it within the session's life, sealed in another way than before.
    const fresh = inState('up');
    const again = fresh.response();
    fresh.login();
    expect([fresh.receive(again), fresh.state()]).toEqual([[], 'rechallenged']);
  });
});

describe('a client that comes again', () => {
  test('is keyed anew, with its key of then', () => {
    const keys: Record<string, Uint8Array> = { first: numbered(24, 1), second: numbered(24, 99) };
    const bench = new ServerFixture({ keyFor: (id) => keys[id] });
    expect(bench.logIn(PEER, 'first')).toEqual(['send challenge', 'plug', 'send authOk']);
    expect(bench.last('plug')).toMatchObject({ peer: PEER, id: 'first', keying: { key: numbered(24, 1) } });
    expect(bench.logIn(PEER, 'second', numbered(24, 99))).toEqual(['send challenge', 'rekey', 'send authOk']);
    expect(bench.last('rekey')).toMatchObject({
      peer: PEER,
      id: 'second',
      keying: { key: numbered(24, 99) },
    });
  });

  test('from another address takes its place there, once it has proved its key', () => {
    const bench = inState('up');
    const moved: Remote = { address: PEER.address, port: PEER.port + 1 };
    bench.login(moved);
    expect([bench.state(), bench.state(moved)]).toEqual(['up', 'challenged']);
    expect(bench.receive(bench.response(moved), moved)).toEqual(['unplug moved', 'plug', 'send authOk']);
    expect(bench.last('unplug').peer).toEqual(PEER);
    expect(bench.last('plug').peer).toEqual(moved);
    expect([bench.state(), bench.state(moved)]).toEqual(['unknown', 'up']);
    expect(bench.given[0]).toEqual(numbered(24)); // in use, there instead of here
  });

  test('that moved gets in although the table is full: what it leaves makes room', () => {
    const bench = new ServerFixture({ peersMax: 1 });
    bench.logIn();
    const moved: Remote = { address: PEER.address, port: PEER.port + 1 };
    bench.login(moved);
    expect(bench.receive(bench.response(moved), moved)).toEqual(['unplug moved', 'plug', 'send authOk']);
  });

  test('is not sent away when its LOGIN, and then its RESPONSE, arrive a second time and late', () => {
    const bench = new ServerFixture();
    bench.login();
    const response = bench.response();
    expect(bench.receive(response)).toEqual(['plug', 'send authOk']);
    bench.login();
    expect(bench.state()).toBe('rechallenged');
    expect(bench.receive(response)).toEqual([]);
    expect(bench.state()).toBe('rechallenged');
    expect(bench.receive(bench.response())).toEqual(['rekey', 'send authOk']);
  });

  test('is another one when its id is', () => {
    const bench = inState('up');
    bench.logIn(peerOf(1), 'another');
    expect([bench.state(), bench.state(peerOf(1))]).toEqual(['up', 'up']);
  });

  test('is known by address and port', () => {
    const bench = inState('up');
    expect(bench.state({ ...PEER, port: 1 })).toBe('unknown');
    expect(bench.state({ ...PEER, address: '192.0.2.2' })).toBe('unknown');
    expect(bench.state({ ...PEER })).toBe('up');
  });
});

describe('refusals', () => {
  test.each([
    ['with another key', (b: ServerFixture) => b.response(PEER, numbered(24, 77)), 'wrong key'],
    ['in clear', (b: ServerFixture) => b.plainResponse(), 'not encrypted'],
    ['to another challenge', () => typed(TYPE.RESPONSE, 136), 'wrong key'],
  ])('a RESPONSE %s: %s', (_, make, why) => {
    for (const state of ['challenged', 'rechallenged'] as const) {
      const bench = inState(state);
      const wrong = make(bench);
      const right = bench.response();
      expect(bench.receive(wrong)).toEqual([`refused ${why}`, 'send deny']);
      expect(bench.last('refused').peer).toEqual(PEER);
      expect(bench.state()).toBe(state === 'challenged' ? 'unknown' : 'up');
      // One try for each challenge: the right one comes too late. What proves nothing is not confirmed, and does not end a session.
      const late = state === 'challenged' ? ['refused not logged in', 'send deny'] : [];
      expect(bench.receive(right)).toEqual(late);
    }
  });

  test('where nothing is encrypted, a RESPONSE in clear is right and an encrypted one is wrong', () => {
    const bench = new ServerFixture({ keyFor: () => 'plain' });
    bench.login();
    expect(bench.receive(bench.response())).toEqual(['refused encrypted', 'send deny']);
    bench.login();
    expect(bench.receive(typed(TYPE.RESPONSE, 140))).toEqual(['refused encrypted', 'send deny']);
    bench.login();
    expect(bench.receive(typed(TYPE.RESPONSE, 128))).toEqual(['refused wrong key', 'send deny']);
    bench.login();
    expect(bench.receive(bench.plainResponse())).toEqual(['plug', 'send authOk']);
    expect(bench.last('plug').keying).toEqual({ suite: 'plain' });
  });
});
