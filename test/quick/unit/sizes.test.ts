import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Core } from '../../../src/core/core.js';
import type { Keying } from '../../../src/core/terms.js';
import { longestFrame } from '../../../src/protocol/sizes.js';
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
    const wrong: number[] = [];
    for (let datagram = 60; datagram < 2_100; datagram++) {
      const longest = longestFrame(keying.suite, datagram);
      if (sealed(longest) > datagram || sealed(longest + 1) <= datagram) wrong.push(datagram);
    }
    expect(wrong).toEqual([]);
  },
);

test('what a C program cuts', () => {
  expect(KEYINGS.map(({ suite }) => longestFrame(suite, 2_000))).toEqual([1_999, 1_979, 1_987]);
});

describe('docs/mtu.md', () => {
  const text = readFileSync(new URL('../../../docs/mtu.md', import.meta.url), 'utf8');
  /** What its table says of a cable: the inner MTUs for IPv4 and IPv6. */
  const told = (cable: string) => {
    const row = text.split('\n').find((line) => line.startsWith(`| ${cable} |`)) as string;
    return row.split('|').slice(3, 5).map(Number);
  };
  const ETHERNET = 14;

  test.each([
    ['`-x`', 'plain'],
    ['classic, Blowfish', 'blowfish'],
    ['classic, ChaCha20', 'chacha20'],
  ] as const)('%s', (cable, suite) => {
    expect(told(cable)).toEqual([1_472, 1_452].map((datagram) => longestFrame(suite, datagram) - ETHERNET));
  });

  test('secure', async () => {
    const core = await Core.load();
    const session = core.openSession() as number;
    core.installKeypair(session, 0, { send: numbered(32), receive: numbered(32), local: 1, remote: 2 });
    core.useKeypair(session, 0);
    /** Lengths of the datagrams that a frame becomes. */
    const datagrams = (frame: number) => {
      core.readStream(session, Uint8Array.of(frame >> 8, frame & 0xff, ...new Uint8Array(frame)));
      const count = core.ring.process();
      const slots = Array.from({ length: count }, (_, i) => ({ ...core.ring.processed(count - 1 - i) }));
      for (const { index } of slots) core.ring.release(index);
      return slots.map(({ length }) => length);
    };
    const [four, six] = told('secure') as [number, number];
    expect(four).toBe(six); // the same size with either family
    expect(datagrams(four + ETHERNET)).toEqual([1_452]);
    expect(datagrams(four + ETHERNET + 1)).toHaveLength(2);
    expect(datagrams(100)).toEqual([135]);
    const [, small, large] = /(\d+) bytes\s+takes two datagrams, one of (\d+) bytes seven/.exec(
      text,
    ) as RegExpExecArray;
    expect([datagrams(Number(small)).length, datagrams(Number(large)).length]).toEqual([2, 7]);
  });
});
