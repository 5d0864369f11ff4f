// Multiples of the base point: a table spares three quarters of the ladder.
//
// On the Edwards curve -x² + y² = 1 + d·x²·y², which is another form of the same one (RFC 7748 §4.1): u = (1 + y) / (1 - y). The scalar
// is taken as 64 digits from -8 to 8, each of the weight 16^i. Those with even numbers are added up in the first numbers of all elements,
// those with odd ones, as if of the weight 16^(i - 1), in the second: so one table of the multiples 1 to 8 of 256^i serves both.
// A point is X, Y, Z, T with x = X/Z, y = Y/Z, x·y = T/Z (Hisil, Wong, Carter and Dawson, "Twisted Edwards Curves Revisited", 2008).
//
// Constant-time: each entry of a row of the table is read, whatever the digit.
import { BASE_TABLE, TWICE_D } from './base-point-table';
import { add, ELEMENT, exchanged, multiply, PLACE, scale, setSmall, square, subtract } from './field';
import { encode } from './field-bytes';
import { invert } from './invert';

/** Bytes of a number in the table: twelve limbs as integers; of an entry: y + x, y - x and 2d·x·y; and of a row of eight. */
const PACKED: usize = 48;
const ENTRY: usize = 3 * PACKED;
const ROW: usize = 8 * ENTRY;
const DIGITS: u32 = 64;

/** The addresses of what is computed with, from `room` on. */
function at(room: usize, i: usize): usize {
  return room + i * ELEMENT;
}

/** Takes a scalar apart into digits, a byte each. */
function digits(out: usize, scalar: usize): void {
  let carry: i32 = 0;
  for (let i: u32 = 0; i < DIGITS; i++) {
    const nibble = (<i32>load<u8>(scalar + (i >> 1)) >> (4 * (i & 1))) & 15;
    const digit = nibble + carry;
    carry = i === DIGITS - 1 ? 0 : (digit + 8) >> 4;
    store<i8>(out + i, digit - (carry << 4));
  }
}

/** The entry of a row that a digit asks for. */
function choose(out: usize, row: usize, digit: i32): void {
  const sign = digit >> 31; // -1 for a negative digit
  const number = i32x4.splat((digit ^ sign) - sign);
  // The neutral point, 1, 1, 0, where the digit is 0.
  const neutral = v128.and(i32x4(1, 0, 0, 0), i32x4.eq(number, i32x4.splat(0)));
  for (let part: usize = 0; part < ENTRY; part += PACKED) {
    let low = part < 2 * PACKED ? neutral : i32x4.splat(0);
    let middle = i32x4.splat(0);
    let high = middle;
    let from = row + part;
    for (let i: i32 = 1; i <= 8; i++) {
      const mask = i32x4.eq(number, i32x4.splat(i));
      low = v128.or(low, v128.and(mask, v128.load(from)));
      middle = v128.or(middle, v128.and(mask, v128.load(from, 16)));
      high = v128.or(high, v128.and(mask, v128.load(from, 32)));
      from += ENTRY;
    }
    v128.store(out + part, low);
    v128.store(out + part, middle, 16);
    v128.store(out + part, high, 32);
  }
  // The negative of a point has its first two exchanged, and the third with another sign.
  const negative = i32x4.splat(sign);
  for (let limbs = out; limbs < out + PACKED; limbs += 16) {
    const sum = v128.load(limbs);
    const difference = v128.load(limbs, PACKED);
    const last = v128.load(limbs, 2 * PACKED);
    v128.store(limbs, v128.bitselect(difference, sum, negative));
    v128.store(limbs, v128.bitselect(sum, difference, negative), PACKED);
    v128.store(limbs, i32x4.sub(v128.xor(last, negative), negative), 2 * PACKED);
  }
}

/** Makes an element of two numbers as the table has them. */
function unpack(out: usize, first: usize, second: usize): void {
  for (let i: usize = 0; i < PACKED; i += 16) {
    const one = v128.load(first + i);
    const other = v128.load(second + i);
    const to = out + 4 * i;
    const place = PLACE + 2 * i;
    store2(to, i32x4.shuffle(one, other, 0, 4, 1, 5), place);
    store2(to + 32, i32x4.shuffle(one, other, 2, 6, 3, 7), place + 16);
  }
}

