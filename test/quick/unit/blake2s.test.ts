// The core's BLAKE2s and HKDF against another implementation.
import { blake2s as reference } from '@noble/hashes/blake2.js';
import { hkdf as referenceHkdf } from '@noble/hashes/hkdf.js';
import { bytesToHex as hex, utf8ToBytes } from '@noble/hashes/utils.js';
import { expect, test } from 'vitest';
import { blake2s, handshakeMemory, keyedBlake2s, mixHash, mixKey } from '../../../src/core/handshake.js';
import { randomness } from '../../support/seed.js';

const random = randomness().bytes;
const LONGEST = 384;

test('RFC 7693, appendix B', () => {
  expect(hex(blake2s(utf8ToBytes('abc')))).toBe(
    '508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982',
  );
});

test('BLAKE2s of every length, in one part and in several', () => {
  for (let length = 0; length <= LONGEST; length++) {
    const bytes = random(length);
    const expected = hex(reference(bytes));
    expect(hex(blake2s(bytes)), `${length}`).toBe(expected);
    const cut = length >> 1;
    expect(hex(blake2s(bytes.subarray(0, cut), bytes.subarray(cut))), `${length}`).toBe(expected);
  }
});

test('a hash that takes what comes behind it', () => {
  for (let length = 0; length <= LONGEST - 32; length++) {
    const [hash, bytes] = [random(32), random(length)];
    const expected = hex(reference(Uint8Array.of(...hash, ...bytes)));
    mixHash(hash, bytes);
    expect(hex(hash), `${length}`).toBe(expected);
  }
});

test('with keys and results of every length', () => {
  for (let length = 1; length <= LONGEST; length++) {
    const [key, bytes, dkLen] = [random(1 + (length % 32)), random(length), 1 + (length % 32)];
    expect(hex(keyedBlake2s(key, bytes, dkLen)), `${length}`).toBe(hex(reference(bytes, { key, dkLen })));
  }
});

test('HKDF of every number of outputs', () => {
  for (const outputs of [1, 2, 3] as const)
    for (let length = 0; length <= LONGEST; length++) {
      const [chain, input] = [random(32), random(length)];
      const expected = referenceHkdf(reference, input, chain, undefined, 32 * outputs);
      const others = mixKey(chain, input, outputs);
      expect(hex(chain) + hex(others), `${length}`).toBe(hex(expected));
    }
});

test('what is too long, or no key, is refused', () => {
  expect(() => blake2s(new Uint8Array(LONGEST), new Uint8Array(1))).toThrow(RangeError);
  expect(() => keyedBlake2s(random(33), random(1), 16)).toThrow(RangeError);
  expect(() => keyedBlake2s(random(32), new Uint8Array(), 16)).toThrow(RangeError);
  expect(() => mixKey(random(31), random(1), 1)).toThrow(RangeError);
});

test('nothing of what was hashed stays in the memory', () => {
  const memory = handshakeMemory();
  const before = hex(memory);
  for (const length of [1, 64, 65, LONGEST]) {
    blake2s(random(length));
    mixHash(random(32), random(length - 32 < 0 ? 0 : length - 32));
    keyedBlake2s(random(32), random(length), 16);
    for (const outputs of [1, 2, 3] as const) mixKey(random(32), random(length), outputs);
  }
  expect(hex(memory)).toBe(before);
});
