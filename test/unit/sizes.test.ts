import { expect, test } from 'vitest';
import { Core, type Keying } from '../../src/core/core.js';
import { longestFrame } from '../../src/protocol/sizes.js';
import { numbered } from '../protocol/examples.js';

const KEYINGS: readonly Keying[] = [
  { suite: 'plain' },
  { suite: 'blowfish', key: numbered(24) },
  { suite: 'chacha20', key: numbered(44), block: 12 },
];

test.each(KEYINGS)(
  'the longest frame of a datagram is the longest that the core makes it of: $suite',
  async (keying) => {
    const core = await Core.load();
    const session = core.openSession() as number;
    core.keySession(session, keying);
    const sealed = (frame: number): number => {
      core.readStream(session, Uint8Array.of(frame >> 8, frame & 0xff, ...new Uint8Array(frame)));
      core.ring.process();
      const { index, length } = core.ring.processed(0);
      core.ring.release(index);
      return length;
    };
    for (let datagram = 60; datagram < 2_100; datagram++) {
      const longest = longestFrame(keying.suite, datagram);
      expect(sealed(longest)).toBeLessThanOrEqual(datagram);
      expect(sealed(longest + 1)).toBeGreaterThan(datagram);
    }
  },
);

test('what a C program cuts', () => {
  expect(KEYINGS.map(({ suite }) => longestFrame(suite, 2_000))).toEqual([1_999, 1_979, 1_987]);
});
