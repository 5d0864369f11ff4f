// Where datagrams reach a secure end: what was overheard of a real cable, changed and sent again from anywhere, and
// bytes with the index of a keypair that lives.
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { newPrivateKey } from '../../../src/keys/key-text.js';
import type { Remote } from '../../../src/protocol/remote.js';
import { randomnessOf } from '../../support/randomness.js';
import { batch, End, join, LEFT, settle } from '../../support/secure-ends.js';
import { mutate, mutation } from './mutations.js';
import { anySeed, property } from './property.js';

const ATTACKER: Remote = { address: '192.0.2.9', port: 9 };
const LONGEST = 65_507;

describe('a secure end', () => {
  property(
    'takes nothing that is changed, repeated or made up, answers no stranger, and carries frames afterwards',
    3,
    fc.asyncProperty(
      anySeed,
      fc.array(mutation, { minLength: 1, maxLength: 40 }),
      async (from, mutations) => {
        const { bytes, below } = randomnessOf(from);
        const [left, right] = [new End(newPrivateKey(bytes)), new End(newPrivateKey(bytes))];
        try {
          const overheard = await join(left, right);
          expect([left.ups, right.ups]).toEqual([1, 1]);
          for (const length of [60, 1514, 4000]) left.port.send(bytes(length));
          overheard.push(...(await settle(left, right)));
          expect(right.frames).toHaveLength(3);
          right.frames.length = 0;
          right.to.clear();
          const message = overheard.at(-1) as Uint8Array;
          for (let i = 0; i < 200; i++) {
            for (const datagram of mutate(overheard, mutations)) right.receive(datagram, ATTACKER);
            const length = below(8) === 0 ? below(LONGEST) : below(1500);
            right.receive(Uint8Array.of(...message.subarray(0, 8), ...bytes(length)), ATTACKER);
            if (below(10) === 0) await batch();
          }
          await batch();
          expect(right.frames).toEqual([]);
          // A cookie is all that somebody gets who repeats a handshake, and it is shorter than that.
          for (const answer of right.sent.splice(0))
            expect(answer.subarray(0, 4)).toEqual(Uint8Array.of(3, 0, 0, 0));
          const frame = bytes(600);
          right.to.clear();
          right.port.send(frame);
          await batch(); // frames of one turn go together
          expect([...right.to]).toEqual([LEFT.address]);
          left.port.send(frame);
          await settle(left, right);
          expect([left.frames, right.frames]).toEqual([[frame], [frame]]);
        } finally {
          await Promise.all([left.side.close(), right.side.close()]);
        }
      },
    ),
  );
});
