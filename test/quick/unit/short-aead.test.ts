// The AEAD of handshakes against another one.
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { bytesToHex as hex } from '@noble/hashes/utils.js';
import { expect, test } from 'vitest';
import { handshakeMemory, open, seal } from '../../../src/core/handshake.js';
import { randomness } from '../../support/seed.js';

const random = randomness().bytes;
const NONCE = new Uint8Array(12);
/** The most that can be sealed. */
const LONGEST = 368;

test('seals texts of every length as another one does, and opens them', () => {
  for (let length = 0; length <= LONGEST; length++) {
    const [key, data, plain] = [random(32), random(32), random(length)];
    const sealed = seal(key, data, plain);
    expect(hex(sealed), `${length}`).toBe(hex(chacha20poly1305(key, NONCE, data).encrypt(plain)));
    expect(hex(open(key, data, sealed) as Uint8Array), `${length}`).toBe(hex(plain));
  }
});

test('keys and texts whose sums pass the prime', () => {
  for (const byte of [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff])
    for (const length of [0, 12, 16, 32, 48, LONGEST]) {
      const [key, data, plain] = [32, 32, length].map((bytes) => new Uint8Array(bytes).fill(byte));
      const [k, d, p] = [key, data, plain] as [Uint8Array, Uint8Array, Uint8Array];
      expect(hex(seal(k, d, p))).toBe(hex(chacha20poly1305(k, NONCE, d).encrypt(p)));
    }
});

test('opens nothing in which a bit is another one', () => {
  const [key, data, plain] = [random(32), random(32), random(32)];
  const sealed = seal(key, data, plain);
  const flipped = (bytes: Uint8Array, bit: number) =>
    bytes.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
  for (let bit = 0; bit < 8 * sealed.length; bit++)
    expect(open(key, data, flipped(sealed, bit)), `${bit}`).toBeUndefined();
  for (let bit = 0; bit < 256; bit++) {
    expect(open(flipped(key, bit), data, sealed), `${bit}`).toBeUndefined();
    expect(open(key, flipped(data, bit), sealed), `${bit}`).toBeUndefined();
  }
  for (let length = 0; length < sealed.length; length++)
    expect(open(key, data, sealed.subarray(0, length)), `${length}`).toBeUndefined();
});

test('nothing of a key or a text stays in the memory', () => {
  const memory = handshakeMemory();
  const before = hex(memory);
  for (const length of [0, 1, 16, 47, 48, 64, 65, LONGEST]) {
    const [key, data] = [random(32), random(32)];
    const sealed = seal(key, data, random(length));
    expect(hex(memory), `${length}`).toBe(before);
    open(key, data, sealed);
    expect(hex(memory), `${length}`).toBe(before);
    open(random(32), data, sealed);
    expect(hex(memory), `${length}`).toBe(before);
  }
});

test('other lengths are refused', () => {
  const none = new Uint8Array();
  for (const call of [seal, open] as const) {
    expect(() => call(random(31), random(32), random(16))).toThrow(RangeError);
    expect(() => call(random(32), random(33), random(16))).toThrow(RangeError);
    expect(() => call(random(32), random(32), random(LONGEST + 17))).toThrow(RangeError);
  }
  expect(open(random(32), random(32), none)).toBeUndefined();
});
