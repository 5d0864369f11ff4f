// The inverse of a number of the field, by Bernstein and Yang's "Fast constant-time gcd computation and modular inversion" (2019): 600 of
// their divsteps, of which 590 are enough for numbers of 256 bits where delta begins at 1/2. Thirty steps at a time look at the lowest 30 bits
// of f and g alone; what they come to is a matrix, by which f, g and the factors d, e of the number are multiplied once.
//
// f, g, d and e stand in nine limbs of 30 bits, the highest of them with a sign. Constant-time: no branch and no address depends on the number.
import { decode, encode } from './field-bytes';

const LIMBS: u32 = 9;
const BITS: u32 = 30;
const LOW: i64 = 0x3fffffff;
const BATCHES: u32 = 20;
/** The inverse of the prime modulo 2^30. The prime itself is -19 in the lowest limb and 2^15 in the highest. */
const INVERSE: i64 = 395589093;
const TOP: u32 = 15;

/** Bytes of a number in limbs; where the four numbers stand. */
const NUMBER: usize = 4 * LIMBS;
const G: usize = NUMBER;
const D: usize = 2 * NUMBER;
const E: usize = 3 * NUMBER;

/** A limb of a number. */
function limb(number: usize, i: u32): i64 {
  return <i64>load<i32>(number + (i << 2));
}

function put(number: usize, i: u32, value: i64): void {
  store<i32>(number + (i << 2), <i32>value);
}

/** Multiplies f and g by the matrix, whose 30 zeros in the end are taken away. */
function multiplyBoth(f: usize, u: i64, v: i64, q: i64, r: i64): void {
  const g = f + G;
  let first = (u * limb(f, 0) + v * limb(g, 0)) >> BITS;
  let second = (q * limb(f, 0) + r * limb(g, 0)) >> BITS;
  for (let i: u32 = 1; i < LIMBS; i++) {
    first += u * limb(f, i) + v * limb(g, i);
    second += q * limb(f, i) + r * limb(g, i);
    put(f, i - 1, first & LOW);
    put(g, i - 1, second & LOW);
    first >>= BITS;
    second >>= BITS;
  }
  put(f, LIMBS - 1, first);
  put(g, LIMBS - 1, second);
}

/** The same of d and e, modulo the prime: as much of it is added as makes the 30 zeros. They stay between -2 times the prime and the prime. */
function multiplyFactors(d: usize, u: i64, v: i64, q: i64, r: i64): void {
  const e = d + NUMBER;
  const dNegative = limb(d, LIMBS - 1) >> 63;
  const eNegative = limb(e, LIMBS - 1) >> 63;
  let first = u * limb(d, 0) + v * limb(e, 0);
  let second = q * limb(d, 0) + r * limb(e, 0);
  let add = (u & dNegative) + (v & eNegative);
  let also = (q & dNegative) + (r & eNegative);
  add -= (INVERSE * first + add) & LOW;
  also -= (INVERSE * second + also) & LOW;
  first = (first - 19 * add) >> BITS;
  second = (second - 19 * also) >> BITS;
  for (let i: u32 = 1; i < LIMBS; i++) {
    first += u * limb(d, i) + v * limb(e, i);
    second += q * limb(d, i) + r * limb(e, i);
    if (i === LIMBS - 1) {
      first += add << TOP;
      second += also << TOP;
    }
    put(d, i - 1, first & LOW);
    put(e, i - 1, second & LOW);
    first >>= BITS;
    second >>= BITS;
  }
  put(d, LIMBS - 1, first);
  put(e, LIMBS - 1, second);
}

/** Adds the prime where a number is negative, and then has another sign where `sign` is -1. */
function correct(d: usize, sign: i64): void {
  const negative = limb(d, LIMBS - 1) >> 63;
  let over: i64 = 0;
  for (let i: u32 = 0; i < LIMBS; i++) {
    let value = limb(d, i);
    if (i === 0) value -= negative & 19;
    if (i === LIMBS - 1) value += negative & (1 << TOP);
    over += (value ^ sign) - sign;
    if (i === LIMBS - 1) break;
    put(d, i, over & LOW);
    over >>= BITS;
  }
  put(d, LIMBS - 1, over);
}

/** Writes over 32 bytes, a number below the prime, its inverse; over zero, zero. @param room 144 bytes; 8 bytes behind `bytes` are written over */
function invertBytes(bytes: usize, room: usize): void {
  const d = room + D;
  memory.fill(room, 0, 4 * NUMBER);
  put(room, 0, -19);
  put(room, LIMBS - 1, 1 << TOP);
  put(room + E, 0, 1);
  store<u64>(bytes, 0, 32);
  for (let i: u32 = 0; i < LIMBS; i++) {
    const bit = BITS * i;
    put(room + G, i, <i64>(load<u64>(bytes + (bit >> 3)) >> (bit & 7)) & LOW);
  }
  let zeta: i32 = -1; // -(delta + 1/2)
  for (let batch: u32 = 0; batch < BATCHES; batch++) {
    let f = load<i32>(room);
    let g = load<i32>(room + G);
    let u: i32 = 1;
    let v: i32 = 0;
    let q: i32 = 0;
    let r: i32 = 1;
    for (let step: u32 = 0; step < BITS; step++) {
      const positive = zeta >> 31; // -1 where delta is above 0
      const odd = -(g & 1);
      g += ((f ^ positive) - positive) & odd;
      q += ((u ^ positive) - positive) & odd;
      r += ((v ^ positive) - positive) & odd;
      const exchange = positive & odd;
      zeta = (zeta ^ exchange) - 1;
      f += g & exchange;
      u = (u + (q & exchange)) << 1;
      v = (v + (r & exchange)) << 1;
      g >>= 1;
    }
    multiplyFactors(d, u, v, q, r);
    multiplyBoth(room, u, v, q, r);
  }
  // f is 1 or -1 now, or the prime where the number was zero, and d is zero then.
  correct(d, limb(room, LIMBS - 1) >> 63);
  correct(d, 0);
  memory.fill(bytes, 0, 40);
  for (let i: u32 = 0; i < LIMBS; i++) {
    const bit = BITS * i;
    const at = bytes + (bit >> 3);
    store<u64>(at, load<u64>(at) | ((<u64>limb(d, i)) << (bit & 7)));
  }
}

/**
 * out = the inverse of one of the numbers of a reduced element; of zero, zero.
 * @param out, a an element, or 8 bytes behind one for the second of its numbers
 * @param room an element's
 */
export function invert(out: usize, a: usize, room: usize): void {
  const rest = room + 40;
  encode(room, a, rest);
  invertBytes(room, rest);
  decode(out, room);
}
