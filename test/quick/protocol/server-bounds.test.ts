// How much a classic server does for whom: its bounds, its rates, its keys, and both generations on one port.
import { describe, expect, test } from 'vitest';
import type { Keying } from '../../../src/core/terms.js';
import { TYPE } from '../../../src/protocol/classic/constants.js';
import { login } from '../../../src/protocol/classic/messages.js';
import { ClassicServer, type PeerState } from '../../../src/protocol/classic/server.js';
import type { Remote } from '../../../src/protocol/remote.js';
import { copyKey } from '../../../src/protocol/secret.js';
import { randomnessOf } from '../../support/randomness.js';
import { EXAMPLES, numbered, typed } from './examples.js';
import { ID, PEER, peerOf, ServerFixture } from './server-fixture.js';

// What classic.md §2.3 and §5.2 want of a server. LOGIN is one with a key, RESPONSE the right one where
// there is a challenge; what they do otherwise is below.
/** A server to whom PEER is in a state. */
function inState(state: PeerState, bounds = {}): ServerFixture {
  const bench = new ServerFixture(bounds);
  if (state === 'up' || state === 'rechallenged') bench.logIn();
  if (state === 'challenged' || state === 'rechallenged') bench.login();
  expect(bench.state()).toBe(state);
  return bench;
}

describe('bounds', () => {
  test('of the peers that have proved nothing: the oldest is given up', () => {
    const bench = new ServerFixture({ unprovenMax: 3 });
    for (const n of [0, 1, 2]) bench.login(peerOf(n), `id${n}`);
    bench.login(peerOf(0), 'id0'); // again: it is the newest now
    bench.login(peerOf(3), 'id3');
    const states = () => [0, 1, 2, 3, 4].map((n) => bench.state(peerOf(n)));
    expect(states()).toEqual(['challenged', 'unknown', 'challenged', 'challenged', 'unknown']);
    bench.login(peerOf(4), 'id4');
    expect(states()).toEqual(['challenged', 'unknown', 'unknown', 'challenged', 'challenged']);
    expect(bench.receive(bench.response(peerOf(3)), peerOf(3))).toEqual(['plug', 'send authOk']);
    bench.login(peerOf(2), 'id2'); // one has proved its key: there is room
    expect(states()).toEqual(['challenged', 'unknown', 'challenged', 'up', 'challenged']);
  });

  test('of the peers that have proved nothing: a session is not given up with its challenge', () => {
    const bench = new ServerFixture({ unprovenMax: 1 });
    bench.logIn();
    bench.login();
    expect(bench.state()).toBe('rechallenged');
    bench.login(peerOf(1), 'id1');
    expect([bench.state(), bench.state(peerOf(1))]).toEqual(['up', 'challenged']);
  });

  test('of all that log in and never answer: 1024', () => {
    const bench = new ServerFixture();
    for (let n = 0; n < 3_000; n++) bench.wait(10).login(peerOf(n), `id${n}`);
    const known = Array.from({ length: 3_000 }, (_, n) => bench.state(peerOf(n)) === 'challenged');
    expect(known.filter(Boolean)).toHaveLength(1024);
    expect(known.indexOf(true)).toBe(3_000 - 1024);
  });

  test('of all sessions: 4096', () => {
    const bench = new ServerFixture();
    const come = (n: number) => bench.wait(10).logIn(peerOf(n), `id${n}`).at(-1);
    for (let n = 0; n < 4096; n++) come(n);
    expect([4095, 4096].map((n) => [come(n), bench.state(peerOf(n))])).toEqual([
      ['send authOk', 'up'],
      ['send deny', 'unknown'],
    ]);
  });

  test('of the sessions: no more are let in until one ends', () => {
    const bench = new ServerFixture({ peersMax: 2 });
    const come = (n: number) => bench.logIn(peerOf(n), `id${n}`);
    come(0);
    bench.wait(1_000);
    come(1);
    expect(come(2)).toEqual(['send challenge', 'refused table full', 'send deny']);
    expect(bench.state(peerOf(2))).toBe('unknown');
    expect(come(1)).toEqual(['send challenge', 'rekey', 'send authOk']); // it has its place
    expect(bench.tick(119_000)).toEqual(['unplug expired']);
    expect(come(2)).toEqual(['send challenge', 'plug', 'send authOk']);
  });
});

