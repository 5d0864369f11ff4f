// Frames that were set aside: each is unharmed until it is given back, whatever their sizes, and no room is lost.
import { expect, test } from 'vitest';
import { Aside } from '../../../src/cable/native/thread/aside-ring.js';
import { same } from '../../support/same.js';
import { randomness } from '../../support/seed.js';
import { Kernel } from './kernel.js';

const BYTES = 1536 << 10;
const { bytes, below } = randomness();

interface Kept {
  readonly at: number;
  readonly frame: Uint8Array;
}

test('frames of all sizes, given back in order', () => {
  const aside = new Aside(new Kernel().libc);
  const kept: Kept[] = [];
  const waiting = () => kept.reduce((sum, { frame }) => sum + frame.length, 0);
  let full = 0;
  for (let i = 0; i < 20_000; i++) {
    if (below(100) < 55) {
      const frame = bytes(14 + below(below(4) === 0 ? 9_203 : 100));
      const at = aside.put(frame);
      if (at === undefined) {
        full++;
        // All in one piece: at the end, or at the beginning, there may be less than one frame too little.
        same(waiting() > BYTES - 3 * 9_216, true);
      } else {
        same(at + frame.length <= BYTES, true);
        kept.push({ at, frame });
      }
    } else {
      const oldest = kept.shift();
      if (oldest === undefined) continue;
      same(Buffer.compare(aside.bytes(oldest.at, oldest.frame.length), oldest.frame), 0);
      aside.free(oldest.at, oldest.frame.length);
    }
  }
  expect(full).toBeGreaterThan(10);
  for (const { at, frame } of kept) {
    expect(Buffer.compare(aside.bytes(at, frame.length), frame)).toBe(0);
    aside.free(at, frame.length);
  }
  expect(aside.put(bytes(BYTES))).toBe(0);
  expect(aside.put(bytes(1))).toBeUndefined();
});
