// What a capture reads: payloads of peers, and the stream that an end sends.
import fc from 'fast-check';
import { expect } from 'vitest';
import { FramesIn } from '../../../src/cable/copies/frames-in.js';
import {
  BlockCounter,
  interfaceStatistics,
  packet,
  sectionHeader,
} from '../../../src/ends/capture/pcapng.js';
import { addressBytes } from '../../../src/network/address.js';
import { property } from './property.js';

const record = fc.oneof(
  fc.uint8Array({ minLength: 14, maxLength: 60 }).map((frame) => [0, frame.length, ...frame]),
  fc
    .tuple(fc.nat(3), fc.nat(4), fc.nat(4), fc.uint8Array({ maxLength: 30 }))
    .map(([id, index, count, part]) => [0x80, part.length, 0, id, index, count, ...part]),
  fc.uint8Array({ maxLength: 8 }).map((any) => [...any]),
);
const payload = fc.oneof(
  fc.array(record, { maxLength: 6 }).map((records) => Uint8Array.from([1, ...records.flat()])),
  fc.uint8Array({ maxLength: 60 }),
);
const seen = { frames: 0, none: 0 };

property(
  'any payloads hold frames of a good size, or none',
  2_000,
  fc.property(fc.array(fc.tuple(payload, fc.nat(900)), { maxLength: 12 }), (payloads) => {
    const reader = new FramesIn();
    let now = 0;
    for (const [bytes, later] of payloads) {
      now += later;
      const frames = reader.read(bytes, now);
      for (const { length } of frames) expect(length >= 14 && length <= 9216).toBe(true);
      seen[frames.length > 0 ? 'frames' : 'none']++;
    }
  }),
  () => expect(Math.min(seen.frames, seen.none)).toBeGreaterThan(100),
);

const block = fc.oneof(
  fc.constant(sectionHeader('x')),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => packet(0, 1, 'in', bytes)),
  fc.nat(9).map((dropped) => interfaceStatistics(0, 1, 10, dropped)),
  fc.uint8Array({ maxLength: 20 }),
);

property(
  'any stream is counted, or refused',
  1_000,
  fc.property(fc.array(block, { maxLength: 8 }), fc.integer({ min: 1, max: 70 }), (blocks, step) => {
    const all = Uint8Array.from(blocks.flatMap((one) => [...one]));
    const counter = new BlockCounter();
    for (let at = 0; at < all.length; at += step) if (!counter.push(all.subarray(at, at + step))) break;
    expect(counter.packets).toBeLessThanOrEqual(all.length / 12);
  }),
);

property(
  'any text is an address, or none',
  2_000,
  fc.property(
    fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), fc.stringMatching(/^[0-9a-f:.]{1,30}$/)),
    (text) => {
      expect([undefined, 4, 16]).toContain(addressBytes(text)?.length);
    },
  ),
);
