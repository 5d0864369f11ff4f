import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { Core } from '../../../src/core/core.js';
import { CHALLENGE_BYTES, TYPE } from '../../../src/protocol/classic/constants.js';
import { classify, login } from '../../../src/protocol/classic/messages.js';
import {
  ClassicServer,
  PEER_STATES,
  type PeerState,
  type ServerEffect,
} from '../../../src/protocol/classic/server.js';
import type { Remote } from '../../../src/protocol/remote.js';
import { copyKey } from '../../../src/protocol/secret.js';
import { randomnessOf } from '../../support/randomness.js';
import { rounds } from '../../support/rounds.js';
import { ID, kindOf, PEER, peerOf, ServerFixture } from '../protocol/server-fixture.js';
import { hex } from '../unit/core/harness.js';
import { COUNT, datagrams as junk } from './datagrams.js';
import { mutate, mutation } from './mutations.js';
import { anySeed, property } from './property.js';
import { anyRecording } from './recordings.js';

/** More than any one thing draws from the machine: unplug, plug and AUTH_OK. */
const EFFECTS_MAX = 3;

/** What each state says to junk, and which junk ends it: a RESPONSE that is wrong. */
const SAID: Record<PeerState, [said: string[], taken: string[]]> = {
  unknown: [['', 'refused not logged in,send deny'], []],
  challenged: [
    [
      '',
      'refused no cipher',
      'refused not encrypted,send deny',
      'refused not logged in,send deny',
      'refused short key,send deny',
      'refused wrong key,send deny',
    ],
    ['response'],
  ],
  up: [[''], []],
  rechallenged: [
    [
      '',
      'refused no cipher',
      'refused not encrypted,send deny',
      'refused short key,send deny',
      'refused wrong key,send deny',
    ],
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
  for (const state of PEER_STATES) {
    property(
      `takes junk of every length from a peer that is ${state}, which logs in afterwards`,
      1,
      fc.property(anySeed, (from) => {
        const random = randomnessOf(from);
        let b = inState(state);
        let count = 0;
        const longer: number[] = [];
        const said = new Set<string>();
        const taken = new Set<string>();
        for (const datagram of junk(random)) {
          count++;
          b.wait(1_000).log.length = 0; // the rate allows each an answer
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
      }),
    );
  }

  property(
    'keeps its bounds under junk and messages from everywhere, and lets a client in afterwards',
    1,
    fc.property(anySeed, (from) => {
      const random = randomnessOf(from);
      const bounds = { peersMax: 20, unprovenMax: 30 };
      const b = new ServerFixture(bounds);
      const sources: Remote[] = Array.from({ length: 300 }, (_, n) => ({
        ...peerOf(n),
        port: 1 + random.below(3),
      }));
      const pick = <T>(all: readonly T[]) => all[random.below(all.length)] as T;
      const states = new Set<PeerState>();
      let most = { up: 0, unproven: 0 };
      for (let i = 0; i < rounds(30_000); i++) {
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
    }),
  );
});

const core = await Core.load();

describe('a handshake that was changed on the way', () => {
  const seen = new Set<string>();
  const change = fc.record({
    recording: anyRecording,
    mutations: fc.array(mutation, { maxLength: 8 }),
    /** Before each datagram, in turn: how long it takes, ms, and who sends it. */
    waits: fc.array(
      fc.oneof({ weight: 9, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: fc.nat(150_000) }),
      { minLength: 1, maxLength: 6 },
    ),
    strangers: fc.array(
      fc.nat(4).map((n) => n === 4),
      { minLength: 1, maxLength: 6 },
    ),
    from: anySeed,
  });
  property(
    'brings a server to nothing that its client could not, and the client in afterwards',
    200,
    fc.property(change, ({ recording, mutations, waits, strangers, from }) => {
      const { keying } = recording;
      const { bytes } = randomnessOf(from);
      let first = true;
      const server = new ClassicServer({
        // The recorded RESPONSE answers the recorded CHALLENGE, and no other.
        random: (length) => {
          const challenge = first ? recording.challenge : bytes(length);
          first = false;
          return challenge;
        },
        keyFor: () => (keying.suite === 'plain' ? 'none' : copyKey(keying.key)),
        verifyResponse: (...asked) => core.verifyResponse(...asked),
      });
      let now = 100_000;
      const receive = (remote: Remote, datagram: Uint8Array): ServerEffect[] => {
        server.receive(now, remote, datagram);
        return server.take();
      };
      // The handshake and a few frames, and the handshake again.
      const datagrams = [...recording.datagrams.slice(0, 9), ...recording.datagrams.slice(0, 5)];
      for (const [i, datagram] of mutate(datagrams, mutations).entries()) {
        now += waits[i % waits.length] as number;
        server.tick(now);
        server.take();
        const remote = strangers[i % strangers.length] ? peerOf(1) : PEER;
        const effects = receive(remote, datagram);
        expect(effects.length).toBeLessThanOrEqual(EFFECTS_MAX);
        const sent = effects.flatMap((effect) => (effect.do === 'send' ? [effect] : []));
        expect(sent.every(({ to }) => to === remote)).toBe(true);
        const answer = sent.reduce((sum, { datagram: bytes }) => sum + bytes.length, 0);
        if (sent.some((effect) => kindOf(effect) === 'send challenge')) {
          expect([classify(datagram), answer]).toEqual(['login', 1 + CHALLENGE_BYTES]);
        } else {
          expect(answer).toBeLessThanOrEqual(datagram.length);
        }
        for (const effect of effects) {
          seen.add(kindOf(effect));
          if (effect.do !== 'plug' && effect.do !== 'rekey') continue;
          expect(hex(datagram)).toBe(`44${hex(recording.response)}`);
          expect(effect.keying).toEqual(keying);
        }
      }
      now += 20_000; // so that what it may answer in a second is there again
      server.tick(now);
      server.take();
      const [asked, ...more] = receive(PEER, login(recording.id)).flatMap((effect) =>
        effect.do === 'send' ? [effect.datagram] : [],
      );
      expect([classify(asked ?? new Uint8Array()), more.length]).toEqual(['challenge', 0]);
      const response = core.sealResponse(keying, (asked as Uint8Array).subarray(1));
      expect(receive(PEER, response).map(kindOf).at(-1)).toBe('send authOk');
      expect(server.stateOf(PEER)).toBe('up');
    }),
    () => {
      const kinds = ['plug', 'send challenge', 'send authOk', 'send deny', 'refused wrong key'];
      for (const kind of kinds) expect(seen).toContain(kind);
    },
  );
});
