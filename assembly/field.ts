// The field of X25519: numbers modulo 2^255 - 19 (RFC 7748 §4.1).
//
// An element stands in ten limbs of 26 and 25 bits in turn, the lowest first, each in an i64 and with a sign: limb i is of
// 2^ceil(25.5 · i). So a product of two limbs that both have odd numbers counts twice, and what passes 2^255 comes back times 19. What
// multiply, square and scale give is reduced: no limb is above 1.01 · 2^25, those with odd numbers half of that. A sum or a
// difference of two such elements needs no carries, nor does one of two such sums: with factors up to 4 times as large as reduced ones
// no sum of products passes 2^61.
//
// Constant-time: no branch and no address depends on what an element is.

/** Bytes of an element. */
export const ELEMENT: usize = 80;

/** Halves of what is carried, so that a limb has a sign and less than a bit more than half of its width. */
const EVEN: i64 = 1 << 25;
const ODD: i64 = 1 << 24;

/** Carries from limb to limb, so that all are in their bounds, and stores them. As a call it would take half as long again. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function reduce(
  out: usize,
  h0: i64,
  h1: i64,
  h2: i64,
  h3: i64,
  h4: i64,
  h5: i64,
  h6: i64,
  h7: i64,
  h8: i64,
  h9: i64,
): void {
  // Two chains at once, as each step has to wait for the one before.
  let carry = (h0 + EVEN) >> 26;
  let other = (h4 + EVEN) >> 26;
  h0 -= carry << 26;
  h1 += carry;
  h4 -= other << 26;
  h5 += other;
  carry = (h1 + ODD) >> 25;
  h1 -= carry << 25;
  h2 += carry;
  other = (h5 + ODD) >> 25;
  h5 -= other << 25;
  h6 += other;
  carry = (h2 + EVEN) >> 26;
  h2 -= carry << 26;
  h3 += carry;
  other = (h6 + EVEN) >> 26;
  h6 -= other << 26;
  h7 += other;
  carry = (h3 + ODD) >> 25;
  h3 -= carry << 25;
  h4 += carry;
  other = (h7 + ODD) >> 25;
  h7 -= other << 25;
  h8 += other;
  carry = (h4 + EVEN) >> 26;
  h4 -= carry << 26;
  h5 += carry;
  other = (h8 + EVEN) >> 26;
  h8 -= other << 26;
  h9 += other;
  other = (h9 + ODD) >> 25;
  h9 -= other << 25;
  h0 += 19 * other;
  other = (h0 + EVEN) >> 26;
  h0 -= other << 26;
  h1 += other;
  store<i64>(out, h0);
  store<i64>(out, h1, 8);
  store<i64>(out, h2, 16);
  store<i64>(out, h3, 24);
  store<i64>(out, h4, 32);
  store<i64>(out, h5, 40);
  store<i64>(out, h6, 48);
  store<i64>(out, h7, 56);
  store<i64>(out, h8, 64);
  store<i64>(out, h9, 72);
}

/** out = a + b, without carries. */
export function add(out: usize, a: usize, b: usize): void {
  store<i64>(out, load<i64>(a) + load<i64>(b));
  store<i64>(out, load<i64>(a, 8) + load<i64>(b, 8), 8);
  store<i64>(out, load<i64>(a, 16) + load<i64>(b, 16), 16);
  store<i64>(out, load<i64>(a, 24) + load<i64>(b, 24), 24);
  store<i64>(out, load<i64>(a, 32) + load<i64>(b, 32), 32);
  store<i64>(out, load<i64>(a, 40) + load<i64>(b, 40), 40);
  store<i64>(out, load<i64>(a, 48) + load<i64>(b, 48), 48);
  store<i64>(out, load<i64>(a, 56) + load<i64>(b, 56), 56);
  store<i64>(out, load<i64>(a, 64) + load<i64>(b, 64), 64);
  store<i64>(out, load<i64>(a, 72) + load<i64>(b, 72), 72);
}

