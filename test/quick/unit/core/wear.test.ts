// How much has gone under one Blowfish key: cipher text, both ways.
import { expect, test } from 'vitest';
import { randomness } from '../../../support/seed.js';
import { makeCore } from './harness.js';

const { bytes } = randomness();
const FRAMES = 13;
/** A frame of 60 bytes with counter, CRC and padding. */
const CIPHER = 80;

test('what is sealed counts as what is opened, and what is refused does not', async () => {
  const [left, right] = [await makeCore(), await makeCore()];
  const key = bytes(24);
  const from = left.session(key);
  const to = right.session(key);
  for (let i = 1; i <= FRAMES; i++) {
    const { bytes: datagram } = left.seal(from, bytes(60));
    right.push(to, datagram, datagram); // the second one is a replay
    right.drain();
    expect([left.core.wear(from), right.core.wear(to)]).toEqual([i * CIPHER, i * CIPHER]);
  }
});

test('another key begins anew, and another cipher has none', async () => {
  const { core, session, seal } = await makeCore();
  const number = session(bytes(24));
  seal(number, bytes(60));
  core.keySession(number, { suite: 'blowfish', key: bytes(24) });
  expect(core.wear(number)).toBe(0);
  seal(number, bytes(60));
  for (const keying of [{ suite: 'chacha20', key: bytes(44), block: 12 }, { suite: 'plain' }] as const) {
    core.keySession(number, keying);
    seal(number, bytes(60));
    expect(core.wear(number)).toBe(0);
  }
});