describe('rates', () => {
  /** How many of these are answered, at one time. */
  const answers = (bench: ServerFixture, count: number, datagram: Uint8Array, from: (n: number) => Remote) =>
    Array.from({ length: count }, (_, n) => bench.receive(datagram, from(n))).filter((effects) =>
      effects.some((effect) => effect.startsWith('send')),
    ).length;
  let ports = 0;
  /** One address, another port each time. */
  const one = (): Remote => ({ address: '192.0.2.9', port: ++ports });

  test.each([
    ['CHALLENGEs', login(ID)],
    ['DENYs', typed(TYPE.DATA, 100)],
  ])('%s to one source: 20 at once, then 10 a second, whatever port it uses', (_, datagram) => {
    const bench = new ServerFixture();
    expect(answers(bench, 100, datagram, one)).toBe(20);
    bench.wait(99);
    expect(answers(bench, 100, datagram, one)).toBe(0);
    bench.wait(1);
    expect(answers(bench, 100, datagram, one)).toBe(1);
    bench.wait(1_000);
    expect(answers(bench, 100, datagram, one)).toBe(10);
    bench.wait(60_000);
    expect(answers(bench, 100, datagram, one)).toBe(20);
    // Another one is not held back, and a thousand others do not make it forgotten.
    expect(answers(bench, 900, datagram, peerOf)).toBe(900);
    expect(answers(bench, 1, datagram, one)).toBe(0);
  });

  test.each([
    ['CHALLENGEs', login(ID)],
    ['DENYs', typed(TYPE.DATA, 100)],
  ])('%s to all: 1000 at once, then 500 a second', (_, datagram) => {
    const bench = new ServerFixture();
    expect(answers(bench, 2_000, datagram, peerOf)).toBe(1_000);
    bench.wait(1_000);
    expect(answers(bench, 2_000, datagram, peerOf)).toBe(500);
  });

  test('DENYs to one address and port that is not logged in: one a second', () => {
    const bench = new ServerFixture();
    let denied = 0;
    const kinds = [typed(TYPE.DATA, 100), typed(TYPE.RESPONSE, 136), EXAMPLES.keepalive[0] as Uint8Array];
    for (let i = 0; i < 10_000; i++) {
      denied += bench.receive(kinds[i % 3] as Uint8Array).length === 2 ? 1 : 0;
      bench.wait(1);
    }
    expect(denied).toBe(10);
    expect(bench.wait(-500).receive(typed(TYPE.DATA, 100), { ...PEER, port: 1 })).toHaveLength(2);
    // What answers its handshake is none of them.
    const other = new ServerFixture({ keyFor: () => undefined });
    other.receive(typed(TYPE.DATA, 100));
    for (let i = 0; i < 3; i++) expect(other.login()).toEqual(['refused no key', 'send deny']);
  });

  test('a LOGIN too many is logged, and costs no record and no key', () => {
    const bench = new ServerFixture();
    answers(bench, 20, login(ID), one);
    const asked = bench.asked.length;
    const late = one();
    expect(bench.login(late, 'fresh')).toEqual(['refused too many logins']);
    expect(bench.state(late)).toBe('unknown');
    expect(bench.asked).toHaveLength(asked);
  });

  test('many LOGINs hold back no DENY, and many DENYs no LOGIN', () => {
    const bench = new ServerFixture();
    answers(bench, 100, login(ID), one);
    expect(answers(bench, 1, typed(TYPE.DATA, 100), one)).toBe(1);
    const other = new ServerFixture();
    answers(other, 100, typed(TYPE.DATA, 100), one);
    expect(answers(other, 1, login(ID), one)).toBe(1);
  });

  test('many RESPONSEs and KEEPALIVEs of a peer that is up cost nobody an answer', () => {
    const bench = inState('up');
    expect(answers(bench, 100, bench.response(), () => PEER)).toBe(100);
    expect(answers(bench, 100, EXAMPLES.keepalive[0] as Uint8Array, () => PEER)).toBe(0);
  });
});

