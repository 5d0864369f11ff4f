import { describe, expect, test } from 'vitest';
import { PEER_STATES, type PeerState } from '../../src/protocol/classic-server.js';
import { CHALLENGE_BYTES, TYPE } from '../../src/protocol/constants.js';
import { classify, login } from '../../src/protocol/messages.js';
import type { Remote } from '../../src/protocol/remote.js';
import { ID, PEER, peerOf, ServerFixture } from '../protocol/server-fixture.js';
import { randomness } from '../seed.js';
import { COUNT, datagrams } from './datagrams.js';

/** More than any one thing draws from the machine: unplug, plug and AUTH_OK. */
const EFFECTS_MAX = 3;

/** What each state says to junk, and which junk ends it: a RESPONSE that is wrong. */
const SAID: Record<PeerState, [said: string[], taken: string[]]> = {
  unknown: [['', 'refused not logged in,send deny'], []],
  challenged: [
    [
      '',
      'refused not encrypted,send deny',
      'refused not logged in,send deny',
      'refused short key,send deny',
      'refused wrong key,send deny',
    ],
    ['response'],
  ],
  up: [['', 'send authOk'], []],
  rechallenged: [
    ['', 'refused not encrypted,send deny', 'refused short key,send deny', 'refused wrong key,send deny'],
    ['response'],
  ],
};

function inState(state: PeerState): ServerFixture {
  const b = new ServerFixture();
  if (state === 'up' || state === 'rechallenged') b.logIn();
  if (state === 'challenged' || state === 'rechallenged') b.login();
  expect(b.state()).toBe(state);
  return b;
}

describe('a server', () => {
  test.each(PEER_STATES)(
    'takes junk of every length from a peer that is %s, which logs in afterwards',
    (state) => {
      const random = randomness();
      let b = inState(state);
      let count = 0;
      const longer: number[] = [];
      const said = new Set<string>();
      const taken = new Set<string>();
      for (const datagram of datagrams(random)) {
        count++;
        b.wait(100).log.length = 0; // the rate allows each an answer
        said.add(b.receive(datagram).join());
        if (b.sent().some((answer) => answer.length > datagram.length)) longer.push(datagram.length);
        if (b.state() === state) continue;
        taken.add(classify(datagram));
        b.logIn();
        expect(b.state()).toBe('up');
        b = inState(state);
      }
      expect([count, longer]).toEqual([COUNT, []]);
      expect([[...said].sort(), [...taken]]).toEqual(SAID[state]);
      expect(b.logIn().at(-1)).toBe('send authOk');
      expect(b.state()).toBe('up');
    },
  );

  test('keeps its bounds under junk and messages from everywhere, and lets a client in afterwards', () => {
    const random = randomness();
    const bounds = { peersMax: 20, unprovenMax: 30 };
    const b = new ServerFixture(bounds);
    const sources: Remote[] = Array.from({ length: 300 }, (_, n) => ({
      ...peerOf(n),
      port: 1 + random.below(3),
    }));
    const pick = <T>(all: readonly T[]) => all[random.below(all.length)] as T;
    const states = new Set<PeerState>();
    let most = { up: 0, unproven: 0 };
    for (let i = 0; i < 30_000; i++) {
      const from = pick(sources);
      b.log.length = 0;
      const what = random.below(8);
      let effects: string[] = [];
      if (what === 0) effects = b.tick(random.below(500));
      else if (what === 1) b.heard(from);
      else if (what <= 3) effects = b.login(from, `id${random.below(200)}`);
      else if (what === 4) effects = b.receive(b.response(from), from);
      else if (what === 5) effects = b.receive(Uint8Array.of(TYPE.KEEPALIVE), from);
      else if (what === 6) effects = b.receive(Uint8Array.of(TYPE.RESPONSE, ...random.bytes(136)), from);
      else effects = b.receive(random.bytes(random.below(2 * CHALLENGE_BYTES)), from);
      states.add(b.state(from));
      if (what !== 0 && effects.length > EFFECTS_MAX) expect(effects).toEqual('fewer');
      if (i % 100 !== 0) continue;
      const all = sources.map((source) => b.state(source));
      const count = (...which: PeerState[]) => all.filter((state) => which.includes(state)).length;
      most = {
        up: Math.max(most.up, count('up', 'rechallenged')),
        unproven: Math.max(most.unproven, count('challenged', 'rechallenged')),
      };
    }
    expect([...states].sort()).toEqual([...PEER_STATES].sort());
    expect(most).toEqual({ up: bounds.peersMax, unproven: bounds.unprovenMax });
    b.tick(121_000);
    expect(sources.map((source) => b.state(source)).every((state) => state === 'unknown')).toBe(true);
    // Nobody is left who would need a key.
    expect(b.given.every((key) => key.every((byte) => byte === 0))).toBe(true);
    expect(b.receive(login(ID))).toEqual(['send challenge']);
    expect(b.receive(b.response(PEER))).toEqual(['plug', 'send authOk']);
  });
});