/** out = a - b, without carries. */
export function subtract(out: usize, a: usize, b: usize): void {
  store<i64>(out, load<i64>(a) - load<i64>(b));
  store<i64>(out, load<i64>(a, 8) - load<i64>(b, 8), 8);
  store<i64>(out, load<i64>(a, 16) - load<i64>(b, 16), 16);
  store<i64>(out, load<i64>(a, 24) - load<i64>(b, 24), 24);
  store<i64>(out, load<i64>(a, 32) - load<i64>(b, 32), 32);
  store<i64>(out, load<i64>(a, 40) - load<i64>(b, 40), 40);
  store<i64>(out, load<i64>(a, 48) - load<i64>(b, 48), 48);
  store<i64>(out, load<i64>(a, 56) - load<i64>(b, 56), 56);
  store<i64>(out, load<i64>(a, 64) - load<i64>(b, 64), 64);
  store<i64>(out, load<i64>(a, 72) - load<i64>(b, 72), 72);
}

/** out = a · factor. @param factor below 2^20 */
export function scale(out: usize, a: usize, factor: i64): void {
  reduce(
    out,
    load<i64>(a) * factor,
    load<i64>(a, 8) * factor,
    load<i64>(a, 16) * factor,
    load<i64>(a, 24) * factor,
    load<i64>(a, 32) * factor,
    load<i64>(a, 40) * factor,
    load<i64>(a, 48) * factor,
    load<i64>(a, 56) * factor,
    load<i64>(a, 64) * factor,
    load<i64>(a, 72) * factor,
  );
}

/** out = a · b. Any of them may be the same element. */
export function multiply(out: usize, a: usize, b: usize): void {
  const a0 = load<i64>(a);
  const a1 = load<i64>(a, 8);
  const a2 = load<i64>(a, 16);
  const a3 = load<i64>(a, 24);
  const a4 = load<i64>(a, 32);
  const a5 = load<i64>(a, 40);
  const a6 = load<i64>(a, 48);
  const a7 = load<i64>(a, 56);
  const a8 = load<i64>(a, 64);
  const a9 = load<i64>(a, 72);
  const b0 = load<i64>(b);
  const b1 = load<i64>(b, 8);
  const b2 = load<i64>(b, 16);
  const b3 = load<i64>(b, 24);
  const b4 = load<i64>(b, 32);
  const b5 = load<i64>(b, 40);
  const b6 = load<i64>(b, 48);
  const b7 = load<i64>(b, 56);
  const b8 = load<i64>(b, 64);
  const b9 = load<i64>(b, 72);
  const c1 = 19 * b1;
  const c2 = 19 * b2;
  const c3 = 19 * b3;
  const c4 = 19 * b4;
  const c5 = 19 * b5;
  const c6 = 19 * b6;
  const c7 = 19 * b7;
  const c8 = 19 * b8;
  const c9 = 19 * b9;
  const d1 = 2 * a1;
  const d3 = 2 * a3;
  const d5 = 2 * a5;
  const d7 = 2 * a7;
  const d9 = 2 * a9;
  reduce(
    out,
    a0 * b0 + d1 * c9 + a2 * c8 + d3 * c7 + a4 * c6 + d5 * c5 + a6 * c4 + d7 * c3 + a8 * c2 + d9 * c1,
    a0 * b1 + a1 * b0 + a2 * c9 + a3 * c8 + a4 * c7 + a5 * c6 + a6 * c5 + a7 * c4 + a8 * c3 + a9 * c2,
    a0 * b2 + d1 * b1 + a2 * b0 + d3 * c9 + a4 * c8 + d5 * c7 + a6 * c6 + d7 * c5 + a8 * c4 + d9 * c3,
    a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0 + a4 * c9 + a5 * c8 + a6 * c7 + a7 * c6 + a8 * c5 + a9 * c4,
    a0 * b4 + d1 * b3 + a2 * b2 + d3 * b1 + a4 * b0 + d5 * c9 + a6 * c8 + d7 * c7 + a8 * c6 + d9 * c5,
    a0 * b5 + a1 * b4 + a2 * b3 + a3 * b2 + a4 * b1 + a5 * b0 + a6 * c9 + a7 * c8 + a8 * c7 + a9 * c6,
    a0 * b6 + d1 * b5 + a2 * b4 + d3 * b3 + a4 * b2 + d5 * b1 + a6 * b0 + d7 * c9 + a8 * c8 + d9 * c7,
    a0 * b7 + a1 * b6 + a2 * b5 + a3 * b4 + a4 * b3 + a5 * b2 + a6 * b1 + a7 * b0 + a8 * c9 + a9 * c8,
    a0 * b8 + d1 * b7 + a2 * b6 + d3 * b5 + a4 * b4 + d5 * b3 + a6 * b2 + d7 * b1 + a8 * b0 + d9 * c9,
    a0 * b9 + a1 * b8 + a2 * b7 + a3 * b6 + a4 * b5 + a5 * b4 + a6 * b3 + a7 * b2 + a8 * b1 + a9 * b0,
  );
}

