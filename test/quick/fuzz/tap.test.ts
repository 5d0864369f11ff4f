// What a tap gives and is given: any runs of TCP and UDP, changed at random, and anything at all.
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { randomnessOf } from '../../support/randomness.js';
import { hex, layout } from '../unit/core/harness.js';
import { makeTapCore } from '../unit/core/tap-harness.js';
import {
  cut,
  ECN,
  encode,
  FLAG,
  NOTHING,
  type Segment,
  TCP4,
  TCP6,
  UDP,
  vnetOf,
} from '../unit/core/tap-twin.js';
import { anySeed, property } from './property.js';

const { FRAME_MAX } = layout;

/** A connection, and how it is said: what changes now and then is in the frames. */
const anyConnection = fc.record({
  udp: fc.boolean(),
  version: fc.constantFrom(4 as const, 6 as const),
  tags: fc.array(fc.nat(0xffff), { maxLength: 2 }),
  tos: fc.nat(3),
  id: fc.oneof(fc.nat(0xffff), fc.constant(0xffff)),
  dontFragment: fc.boolean(),
  ttl: fc.integer({ min: 1, max: 255 }),
  flow: fc.nat(0xfffff),
  host: fc.nat(3),
  port: fc.nat(3),
  sequence: fc.oneof(fc.nat(0xffff_ffff), fc.constant(0xffff_ff80)),
  acknowledged: fc.nat(0xffff_ffff),
  window: fc.nat(0xffff),
  urgent: fc.constantFrom(0, 0, 0, 1),
  options: fc
    .array(fc.nat(0xff), { maxLength: 40 })
    .map((list) => Uint8Array.from(list.slice(0, list.length & ~3))),
});

const anySize = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 100 }) },
  { weight: 4, arbitrary: fc.integer({ min: 100, max: 1500 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1500, max: FRAME_MAX - 150 }) },
);

/** Frames that a connection says one after the other: most of one size, now and then something else. */
const anyRun = fc.record({
  connection: anyConnection,
  size: anySize,
  frames: fc.array(
    fc.record({
      shorter: fc.oneof({ weight: 30, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(1500) }),
      flags: fc.oneof(
        { weight: 60, arbitrary: fc.constant(0) },
        { weight: 2, arbitrary: fc.constant(FLAG.PSH) },
        { weight: 1, arbitrary: fc.nat(0xff) },
      ),
      changed: fc.oneof(
        { weight: 50, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: fc.constantFrom('sequence', 'id', 'window', 'acknowledged', 'ttl', 'tos') },
      ),
      /** A bit that is turned in the frame; or bytes that are cut off, or added, at its end. */
      damage: fc.oneof(
        { weight: 90, arbitrary: fc.constant(undefined) },
        { weight: 2, arbitrary: fc.nat(FRAME_MAX * 8) },
        { weight: 1, arbitrary: fc.integer({ min: -40, max: 10 }).map((bytes) => bytes - 100) },
      ),
    }),
    { maxLength: 100, size: 'max' },
  ),
});

type Run = typeof anyRun extends fc.Arbitrary<infer T> ? T : never;

function framesOf({ connection, size, frames }: Run, pool: Uint8Array): Buffer[] {
  const now = { ...connection } as Omit<Segment, 'flags' | 'payload'>;
  return frames.map(({ shorter, flags, changed, damage }, i) => {
    if (changed !== undefined) now[changed] = (now[changed] % 200) + 1;
    const payload = pool.subarray(i, i + Math.max(0, size - shorter));
    let frame = encode({ ...now, flags: FLAG.ACK ^ flags, payload });
    now.id++;
    now.sequence = (now.sequence + payload.length) % 2 ** 32;
    if (damage === undefined) return frame;
    if (damage >= 0) (frame[(damage >> 3) % frame.length] as number) ^= 1 << (damage & 7);
    else if (damage < -100) frame = frame.subarray(0, Math.max(0, frame.length + damage + 100));
    else frame = Buffer.concat([frame, Buffer.alloc(damage + 100)]);
    return frame;
  });
}

