// The streams of QEMU and of a plug, cut anywhere.
import { expect, test } from 'vitest';
import { FrameReader, toQemu } from '../../../src/cable/plug/stream-frames.js';
import { randomness } from '../../support/seed.js';

const random = randomness();

/** Frames as a plug has them. */
function plugStream(frames: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(frames.flatMap((frame) => [Buffer.from([frame.length >> 8, frame.length]), frame]));
}

test('what is written for QEMU is read from QEMU, however it is cut', () => {
  for (let round = 0; round < 50; round++) {
    const frames = Array.from({ length: 1 + (round % 7) }, (_, i) =>
      random.bytes(1 + ((round * 131 + i * 977) % 9216)),
    );
    const stream = plugStream(frames);
    const qemu = toQemu(stream);
    expect(qemu.length).toBe(stream.length + 2 * frames.length);
    for (const [kind, bytes] of [
      ['qemu', qemu],
      ['plug', stream],
    ] as const) {
      const reader = new FrameReader(kind);
      const read: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; ) {
        const piece = 1 + ((round * 31 + at) % 1500);
        read.push(reader.read(bytes.subarray(at, at + piece)).slice());
        at += piece;
      }
      expect(Buffer.concat(read).equals(stream)).toBe(true);
    }
  }
});

test('a length that QEMU never sends ends the stream, and a frame too long for a plug is left out', () => {
  expect(() => new FrameReader('qemu').read(Uint8Array.of(0, 2, 0, 0))).toThrow(RangeError);
  expect(() => new FrameReader('qemu').read(Uint8Array.of(0xff, 0xff, 0xff, 0xff))).toThrow(RangeError);
  const long = new Uint8Array(4 + 0x10000);
  long[1] = 1;
  const next = Uint8Array.of(0, 0, 0, 2, 7, 8);
  const reader = new FrameReader('qemu');
  expect(reader.read(long)).toHaveLength(0);
  expect([...reader.read(next)]).toEqual([0, 2, 7, 8]);
});

test('no frame at all is none', () => {
  expect(new FrameReader('qemu').read(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1, 5))).toEqual(
    Uint8Array.of(0, 1, 5),
  );
});
