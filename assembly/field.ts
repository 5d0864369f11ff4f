// The field of X25519: numbers modulo 2^255 - 19 (RFC 7748 §4.1), two of them side by side, of which an element has one in either half of
// its vectors. What is done to an element is done to both.
//
// A number stands in twelve limbs, the lowest first, each a float of 64 bits with a sign: limb i is a multiple of 2^ceil(21.25 · i), so
// that a product of limbs needs no shift to find its place; what passes 2^255 comes back times 19 · 2^-255. A processor multiplies two
// such floats by one instruction, where the SIMD of WebAssembly has none that multiplies two integers of 64 bits so fast.
//
// No operation rounds: all limbs and sums are integers of at most 53 bits times the power of two of their place. What multiply, square and
// scale give is reduced: a limb has a sign and no more than half of the range up to the next limb's place, and a two thousandth of that.
// A sum or a difference of two such elements needs no carries, nor does one of two such sums: with factors up to 4 times as large as
// reduced ones the sum of products is below 2^52.97.
//
// Constant-time: no branch and no address depends on what an element is. A float is zero or a normal number, never one of those that
// processors take longer for (subnormal, infinite, none).
import { EXPANDED, SUMS } from './handshake-layout';

/** Bytes of an element. */
export const ELEMENT: usize = 192;

/** Bytes of a limb of both numbers. */
const LIMB: usize = 16;

/** 1.5 · 2^52 times the place of the next limb: what it is added to is rounded to a multiple of that place. */
const ROUND: usize = memory.data<u64>(
  [
    0x4498000000000000, 0x45e8000000000000, 0x4738000000000000, 0x4888000000000000, 0x49e8000000000000,
    0x4b38000000000000, 0x4c88000000000000, 0x4dd8000000000000, 0x4f38000000000000, 0x5088000000000000,
    0x51d8000000000000, 0x5328000000000000,
  ],
  16,
);

/** The place of each limb: 1, 2^22, 2^43, 2^64 … */
export const PLACE: usize = memory.data<u64>(
  [
    0x3ff0000000000000, 0x4150000000000000, 0x42a0000000000000, 0x43f0000000000000, 0x4540000000000000,
    0x46a0000000000000, 0x47f0000000000000, 0x4940000000000000, 0x4a90000000000000, 0x4bf0000000000000,
    0x4d40000000000000, 0x4e90000000000000,
  ],
  16,
);

/** 19 · 2^-255 */
const WRAP: u64 = 0x3043000000000000;

// @ts-ignore: a decorator of AssemblyScript
@inline
function wrap(): v128 {
  return i64x2.splat(WRAP);
}

// @ts-ignore: a decorator of AssemblyScript
@inline
function plus(sum: v128, a: v128, b: v128): v128 {
  return f64x2.add(sum, f64x2.mul(a, b));
}

/** What a limb has beyond its range, as a multiple of the next limb's place. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function beyond(limb: v128, i: usize): v128 {
  const round = v128.load64_splat(ROUND + (i << 3));
  return f64x2.sub(f64x2.add(limb, round), round);
}

/** Carries from limb to limb, so that all are in their bounds, and stores them. As a call it would take longer. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function reduce(
  out: usize,
  h0: v128,
  h1: v128,
  h2: v128,
  h3: v128,
  h4: v128,
  h5: v128,
  h6: v128,
  h7: v128,
  h8: v128,
  h9: v128,
  h10: v128,
  h11: v128,
): void {
  // Two chains at once, as each step has to wait for the one before.
  let carry = beyond(h0, 0);
  let other = beyond(h6, 6);
  h0 = f64x2.sub(h0, carry);
  h1 = f64x2.add(h1, carry);
  h6 = f64x2.sub(h6, other);
  h7 = f64x2.add(h7, other);
  carry = beyond(h1, 1);
  other = beyond(h7, 7);
  h1 = f64x2.sub(h1, carry);
  h2 = f64x2.add(h2, carry);
  h7 = f64x2.sub(h7, other);
  h8 = f64x2.add(h8, other);
  carry = beyond(h2, 2);
  other = beyond(h8, 8);
  h2 = f64x2.sub(h2, carry);
  h3 = f64x2.add(h3, carry);
  h8 = f64x2.sub(h8, other);
  h9 = f64x2.add(h9, other);
  carry = beyond(h3, 3);
  other = beyond(h9, 9);
  h3 = f64x2.sub(h3, carry);
  h4 = f64x2.add(h4, carry);
  h9 = f64x2.sub(h9, other);
  h10 = f64x2.add(h10, other);
  carry = beyond(h4, 4);
  other = beyond(h10, 10);
  h4 = f64x2.sub(h4, carry);
  h5 = f64x2.add(h5, carry);
  h10 = f64x2.sub(h10, other);
  h11 = f64x2.add(h11, other);
  carry = beyond(h5, 5);
  other = beyond(h11, 11);
  h5 = f64x2.sub(h5, carry);
  h6 = f64x2.add(h6, carry);
  h11 = f64x2.sub(h11, other);
  h0 = plus(h0, other, wrap());
  carry = beyond(h6, 6);
  other = beyond(h0, 0);
  h6 = f64x2.sub(h6, carry);
  h7 = f64x2.add(h7, carry);
  h0 = f64x2.sub(h0, other);
  h1 = f64x2.add(h1, other);
  v128.store(out, h0);
  v128.store(out, h1, 16);
  v128.store(out, h2, 32);
  v128.store(out, h3, 48);
  v128.store(out, h4, 64);
  v128.store(out, h5, 80);
  v128.store(out, h6, 96);
  v128.store(out, h7, 112);
  v128.store(out, h8, 128);
  v128.store(out, h9, 144);
  v128.store(out, h10, 160);
  v128.store(out, h11, 176);
}

/** The two numbers' limbs, each in the place of the other. */
// @ts-ignore: a decorator of AssemblyScript
@inline
export function exchanged(pair: v128): v128 {
  return i64x2.shuffle(pair, pair, 1, 0);
}