describe('frames that go to a tap', () => {
  const seen = { joined: 0, most: 0, alone: 0, datagrams: 0 };
  property(
    'are the same ones in the same order when super-frames are cut again, by the twin and by the core',
    60,
    fc.asyncProperty(
      fc.array(anyRun, { minLength: 1, maxLength: 3 }),
      fc.array(fc.uint8Array({ maxLength: 90 }), { maxLength: 3 }),
      anySeed,
      async (runs, odd, from) => {
        const { join, put, finish } = await makeTapCore();
        const pool = randomnessOf(from).bytes(12_000);
        // Runs one after the other, with odd frames between; what fills the memory for one call of it.
        const all = runs.flatMap((run, i) => [
          ...framesOf(run, pool),
          ...(odd[i] === undefined ? [] : [Buffer.from(odd[i])]),
        ]);
        for (let at = 0; at < all.length; at += 64) {
          const frames = all.slice(at, at + 64);
          const writes = join(frames);
          const byTwin = writes.flatMap(({ vnet, frame }) => cut(vnet, frame));
          expect(byTwin.map(hex)).toEqual(frames.map(hex));
          for (const { vnet, frame, frames: count } of writes) {
            if (count === 1) {
              expect(vnet).toEqual(NOTHING);
              seen.alone++;
              continue;
            }
            expect(frame.length).toBeLessThanOrEqual(65_535 + 14 + 8);
            put(vnet, frame);
            expect(finish().came).toEqual(cut(vnet, frame).map(hex));
            seen.joined++;
            if (vnet.type === UDP) seen.datagrams++;
            seen.most = Math.max(seen.most, count);
          }
        }
      },
    ),
    () => {
      expect(Math.min(seen.joined, seen.alone, seen.datagrams)).toBeGreaterThan(0);
      expect(seen.most).toBeGreaterThan(10);
    },
  );
});

/** What a tap may say of a frame, and what it never would. */
const anyVnet = fc.record({
  flags: fc.constantFrom(0, 1, 1, 1, 2, 3, 255),
  type: fc.constantFrom(0, TCP4, TCP4, TCP6, TCP6 | ECN, TCP4 | ECN, 3, UDP, UDP, UDP | ECN, 255),
  headers: fc.nat(0xffff),
  size: fc.oneof(fc.integer({ min: 1, max: 3000 }), fc.constantFrom(0, 0xffff)),
  sumStart: fc.oneof(fc.integer({ min: 14, max: 120 }), fc.nat(0xffff)),
  sumOffset: fc.oneof(fc.constantFrom(16, 16, 6), fc.nat(0xffff)),
});

describe('what comes from a tap', () => {
  const seen = { supers: 0, single: 0, refused: 0, datagrams: 0, unlike: 0 };
  const anything = fc.record({
    connection: anyConnection,
    flags: fc.nat(0xff),
    length: fc.oneof(fc.nat(200), fc.nat(64_000)),
    size: fc.integer({ min: 40, max: 3000 }),
    /** Fields of the header that are anything; bits that are turned in the frame's headers; where it ends before its end. */
    odd: fc.option(anyVnet, { freq: 3 }),
    some: fc.array(fc.constantFrom('flags', 'type', 'size', 'sumStart', 'sumOffset'), { maxLength: 3 }),
    turned: fc.array(fc.nat(120 * 8), { maxLength: 2 }),
    end: fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.nat(200) }),
    from: anySeed,
  });
  property(
    'comes as the frames that it stands for, or as it is; datagrams that cannot be told apart are refused',
    150,
    fc.asyncProperty(anything, async ({ connection, flags, length, size, odd, some, turned, end, from }) => {
      const { put, finish } = await makeTapCore();
      const whole = { ...connection, flags, payload: randomnessOf(from).bytes(length) };
      const frame = encode(whole, true).subarray(0, end);
      const vnet = vnetOf(whole, size);
      if (odd !== null)
        for (const field of some) vnet[field as keyof typeof vnet] = odd[field as keyof typeof odd];
      for (const bit of turned) if (bit >> 3 < frame.length) (frame[bit >> 3] as number) ^= 1 << (bit & 7);
      put(vnet, frame);
      const frames = cut(vnet, frame);
      const expected = frames.map((one) => {
        if (one.length < 14) return 'frame too short';
        return one.length > FRAME_MAX ? 'frame too long' : hex(one);
      });
      expect(finish().came).toEqual(frames.length > 0 ? expected : ['frame too long']);
      if (frames.length === 0) seen.unlike++;
      else if (frames.length > 1 && vnet.type === UDP) seen.datagrams++;
      else if (expected.length > 1) seen.supers++;
      else if (expected[0]?.startsWith('frame')) seen.refused++;
      else seen.single++;
    }),
    () => expect(Math.min(...Object.values(seen))).toBeGreaterThan(0),
  );
});
