// The stream of a plug, of any frames, cut anywhere, through a ring with any room.
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { randomnessOf } from '../../support/randomness.js';
import { hex, layout, makeCore, type TestCore } from '../unit/core/harness.js';
import { streamOf } from '../unit/core/twins.js';
import { anySeed, property } from './property.js';

const { FRAME_MAX, RING_SLOTS } = layout;

const anyLength = fc.oneof(
  { weight: 16, arbitrary: fc.nat(200) },
  { weight: 4, arbitrary: fc.nat(13) },
  { weight: 4, arbitrary: fc.integer({ min: 200, max: FRAME_MAX }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(0, 1, 13, 14, 15, FRAME_MAX - 1, FRAME_MAX, FRAME_MAX + 1, 65_535),
  },
  { weight: 1, arbitrary: fc.nat(65_535) },
);

const anyPiece = fc.oneof(
  fc.integer({ min: 1, max: 3 }),
  fc.integer({ min: 1, max: 20 }),
  fc.integer({ min: 20, max: 3_000 }),
  fc.integer({ min: 1, max: layout.STAGE_IN_BYTES }),
);

/** What one plug says, until it is lost: frames, the last of them cut short, or anything at all. */
const anyPlug = fc.record({
  frames: fc.array(anyLength, { maxLength: 30 }),
  garbage: fc.uint8Array({ maxLength: 40 }),
  cut: fc.oneof(fc.constant(0), fc.nat(300)),
  /** Lengths of the pieces, in turn. */
  pieces: fc.array(anyPiece, { minLength: 1, maxLength: 8 }),
});

/** What must become of a plug's stream: frames as hexadecimal digits, and why others are refused, in order. */
function outcomes(stream: Buffer): string[] {
  const list: string[] = [];
  for (let at = 0; at + 2 <= stream.length; ) {
    const frame = stream.subarray(at + 2, at + 2 + stream.readUInt16BE(at));
    const length = stream.readUInt16BE(at);
    // Refused as soon as its length is known, also where the rest of it never comes.
    if (length < 14) list.push('frame too short');
    else if (length > FRAME_MAX) list.push('frame too long');
    else if (frame.length === length) list.push(hex(frame));
    at += 2 + length;
  }
  return list;
}

/**
 * Empties the ring: what became of the frames of one session. The session is plain, so that a datagram is the
 * frame again behind its type.
 */
function drained({ drain }: TestCore, session: number): string[] {
  return drain()
    .filter((result) => result.session === session)
    .map(({ status, bytes: datagram }) => (status === 'ok' ? hex(datagram.subarray(1)) : status));
}

describe('a plug that is read', () => {
  const seen = { frames: 0, short: 0, long: 0, waits: 0 };
  const anything = fc.record({
    plugs: fc.array(anyPlug, { minLength: 1, maxLength: 4 }),
    /** Slots that others hold, again whenever it was emptied. */
    held: fc.constantFrom(0, RING_SLOTS - 3, RING_SLOTS - 1),
    /** Whether the ring is emptied after each piece, in turn; when it is full it is emptied anyhow. */
    empty: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
    /** Whether the session is keyed again after each piece, in turn. */
    rekey: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
    from: anySeed,
  });
  property(
    'gives the frames that it says, however they are cut, and those of the next plug after any end',
    20,
    fc.asyncProperty(anything, async ({ plugs, held, empty, rekey, from }) => {
      const { bytes } = randomnessOf(from);
      const pool = bytes(70_000);
      const test = await makeCore();
      const { core, ring } = test;
      const [session, other] = [test.session('plain'), test.session('plain')];
      const others = streamOf(Array<Uint8Array>(RING_SLOTS).fill(pool.subarray(0, 14)));
      const all: string[] = [];
      let turn = 0;
      for (const { frames, garbage, cut, pieces } of plugs) {
        const whole = streamOf(frames.map((length, i) => pool.subarray(i, i + length)));
        const stream = Buffer.concat([whole.subarray(0, Math.max(0, whole.length - cut)), garbage]);
        const got: string[] = [];
        const hold = () => core.readStream(other, others.subarray(0, 16 * held));
        hold();
        for (let at = 0; at < stream.length; turn++) {
          const piece = stream.subarray(at, at + (pieces[turn % pieces.length] as number));
          const taken = core.readStream(session, piece);
          at += taken;
          if (rekey[turn % rekey.length]) core.keySession(session, { suite: 'plain' });
          if (taken < piece.length && ring.room > 0) expect.fail(`${taken} of ${piece.length} bytes taken`);
          if (taken < piece.length) seen.waits++;
          if (taken < piece.length || empty[turn % empty.length]) {
            got.push(...drained(test, session));
            hold();
          }
        }
        got.push(...drained(test, session));
        expect(got).toEqual(outcomes(stream));
        all.push(...got);
        core.resetStream(session);
      }
      const count = (...which: string[]) => BigInt(all.filter((one) => which.includes(one)).length);
      const [short, long] = [count('frame too short'), count('frame too long')];
      const counts = core.counts(session);
      expect(counts.sealed).toBe(BigInt(all.length) - short - long);
      expect(counts.refused).toEqual({
        ...(short > 0n && { 'frame too short': short }),
        ...(long > 0n && { 'frame too long': long }),
      });
      seen.frames += Number(counts.sealed);
      seen.short += Number(short);
      seen.long += Number(long);
    }),
    () => expect(Math.min(...Object.values(seen))).toBeGreaterThan(0),
  );
});