/** Two limbs of either number as floats. */
function store2(to: usize, limbs: v128, place: usize): void {
  const next = i32x4.shuffle(limbs, limbs, 2, 3, 2, 3);
  v128.store(to, f64x2.mul(f64x2.convert_low_i32x4_s(limbs), v128.load64_splat(place)));
  v128.store(to, f64x2.mul(f64x2.convert_low_i32x4_s(next), v128.load64_splat(place, 8)), 16);
}

/** The points from `room` on, and the table's to which `entry` points added to them. */
function addEntry(room: usize): void {
  const x = at(room, 0);
  const y = at(room, 1);
  const z = at(room, 2);
  const t = at(room, 3);
  const a = at(room, 4);
  const b = at(room, 5);
  const c = at(room, 6);
  const d = at(room, 7);
  subtract(a, y, x);
  multiply(a, a, at(room, 9));
  add(b, y, x);
  multiply(b, b, at(room, 8));
  multiply(c, t, at(room, 10));
  add(d, z, z);
  const e = x;
  const h = y;
  subtract(e, b, a);
  add(h, b, a);
  subtract(a, d, c); // F
  add(b, d, c); // G
  multiply(t, e, h);
  multiply(x, e, a);
  multiply(y, b, h);
  multiply(z, a, b);
}

/** Twice the points from `room` on. @param last whether their T is needed */
function double(room: usize, last: bool): void {
  const x = at(room, 0);
  const y = at(room, 1);
  const z = at(room, 2);
  const a = at(room, 4);
  const b = at(room, 5);
  const c = at(room, 6);
  const e = at(room, 7);
  add(e, x, y);
  square(e, e);
  square(a, x);
  square(b, y);
  square(c, z);
  add(c, c, c);
  add(x, a, b); // H
  subtract(e, x, e);
  subtract(b, a, b); // G
  add(c, c, b); // F
  if (last) multiply(at(room, 3), e, x);
  multiply(z, c, b);
  multiply(y, b, x);
  multiply(x, e, c);
}

/** out = the product of the two numbers of an element, as both of its numbers. */
function cross(out: usize, a: usize): void {
  for (let i: usize = 0; i < ELEMENT; i += 16) v128.store(out + i, exchanged(v128.load(a + i)));
  multiply(out, a, out);
}

/** out = scalar · the base point. @param room 12 elements, and 160 bytes behind them */
export function basePoint(out: usize, scalar: usize, room: usize): void {
  const x = at(room, 0);
  const y = at(room, 1);
  const z = at(room, 2);
  const t = at(room, 3);
  const all = at(room, 11);
  const even = all + DIGITS;
  const odd = even + ENTRY;
  digits(all, scalar);
  setSmall(x, 0);
  setSmall(y, 1);
  setSmall(z, 1);
  setSmall(t, 0);
  for (let i: u32 = 0; i < DIGITS; i += 2) {
    const row = BASE_TABLE + <usize>(i >> 1) * ROW;
    choose(even, row, load<i8>(all + i));
    choose(odd, row, load<i8>(all + i, 1));
    for (let part: usize = 0; part < 3; part++)
      unpack(at(room, 8 + part), even + part * PACKED, odd + part * PACKED);
    addEntry(room);
  }
  // The second point 16 times, and the first as it is.
  const before = at(room, 8);
  memory.copy(before, room, 4 * ELEMENT);
  for (let i = 0; i < 4; i++) double(room, i === 3);
  for (let i: usize = 0; i < 4 * ELEMENT; i += 16)
    v128.store(room + i, i64x2.shuffle(v128.load(before + i), v128.load(room + i), 0, 3));
  // Of their sum, only (Z + Y) / (Z - Y).
  const a = at(room, 4);
  const b = at(room, 5);
  const c = at(room, 6);
  const d = at(room, 7);
  const e = at(room, 8);
  subtract(e, y, x);
  cross(a, e);
  add(e, y, x);
  cross(b, e);
  cross(c, t);
  unpack(e, TWICE_D, TWICE_D);
  multiply(c, c, e);
  add(e, z, z);
  for (let i: usize = 0; i < ELEMENT; i += 16) v128.store(d + i, exchanged(v128.load(z + i)));
  multiply(d, d, e);
  add(b, b, a); // H
  subtract(d, d, c); // F
  add(a, d, b);
  subtract(b, d, b);
  scale(b, b, 1); // which only reduces it
  invert(c, b, before);
  multiply(a, a, c);
  encode(out, a, before);
}