/** out = a². They may be the same element. */
export function square(out: usize, a: usize): void {
  const a0 = load<i64>(a);
  const a1 = load<i64>(a, 8);
  const a2 = load<i64>(a, 16);
  const a3 = load<i64>(a, 24);
  const a4 = load<i64>(a, 32);
  const a5 = load<i64>(a, 40);
  const a6 = load<i64>(a, 48);
  const a7 = load<i64>(a, 56);
  const a8 = load<i64>(a, 64);
  const a9 = load<i64>(a, 72);
  const d0 = 2 * a0;
  const d1 = 2 * a1;
  const d2 = 2 * a2;
  const d3 = 2 * a3;
  const d4 = 2 * a4;
  const d5 = 2 * a5;
  const d6 = 2 * a6;
  const d7 = 2 * a7;
  const c5 = 38 * a5;
  const c6 = 19 * a6;
  const c7 = 38 * a7;
  const c8 = 19 * a8;
  const c9 = 38 * a9;
  reduce(
    out,
    a0 * a0 + d1 * c9 + d2 * c8 + d3 * c7 + d4 * c6 + a5 * c5,
    d0 * a1 + a2 * c9 + d3 * c8 + a4 * c7 + d5 * c6,
    d0 * a2 + d1 * a1 + d3 * c9 + d4 * c8 + d5 * c7 + a6 * c6,
    d0 * a3 + d1 * a2 + a4 * c9 + d5 * c8 + a6 * c7,
    d0 * a4 + d1 * d3 + a2 * a2 + d5 * c9 + d6 * c8 + a7 * c7,
    d0 * a5 + d1 * a4 + d2 * a3 + a6 * c9 + d7 * c8,
    d0 * a6 + d1 * d5 + d2 * a4 + d3 * a3 + d7 * c9 + a8 * c8,
    d0 * a7 + d1 * a6 + d2 * a5 + d3 * a4 + a8 * c9,
    d0 * a8 + d1 * d7 + d2 * a6 + d3 * d5 + a4 * a4 + a9 * c9,
    d0 * a9 + d1 * a8 + d2 * a7 + d3 * a6 + d4 * a5,
  );
}

/** out = a^(2^times) */
function squareTimes(out: usize, a: usize, times: u32): void {
  square(out, a);
  for (let i: u32 = 1; i < times; i++) square(out, out);
}

/** out = a^(p - 2), the inverse; of zero, zero. @param room for three elements; out is not in it, nor is it a */
export function invert(out: usize, a: usize, room: usize): void {
  const x = room;
  const y = room + ELEMENT;
  const z = room + 2 * ELEMENT;
  square(x, a); // 2
  squareTimes(y, x, 2); // 8
  multiply(y, y, a); // 9
  multiply(x, x, y); // 11
  square(z, x); // 22
  multiply(y, y, z); // 2^5 - 1
  squareTimes(z, y, 5);
  multiply(y, z, y); // 2^10 - 1
  squareTimes(z, y, 10);
  multiply(z, z, y); // 2^20 - 1
  squareTimes(out, z, 20);
  multiply(z, out, z); // 2^40 - 1
  squareTimes(z, z, 10);
  multiply(y, z, y); // 2^50 - 1
  squareTimes(z, y, 50);
  multiply(z, z, y); // 2^100 - 1
  squareTimes(out, z, 100);
  multiply(z, out, z); // 2^200 - 1
  squareTimes(z, z, 50);
  multiply(z, z, y); // 2^250 - 1
  squareTimes(z, z, 5);
  multiply(out, z, x); // 2^255 - 21
}

