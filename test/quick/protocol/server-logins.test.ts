// What a server makes of LOGINs and of clients that come again.
import { describe, expect, test } from 'vitest';
import { TYPE } from '../../../src/protocol/classic/constants.js';
import { classify } from '../../../src/protocol/classic/messages.js';
import { PEER_STATES } from '../../../src/protocol/classic/server.js';
import type { Remote } from '../../../src/protocol/remote.js';
import { numbered, typed } from './examples.js';
import { ID, inState, PEER, peerOf, ServerFixture } from './server-fixture.js';

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
