// Multiples of the base point: a table spares three quarters of the ladder.
//
// On the Edwards curve -x² + y² = 1 + d·x²·y², which is another form of the same one (RFC 7748 §4.1): u = (1 + y) / (1 - y). The scalar
// is taken as 64 digits from -8 to 8, each of the weight 16^i. Those with odd numbers are added up first, times 16, so that
// one table of the multiples 1 to 8 of 256^i serves both.
// A point is X, Y, Z, T with x = X/Z, y = Y/Z, x·y = T/Z (Hisil, Wong, Carter and Dawson, "Twisted Edwards Curves Revisited", 2008).
//
// Constant-time: each entry of a row of the table is read, whatever the digit.
import { BASE_TABLE } from './base-point-table';
import { add, decode, ELEMENT, encode, invert, multiply, negate, setSmall, square, subtract } from './field';

/** Bytes of an entry: y + x, y - x and 2d·x·y, 32 each; and of a row of eight. */
const ENTRY: usize = 96;
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

/** The entry of a row that a digit asks for: three elements from `out` on; `packed` is 96 bytes. */
function choose(out: usize, row: usize, digit: i32, packed: usize): void {
  const sign = digit >> 31; // -1 for a negative digit
  const number = (digit ^ sign) - sign;
  // The neutral point, 1, 1, 0, where the digit is 0.
  const one = i32x4.replace_lane(i32x4.splat(0), 0, 1);
  const none = i32x4.eq(i32x4.splat(number), i32x4.splat(0));
  let p0 = v128.and(one, none);
  let p1 = i32x4.splat(0);
  let m0 = p0;
  let m1 = p1;
  let t0 = p1;
  let t1 = p1;
  for (let i: i32 = 1; i <= 8; i++) {
    const mask = i32x4.eq(i32x4.splat(number), i32x4.splat(i));
    p0 = v128.or(p0, v128.and(mask, v128.load(row)));
    p1 = v128.or(p1, v128.and(mask, v128.load(row, 16)));
    m0 = v128.or(m0, v128.and(mask, v128.load(row, 32)));
    m1 = v128.or(m1, v128.and(mask, v128.load(row, 48)));
    t0 = v128.or(t0, v128.and(mask, v128.load(row, 64)));
    t1 = v128.or(t1, v128.and(mask, v128.load(row, 80)));
    row += ENTRY;
  }
  // The negative of a point has its first two exchanged, and the third with another sign.
  const negative = i32x4.splat(sign);
  v128.store(packed, v128.bitselect(m0, p0, negative));
  v128.store(packed, v128.bitselect(m1, p1, negative), 16);
  v128.store(packed, v128.bitselect(p0, m0, negative), 32);
  v128.store(packed, v128.bitselect(p1, m1, negative), 48);
  v128.store(packed, t0, 64);
  v128.store(packed, t1, 80);
  decode(out, packed);
  decode(out + ELEMENT, packed + 32);
  decode(out + 2 * ELEMENT, packed + 64);
  negate(<i64>sign, out + 2 * ELEMENT);
}

/** The point from `room` on, and one of the table's added to it. */
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
  const h = t;
  subtract(e, b, a);
  add(h, b, a);
  subtract(a, d, c); // F
  add(b, d, c); // G
  multiply(c, e, h); // T
  multiply(x, e, a);
  multiply(y, b, h);
  multiply(z, a, b);
  memory.copy(t, c, ELEMENT);
}

/** Twice the point from `room` on. @param last whether its T is needed */
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

/** out = scalar · the base point. @param room 11 elements, and 160 bytes behind them */
export function basePoint(out: usize, scalar: usize, room: usize): void {
  const entry = at(room, 8);
  const all = at(room, 11);
  const packed = all + DIGITS;
  digits(all, scalar);
  setSmall(at(room, 0), 0);
  setSmall(at(room, 1), 1);
  setSmall(at(room, 2), 1);
  setSmall(at(room, 3), 0);
  for (let odd: i32 = 1; odd >= 0; odd--) {
    for (let i: u32 = odd; i < DIGITS; i += 2) {
      choose(entry, BASE_TABLE + <usize>(i >> 1) * ROW, load<i8>(all + i), packed);
      addEntry(room);
    }
    if (odd) for (let i = 0; i < 4; i++) double(room, i === 3);
  }
  add(at(room, 4), at(room, 2), at(room, 1));
  subtract(at(room, 5), at(room, 2), at(room, 1));
  invert(at(room, 6), at(room, 5), entry);
  multiply(at(room, 4), at(room, 4), at(room, 6));
  encode(out, at(room, 4));
}
