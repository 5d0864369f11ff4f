// X25519 (RFC 7748 §5), by the Montgomery ladder. Constant-time: no branch and no address depends on a key.
import { basePoint } from './base-point';
import { expand, multiply, setSmall } from './field';
import { decode, encode } from './field-bytes';
import { FIXED, POINT, RESULT, ROOM, ROOM_BYTES, SCALAR } from './handshake-layout';
import { invert } from './invert';
import { A, A24, B, DC, LATE, step, stepBoth, X2, X2Z2, X3, X3Z3, Z2, Z3 } from './ladder';

const KEY_BYTES: usize = 32;
/** Between the two numbers of an element. */
const SECOND: usize = 8;

/** Makes a scalar of 32 bytes (§5). */
function clamp(scalar: usize): void {
  store<u8>(scalar, load<u8>(scalar) & 248);
  store<u8>(scalar, (load<u8>(scalar, 31) & 127) | 64, 31);
}

/** -1 where a bit of a scalar is set, otherwise 0. */
function bitOf(scalar: usize, bit: i32): i64 {
  return -(<i64>(load<u8>(scalar + (bit >> 3)) >> (bit & 7)) & 1);
}

/** RESULT = SCALAR · POINT. */
export function times(): void {
  clamp(SCALAR);
  setSmall(LATE, A24);
  decode(LATE, POINT);
  expand(FIXED, LATE);
  setSmall(X2Z2, 0);
  store<f64>(X2Z2, 1);
  setSmall(X3Z3, 1);
  decode(X3Z3, POINT);
  let swapped: i64 = 0;
  for (let t: i32 = 254; t >= 0; t--) {
    const bit = bitOf(SCALAR, t);
    step(swapped ^ bit);
    swapped = bit;
  }
  // The last bit is 0 (§5): nothing is left to exchange.
  invert(DC, X2Z2 + SECOND, LATE);
  multiply(X2Z2, X2Z2, DC);
  encode(RESULT, X2Z2, LATE);
  wipe();
}

/** RESULT = SCALAR · POINT, and so of what stands behind each of them: two computations take less time than one after the other. */
export function timesBoth(): void {
  clamp(SCALAR);
  clamp(SCALAR + KEY_BYTES);
  decode(X3, POINT);
  decode(X3 + SECOND, POINT + KEY_BYTES);
  expand(FIXED, X3);
  setSmall(X2, 1);
  setSmall(Z2, 0);
  setSmall(Z3, 1);
  let swapped: i64 = 0;
  let alsoSwapped: i64 = 0;
  for (let t: i32 = 254; t >= 0; t--) {
    const bit = bitOf(SCALAR, t);
    const other = bitOf(SCALAR + KEY_BYTES, t);
    stepBoth(swapped ^ bit, alsoSwapped ^ other);
    swapped = bit;
    alsoSwapped = other;
  }
  invert(A, Z2, B);
  invert(A + SECOND, Z2 + SECOND, B);
  multiply(X2, X2, A);
  encode(RESULT, X2, A);
  encode(RESULT + KEY_BYTES, X2 + SECOND, A);
  wipe();
}

/** RESULT = SCALAR · 9, the public key of a private one (§6.1). */
export function timesBase(): void {
  clamp(SCALAR);
  basePoint(RESULT, SCALAR, ROOM);
  wipe();
}

/** Nothing of a computation stays: neither its elements nor the scalars. */
function wipe(): void {
  memory.fill(ROOM, 0, ROOM_BYTES);
  memory.fill(SCALAR, 0, 2 * KEY_BYTES);
}