describe('keys', () => {
  const wiped = new Uint8Array(24);
  /** A server that gives each id, each time, a key array of its own; all of the same bytes. */
  const bench = (bounds = {}) => new ServerFixture({ keyFor: () => numbered(24), ...bounds });

  test.each<[string, (b: ServerFixture) => void]>([
    ['its challenge was not answered', (b) => b.tick(20_000)],
    ['its RESPONSE was wrong', (b) => b.receive(typed(TYPE.RESPONSE, 136))],
    ['the peer comes with another id', (b) => b.login(PEER, 'another')],
    ['others push it out of the table', (b) => [1, 2].map((n) => b.login(peerOf(n), `id${n}`))],
    ['the server ends', (b) => b.server.end()],
  ])('of a peer that is challenged is wiped when %s', (_, happen) => {
    const b = bench({ unprovenMax: 2 });
    b.login();
    expect(b.given[0]).toEqual(numbered(24));
    happen(b);
    expect(b.given[0]).toEqual(wiped);
  });

  test.each<[string, (b: ServerFixture) => void]>([
    ['its session has expired', (b) => b.tick(120_000)],
    ['it has logged in under another id', (b) => b.logIn(PEER, 'another')],
    ['the server ends', (b) => b.server.end()],
  ])('of a peer that is up is wiped when %s', (_, happen) => {
    const b = bench();
    b.logIn();
    b.tick(60_000);
    b.heard();
    expect(b.given[0]).toEqual(numbered(24));
    happen(b);
    expect(b.given[0]).toEqual(wiped);
    expect(b.given.slice(1)).not.toContainEqual(b.state() === 'up' ? wiped : numbered(24));
  });

  test('when there is no room for a session is wiped', () => {
    const b = bench({ peersMax: 1 });
    b.logIn();
    b.logIn(peerOf(1), 'another');
    expect(b.given).toEqual([numbered(24), wiped]);
  });

  test.each<[string, (b: ServerFixture) => void]>([
    ['a challenge of its own has run out', (b) => [b.login(), b.tick(20_000)]],
    ['a RESPONSE to that was wrong', (b) => [b.login(), b.receive(typed(TYPE.RESPONSE, 136))]],
    ['it has logged in again', (b) => b.logIn()],
    ['somebody else tried its id', (b) => [b.login(peerOf(1)), b.tick(20_000)]],
    [
      'somebody else tried its id with a wrong key',
      (b) => {
        b.login(peerOf(1));
        b.receive(typed(TYPE.RESPONSE, 136), peerOf(1));
      },
    ],
    ['it has moved', (b) => b.logIn(peerOf(1))],
  ])('in use is not wiped when %s', (_, happen) => {
    const b = bench();
    b.logIn();
    happen(b);
    expect(b.given).toEqual([numbered(24)]);
  });

  test('two peers under one id, of whom one goes, is the other’s still', () => {
    const b = bench();
    b.login();
    b.wait(10_000).login(peerOf(1));
    b.tick(10_000);
    expect([b.state(), b.state(peerOf(1))]).toEqual(['unknown', 'challenged']);
    expect(b.given).toEqual([numbered(24)]);
    expect(b.receive(b.response(peerOf(1)), peerOf(1))).toEqual(['plug', 'send authOk']);
  });

  test('are gone after the end, with all peers', () => {
    const b = bench();
    b.logIn();
    b.login(peerOf(1), 'another');
    b.server.end();
    expect(b.given).toEqual([wiped, wiped]);
    expect([b.state(), b.state(peerOf(1)), ...b.tick(200_000)]).toEqual(['unknown', 'unknown']);
  });
});

describe('both generations on one port', () => {
  /** A server whose verifyResponse believes one keying alone. */
  function serverThat(believes: (keying: Keying) => boolean, secret: Uint8Array): ClassicServer {
    return new ClassicServer({
      random: randomnessOf(3).bytes,
      keyFor: () => copyKey(secret),
      verifyResponse: (keying) => believes(keying),
    });
  }
  const respond = (server: ClassicServer, length: number) => {
    server.receive(0, PEER, login(ID));
    server.take();
    server.receive(0, PEER, typed(TYPE.RESPONSE, length - 1));
    return server.take();
  };

  test.each([
    ['blowfish', 137, { suite: 'blowfish' }],
    ['chacha20 of one build', 141, { suite: 'chacha20', block: 12 }],
    ['chacha20 of the other build', 141, { suite: 'chacha20', block: 0 }],
  ] as const)('%s is recognised by its RESPONSE', (_, length, keying) => {
    const server = serverThat(
      (given) =>
        given.suite === keying.suite &&
        (!('block' in given) || given.block === (keying as { block: number }).block),
      numbered(44),
    );
    const [plug, ok] = respond(server, length);
    expect(plug).toMatchObject({ do: 'plug', keying: { ...keying, key: numbered(44) } });
    expect(ok).toMatchObject({ do: 'send' });
  });

  test('a key file of 24 bytes does for Blowfish alone, and the log says so', () => {
    const server = serverThat(() => true, numbered(24));
    expect(respond(server, 141).map((effect) => ('why' in effect ? effect.why : effect.do))).toEqual([
      'short key',
      'send',
    ]);
    expect(respond(server, 137)[0]).toMatchObject({ do: 'plug', keying: { suite: 'blowfish' } });
  });
});