/** out = a + b, without carries. */
export function add(out: usize, a: usize, b: usize): void {
  for (let i: usize = 0; i < ELEMENT; i += 3 * LIMB) {
    v128.store(out + i, f64x2.add(v128.load(a + i), v128.load(b + i)));
    v128.store(out + i, f64x2.add(v128.load(a + i, 16), v128.load(b + i, 16)), 16);
    v128.store(out + i, f64x2.add(v128.load(a + i, 32), v128.load(b + i, 32)), 32);
  }
}

/** out = a - b, without carries. */
export function subtract(out: usize, a: usize, b: usize): void {
  for (let i: usize = 0; i < ELEMENT; i += 3 * LIMB) {
    v128.store(out + i, f64x2.sub(v128.load(a + i), v128.load(b + i)));
    v128.store(out + i, f64x2.sub(v128.load(a + i, 16), v128.load(b + i, 16)), 16);
    v128.store(out + i, f64x2.sub(v128.load(a + i, 32), v128.load(b + i, 32)), 32);
  }
}

/** out = a · factor. @param factor an integer below 2^20 */
export function scale(out: usize, a: usize, factor: f64): void {
  const by = f64x2.splat(factor);
  reduce(
    out,
    f64x2.mul(v128.load(a), by),
    f64x2.mul(v128.load(a, 16), by),
    f64x2.mul(v128.load(a, 32), by),
    f64x2.mul(v128.load(a, 48), by),
    f64x2.mul(v128.load(a, 64), by),
    f64x2.mul(v128.load(a, 80), by),
    f64x2.mul(v128.load(a, 96), by),
    f64x2.mul(v128.load(a, 112), by),
    f64x2.mul(v128.load(a, 128), by),
    f64x2.mul(v128.load(a, 144), by),
    f64x2.mul(v128.load(a, 160), by),
    f64x2.mul(v128.load(a, 176), by),
  );
}

/** Bytes of a factor as multiplyBy takes it. */
export const FACTOR: usize = 23 * LIMB;

/** One limb of a factor. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function expandLimb(out: usize, a: usize, i: usize): void {
  const limb = v128.load(a + i);
  v128.store(out + i, limb, 176);
  v128.store(out + i - LIMB, f64x2.mul(limb, wrap()));
}

/** A factor for multiplyBy: what wraps around stands before the element's own limbs. */
export function expand(out: usize, a: usize): void {
  v128.store(out, v128.load(a), 176);
  expandLimb(out, a, 16);
  expandLimb(out, a, 32);
  expandLimb(out, a, 48);
  expandLimb(out, a, 64);
  expandLimb(out, a, 80);
  expandLimb(out, a, 96);
  expandLimb(out, a, 112);
  expandLimb(out, a, 128);
  expandLimb(out, a, 144);
  expandLimb(out, a, 160);
  expandLimb(out, a, 176);
}

/** out = a · b. Any of them may be the same element. */
export function multiply(out: usize, a: usize, b: usize): void {
  expand(EXPANDED, b);
  multiplyBy(out, a, EXPANDED);
}

/**
 * Four limbs of a product, unreduced. Four limbs of `a` in a turn, so that each limb of the factor that is loaded serves for as many products as
 * registers have room for.
 */
