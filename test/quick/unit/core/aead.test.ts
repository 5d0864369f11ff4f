// The core's ChaCha20-Poly1305 against another implementation: lengths, alignments, what is around the bytes.
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { describe, expect, it } from 'vitest';
import { instantiate } from '../../../../src/core/wasm.js';
import { randomness } from '../../../support/seed.js';
import { hex, layout } from './harness.js';
import { poly1305 } from './secure-twins.js';
import { chacha20 } from './twins.js';

const { bytes, below } = randomness();
const { memory, functions } = await instantiate();
const all = new Uint8Array(memory.buffer);
const [KEY, NONCE, DATA] = [0, 32, 256].map((offset) => layout.STAGE_IN + offset) as [number, number, number];
const TAG = 16;
/** Bytes before and behind, which nobody may change. */
const AROUND = 48;
const LONGEST = layout.DATAGRAM_MAX - 32;

/** Puts bytes at some alignment among others; what `run` leaves there, once the others are seen to be as they were. */
function within(inner: Uint8Array, offset: number, run: (at: number) => void): Buffer {
  const before = bytes(AROUND + offset);
  const behind = bytes(AROUND);
  const at = DATA + before.length;
  all.set(before, DATA);
  all.set(inner, at);
  all.set(behind, at + inner.length);
  run(at);
  expect(hex(all.slice(DATA, at)), 'before').toBe(hex(before));
  expect(hex(all.slice(at + inner.length, at + inner.length + AROUND)), 'behind').toBe(hex(behind));
  return Buffer.from(all.slice(at, at + inner.length));
}

function keyed(key: Uint8Array, nonce: Uint8Array): void {
  all.set(key, KEY);
  all.set(nonce, NONCE);
}

/** Each up to 300 bytes, and around the blocks that are made at once. */
const lengths = [
  ...Array(301).keys(),
  ...[447, 448, 449, 511, 512, 513, 703, 704, 705, 1412, 1415, 1420, LONGEST - 1, LONGEST],
];

describe('ChaCha20-Poly1305', () => {
  it('seals and opens in place as another implementation', () => {
    for (const length of lengths) {
      const [key, nonce, plain] = [bytes(32), bytes(12), bytes(length)];
      const expected = chacha20poly1305(key, nonce).encrypt(plain);
      keyed(key, nonce);
      const sealed = within(Buffer.concat([plain, Buffer.alloc(TAG)]), below(16), (at) =>
        functions.aeadSeal(at, length, KEY, NONCE),
      );
      expect(hex(sealed)).toBe(hex(expected));
      const opened = within(sealed, below(16), (at) => {
        expect(functions.aeadVerify(at, length, KEY, NONCE)).toBe(1);
        functions.aeadDecrypt(at, length);
      });
      expect(hex(opened)).toBe(hex(Buffer.concat([plain, sealed.subarray(length)])));
    }
  });

  it('refuses what was changed, and leaves it as it was', () => {
    for (const length of [0, 1, 15, 16, 17, 191, 192, 193, 447, 448, 449, 1412]) {
      const [key, nonce] = [bytes(32), bytes(12)];
      keyed(key, nonce);
      const sealed = chacha20poly1305(key, nonce).encrypt(bytes(length));
      for (let i = 0; i < 40; i++) {
        const changed = Buffer.from(sealed);
        const at = below(sealed.length);
        changed[at] = (changed[at] as number) ^ (1 << below(8));
        const left = within(changed, below(16), (place) =>
          expect(functions.aeadVerify(place, length, KEY, NONCE)).toBe(0),
        );
        expect(hex(left)).toBe(hex(changed));
      }
    }
  });

  it('authenticates where carries run far', () => {
    // A one-time key whose limbs are near the largest, and a ciphertext of ones.
    const nonce = bytes(12);
    let [best, key] = [0, bytes(32)];
    for (let i = 0; i < 3000; i++) {
      const candidate = bytes(32);
      const r = Buffer.from(chacha20(candidate, nonce, 0, new Uint8Array(16)));
      const least = Math.min(...[0, 4, 8, 12].map((at) => r.readUInt32LE(at) & 0x0fffffff));
      if (least > best) [best, key] = [least, candidate];
    }
    keyed(key, nonce);
    const oneTime = chacha20(key, nonce, 0, new Uint8Array(32));
    for (const length of [192, 256, 320, 640, 1412, LONGEST])
      for (const byte of [0xff, 0xfe, 0]) {
        const cipher = Buffer.alloc(length, byte);
        const rest = Buffer.alloc(-length & 15);
        const sizes = Buffer.alloc(16);
        sizes.writeBigUInt64LE(BigInt(length), 8);
        const tag = poly1305(oneTime, Buffer.concat([cipher, rest, sizes]));
        within(Buffer.concat([cipher, tag]), below(16), (at) =>
          expect(functions.aeadVerify(at, length, KEY, NONCE)).toBe(1),
        );
      }
  });
});

it('ChaCha20 changes nothing around its bytes', () => {
  for (const length of lengths) {
    const [key, nonce, plain] = [bytes(32), bytes(12), bytes(length)];
    keyed(key, nonce);
    const cipher = within(plain, below(16), (at) => functions.chacha20(at, length, KEY, NONCE, 7));
    expect(hex(cipher)).toBe(hex(chacha20(key, nonce, 7, plain)));
  }
});
