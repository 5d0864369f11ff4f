// X25519 against another one, and at the edges of its field.
import { x25519 } from '@noble/curves/ed25519.js';
import { bytesToHex as hex, hexToBytes as unhex } from '@noble/hashes/utils.js';
import { expect, test } from 'vitest';
import { handshakeMemory } from '../../../src/core/handshake.js';
import { agree, agreeTwice, publicKeyOf } from '../../../src/protocol/secure/x25519.js';
import { rounds } from '../../support/rounds.js';
import { randomness } from '../../support/seed.js';

const random = randomness().bytes;

test('RFC 7748 §5.2, iterated', () => {
  let k = new Uint8Array(32);
  k[0] = 9;
  let u: Uint8Array = k.slice();
  for (let i = 1; i <= 1000; i++) {
    const next = agree(k, u);
    u = k;
    k = Uint8Array.from(next);
    if (i === 1) expect(hex(k)).toBe('422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079');
  }
  expect(hex(k)).toBe('684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51');
});

test('says the same as another implementation', () => {
  for (let i = 0; i < rounds(200); i++) {
    const [secret, other] = [random(32), random(32)];
    expect(hex(publicKeyOf(secret))).toBe(hex(x25519.getPublicKey(secret)));
    expect(hex(agree(secret, other))).toBe(hex(x25519.getSharedSecret(secret, other)));
  }
});

test('two agreements at once are those that come one after the other', () => {
  for (let i = 0; i < 100; i++) {
    const [a, b, x, y] = [random(32), random(32), random(32), random(32)] as const;
    expect(agreeTwice([a, b], [x, y]).map(hex)).toEqual([hex(agree(a, x)), hex(agree(b, y))]);
    expect(agreeTwice([a, a], [x, y]).map(hex)).toEqual([hex(agree(a, x)), hex(agree(a, y))]);
  }
});

test('two agreements at once are none where one is none', () => {
  const [secret, good, none] = [random(32), publicKeyOf(random(32)), new Uint8Array(32)] as const;
  expect(() => agreeTwice([secret, secret], [good, none])).toThrow('agrees on nothing');
  expect(() => agreeTwice([secret, secret], [none, good])).toThrow('agrees on nothing');
  expect(() => agreeTwice([secret, secret], [good, good.subarray(1)])).toThrow('a key has 32 bytes');
});

/** The base point (§4.1). */
const NINE = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 9 : 0));

test('the table of the base point has the multiples that the ladder finds', () => {
  const scalars = [0x00, 0x08, 0x77, 0x78, 0x80, 0x87, 0x88, 0xff].map((byte) =>
    new Uint8Array(32).fill(byte),
  );
  // Each digit of the scalar, whatever its value, in turn: each entry of the table, with either sign.
  for (let digit = 0; digit < 64; digit++)
    for (let value = 1; value < 16; value++) {
      const scalar = new Uint8Array(32);
      scalar[digit >> 1] = value << (4 * (digit & 1));
      scalars.push(scalar);
    }
  for (const scalar of scalars) expect(hex(publicKeyOf(scalar)), hex(scalar)).toBe(hex(agree(scalar, NINE)));
});

test('nothing of a key stays in the memory that was computed in', () => {
  const memory = handshakeMemory();
  const before = hex(memory);
  const point = publicKeyOf(random(32));
  agree(random(32), point);
  agreeTwice([random(32), random(32)], [point, point]);
  expect(() => agree(random(32), new Uint8Array(32))).toThrow(RangeError);
  expect(hex(memory)).toBe(before);
});

test('keys stay with whoever gave them', () => {
  const [secret, point] = [new Uint8Array(32).fill(255), new Uint8Array(32).fill(255)];
  agree(secret, point);
  publicKeyOf(secret);
  expect([...secret, ...point].every((byte) => byte === 255)).toBe(true);
});

/** p - 1, p, p + 1, 2p - 1 … as far as 32 bytes go, each with and without the highest bit. */
function edges(): Uint8Array[] {
  const p = 2n ** 255n - 19n;
  const numbers = [-20n, -3n, -2n, -1n, 0n, 1n, 2n, 3n, 18n].flatMap((by) => [p + by, by + 21n]);
  return numbers.flatMap((number) =>
    [0n, 1n << 255n].map((top) => {
      const bits = (number % 2n ** 255n) | top;
      return Uint8Array.from({ length: 32 }, (_, i) => Number((bits >> BigInt(8 * i)) & 255n));
    }),
  );
}

test('at the edges of the field, and of the scalars', () => {
  const scalars = [new Uint8Array(32), new Uint8Array(32).fill(255), random(32)];
  for (const point of edges())
    for (const secret of scalars) {
      let expected: string | undefined;
      try {
        expected = hex(x25519.getSharedSecret(secret, point));
      } catch {
        // of small order
      }
      if (expected === undefined) {
        expect(() => agree(secret, point)).toThrow(RangeError);
        continue;
      }
      expect(hex(agree(secret, point)), hex(point)).toBe(expected);
      const shared = hex(agree(secret, NINE));
      expect(agreeTwice([secret, secret], [point, NINE]).map(hex), hex(point)).toEqual([expected, shared]);
      expect(agreeTwice([secret, secret], [NINE, point]).map(hex), hex(point)).toEqual([shared, expected]);
    }
});

test.each([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
])('a key of small order is none: %s', (point) => {
  expect(() => agree(random(32), unhex(point))).toThrow(RangeError);
});

test.each([0, 31, 33])('a key of %d bytes is none', (length) => {
  expect(() => agree(new Uint8Array(length), random(32))).toThrow('a key has 32 bytes');
  expect(() => agree(random(32), new Uint8Array(length))).toThrow('a key has 32 bytes');
  expect(() => publicKeyOf(new Uint8Array(length))).toThrow('a key has 32 bytes');
});