/** Exchanges two elements where mask is -1, and does not where it is 0. */
export function swap(mask: i64, a: usize, b: usize): void {
  for (let i: usize = 0; i < ELEMENT; i += 8) {
    const one = load<i64>(a + i);
    const other = load<i64>(b + i);
    const difference = mask & (one ^ other);
    store<i64>(a + i, one ^ difference);
    store<i64>(b + i, other ^ difference);
  }
}

/** out = -out where mask is -1. */
export function negate(mask: i64, out: usize): void {
  for (let i: usize = 0; i < ELEMENT; i += 8) store<i64>(out + i, (load<i64>(out + i) ^ mask) - mask);
}

export function copy(out: usize, a: usize): void {
  memory.copy(out, a, ELEMENT);
}

/** out = number */
export function setSmall(out: usize, number: i64): void {
  memory.fill(out, 0, ELEMENT);
  store<i64>(out, number);
}

/** Reads 32 bytes, little-endian; the highest bit is passed over (RFC 7748 §5). */
export function decode(out: usize, bytes: usize): void {
  store<i64>(out, load<u32>(bytes) & 0x3ffffff);
  store<i64>(out, (load<u32>(bytes, 3) >>> 2) & 0x1ffffff, 8);
  store<i64>(out, (load<u32>(bytes, 6) >>> 3) & 0x3ffffff, 16);
  store<i64>(out, (load<u32>(bytes, 9) >>> 5) & 0x1ffffff, 24);
  store<i64>(out, (load<u32>(bytes, 12) >>> 6) & 0x3ffffff, 32);
  store<i64>(out, load<u32>(bytes, 16) & 0x1ffffff, 40);
  store<i64>(out, (load<u32>(bytes, 19) >>> 1) & 0x3ffffff, 48);
  store<i64>(out, (load<u32>(bytes, 22) >>> 3) & 0x1ffffff, 56);
  store<i64>(out, (load<u32>(bytes, 25) >>> 4) & 0x3ffffff, 64);
  store<i64>(out, (load<u32>(bytes, 28) >>> 6) & 0x1ffffff, 72);
}

/** Bits of a limb. */
function width(limb: u32): u32 {
  return 26 - (limb & 1);
}

/** Writes the one number below the prime that an element stands for, as 32 bytes. @param a reduced; it is written over */
export function encode(bytes: usize, a: usize): void {
  // How often the prime goes into it, which is -1, 0 or 1: what adding 19 carries beyond 2^255.
  let over = (19 * load<i64>(a, 72) + ODD) >> 25;
  for (let i: u32 = 0; i < 10; i++) over = (load<i64>(a + 8 * i) + over) >> width(i);
  over *= 19;
  for (let i: u32 = 0; i < 10; i++) {
    const limb = load<i64>(a + 8 * i) + over;
    over = limb >> width(i);
    store<i64>(a + 8 * i, limb - (over << width(i)));
  }
  store<u64>(bytes, load<u64>(a) | (load<u64>(a, 8) << 26) | (load<u64>(a, 16) << 51));
  store<u64>(bytes, (load<u64>(a, 16) >> 13) | (load<u64>(a, 24) << 13) | (load<u64>(a, 32) << 38), 8);
  store<u64>(bytes, load<u64>(a, 40) | (load<u64>(a, 48) << 25) | (load<u64>(a, 56) << 51), 16);
  store<u64>(bytes, (load<u64>(a, 56) >> 13) | (load<u64>(a, 64) << 12) | (load<u64>(a, 72) << 38), 24);
}