// @ts-ignore: a decorator of AssemblyScript
@inline
function columns(out: usize, a: usize, factor: usize): void {
  let h0 = f64x2.splat(0);
  let h1 = h0;
  let h2 = h0;
  let h3 = h0;
  const end = a + ELEMENT;
  for (let by = factor + 128; a < end; a += 64, by -= 64) {
    const a0 = v128.load(a);
    const a1 = v128.load(a, 16);
    const a2 = v128.load(a, 32);
    const a3 = v128.load(a, 48);
    const b0 = v128.load(by);
    const b1 = v128.load(by, 16);
    const b2 = v128.load(by, 32);
    const b3 = v128.load(by, 48);
    const b4 = v128.load(by, 64);
    const b5 = v128.load(by, 80);
    const b6 = v128.load(by, 96);
    h0 = plus(plus(plus(plus(h0, a0, b3), a1, b2), a2, b1), a3, b0);
    h1 = plus(plus(plus(plus(h1, a0, b4), a1, b3), a2, b2), a3, b1);
    h2 = plus(plus(plus(plus(h2, a0, b5), a1, b4), a2, b3), a3, b2);
    h3 = plus(plus(plus(plus(h3, a0, b6), a1, b5), a2, b4), a3, b3);
  }
  v128.store(out, h0);
  v128.store(out, h1, 16);
  v128.store(out, h2, 32);
  v128.store(out, h3, 48);
}

/** out = a · factor. They may be the same element. */
export function multiplyBy(out: usize, a: usize, factor: usize): void {
  columns(SUMS, a, factor);
  columns(SUMS + 64, a, factor + 64);
  columns(SUMS + 128, a, factor + 128);
  reduce(
    out,
    v128.load(SUMS),
    v128.load(SUMS, 16),
    v128.load(SUMS, 32),
    v128.load(SUMS, 48),
    v128.load(SUMS, 64),
    v128.load(SUMS, 80),
    v128.load(SUMS, 96),
    v128.load(SUMS, 112),
    v128.load(SUMS, 128),
    v128.load(SUMS, 144),
    v128.load(SUMS, 160),
    v128.load(SUMS, 176),
  );
}

/** A sum of products. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function six(
  a: v128,
  b: v128,
  c: v128,
  d: v128,
  e: v128,
  f: v128,
  g: v128,
  h: v128,
  i: v128,
  j: v128,
  k: v128,
  l: v128,
): v128 {
  return plus(plus(plus(plus(plus(f64x2.mul(a, b), c, d), e, f), g, h), i, j), k, l);
}

/** out = a². They may be the same element. */
export function square(out: usize, a: usize): void {
  const a0 = v128.load(a);
  const a1 = v128.load(a, 16);
  const a2 = v128.load(a, 32);
  const a3 = v128.load(a, 48);
  const a4 = v128.load(a, 64);
  const a5 = v128.load(a, 80);
  const a6 = v128.load(a, 96);
  const a7 = v128.load(a, 112);
  const a8 = v128.load(a, 128);
  const a9 = v128.load(a, 144);
  const a10 = v128.load(a, 160);
  const a11 = v128.load(a, 176);
  const d0 = f64x2.add(a0, a0);
  const d1 = f64x2.add(a1, a1);
  const d2 = f64x2.add(a2, a2);
  const d3 = f64x2.add(a3, a3);
  const d4 = f64x2.add(a4, a4);
  const d5 = f64x2.add(a5, a5);
  const d6 = f64x2.add(a6, a6);
  const d7 = f64x2.add(a7, a7);
  const d8 = f64x2.add(a8, a8);
  const d9 = f64x2.add(a9, a9);
  const d10 = f64x2.add(a10, a10);
  const c6 = f64x2.mul(a6, wrap());
  const c7 = f64x2.mul(a7, wrap());
  const c8 = f64x2.mul(a8, wrap());
  const c9 = f64x2.mul(a9, wrap());
  const c10 = f64x2.mul(a10, wrap());
  const c11 = f64x2.mul(a11, wrap());
  reduce(
    out,
    plus(six(a0, a0, d1, c11, d2, c10, d3, c9, d4, c8, d5, c7), a6, c6),
    six(d0, a1, d2, c11, d3, c10, d4, c9, d5, c8, d6, c7),
    plus(six(d0, a2, a1, a1, d3, c11, d4, c10, d5, c9, d6, c8), a7, c7),
    six(d0, a3, d1, a2, d4, c11, d5, c10, d6, c9, d7, c8),
    plus(six(d0, a4, d1, a3, a2, a2, d5, c11, d6, c10, d7, c9), a8, c8),
    six(d0, a5, d1, a4, d2, a3, d6, c11, d7, c10, d8, c9),
    plus(six(d0, a6, d1, a5, d2, a4, a3, a3, d7, c11, d8, c10), a9, c9),
    six(d0, a7, d1, a6, d2, a5, d3, a4, d8, c11, d9, c10),
    plus(six(d0, a8, d1, a7, d2, a6, d3, a5, a4, a4, d9, c11), a10, c10),
    six(d0, a9, d1, a8, d2, a7, d3, a6, d4, a5, d10, c11),
    plus(six(d0, a10, d1, a9, d2, a8, d3, a7, d4, a6, a5, a5), a11, c11),
    six(d0, a11, d1, a10, d2, a9, d3, a8, d4, a7, d5, a6),
  );
}

/** out = number, both */
export function setSmall(out: usize, number: f64): void {
  memory.fill(out, 0, ELEMENT);
  v128.store(out, f64x2.splat(number));
}
