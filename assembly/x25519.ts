// X25519 (RFC 7748 §5). Constant-time: no branch and no address depends on a key.
import { basePoint } from './base-point';
import {
  add,
  copy,
  decode,
  ELEMENT,
  encode,
  invert,
  multiply,
  scale,
  setSmall,
  square,
  subtract,
  swap,
} from './field';
import { POINT, RESULT, ROOM, ROOM_BYTES, SCALAR } from './handshake-layout';

/** (486662 - 2) / 4 */
const A24: i64 = 121665;

const X1: usize = ROOM;
const X2: usize = ROOM + ELEMENT;
const Z2: usize = ROOM + 2 * ELEMENT;
const X3: usize = ROOM + 3 * ELEMENT;
const Z3: usize = ROOM + 4 * ELEMENT;
const A: usize = ROOM + 5 * ELEMENT;
const B: usize = ROOM + 6 * ELEMENT;
const C: usize = ROOM + 7 * ELEMENT;
const D: usize = ROOM + 8 * ELEMENT;
const E: usize = ROOM + 9 * ELEMENT;
const AA: usize = ROOM + 10 * ELEMENT;
const BB: usize = ROOM + 11 * ELEMENT;

/** Makes a scalar of 32 bytes (§5). */
function clamp(): void {
  store<u8>(SCALAR, load<u8>(SCALAR) & 248);
  store<u8>(SCALAR, (load<u8>(SCALAR, 31) & 127) | 64, 31);
}

/** RESULT = SCALAR · POINT, the Montgomery ladder with the names of §5. */
export function times(): void {
  clamp();
  decode(X1, POINT);
  setSmall(X2, 1);
  setSmall(Z2, 0);
  copy(X3, X1);
  setSmall(Z3, 1);
  let swapped: i64 = 0;
  for (let t: i32 = 254; t >= 0; t--) {
    const bit = -(<i64>(load<u8>(SCALAR + (t >> 3)) >> (t & 7)) & 1);
    swap(swapped ^ bit, X2, X3);
    swap(swapped ^ bit, Z2, Z3);
    swapped = bit;
    add(A, X2, Z2);
    subtract(B, X2, Z2);
    add(C, X3, Z3);
    subtract(D, X3, Z3);
    square(AA, A);
    square(BB, B);
    multiply(D, D, A); // DA
    multiply(C, C, B); // CB
    subtract(E, AA, BB);
    add(X3, D, C);
    subtract(Z3, D, C);
    square(X3, X3);
    square(Z3, Z3);
    multiply(X2, AA, BB);
    scale(Z2, E, A24);
    multiply(Z3, Z3, X1);
    add(Z2, Z2, AA);
    multiply(Z2, Z2, E);
  }
  swap(swapped, X2, X3);
  swap(swapped, Z2, Z3);
  invert(A, Z2, C);
  multiply(X2, X2, A);
  encode(RESULT, X2);
  wipe();
}

/** RESULT = SCALAR · 9, the public key of a private one (§6.1). */
export function timesBase(): void {
  clamp();
  basePoint(RESULT, SCALAR, ROOM);
  wipe();
}

/** Nothing of a computation stays: neither its elements nor the scalar. */
function wipe(): void {
  memory.fill(ROOM, 0, ROOM_BYTES);
  memory.fill(SCALAR, 0, 32);
}
