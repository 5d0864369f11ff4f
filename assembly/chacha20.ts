// ChaCha20 (RFC 8439 §2.3, §2.4), four blocks side by side: a vector holds the same word of each.
// Constant-time: no lookup and no branch depends on key or data.
import { CHACHA_STREAM } from './layout';

/** Bytes of key stream made at once. */
const STREAM_BYTES: u32 = 256;

function rotate16(x: v128): v128 {
  return v128.shuffle<u8>(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
}

function rotate12(x: v128): v128 {
  return v128.or(i32x4.shl(x, 12), i32x4.shr_u(x, 20));
}

function rotate8(x: v128): v128 {
  return v128.shuffle<u8>(x, x, 3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14);
}

function rotate7(x: v128): v128 {
  return v128.or(i32x4.shl(x, 7), i32x4.shr_u(x, 25));
}

/** Turns four vectors of one word of each block into four words of one block each, and stores them. */
function storeRows(row: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab0 = v128.shuffle<u32>(a, b, 0, 4, 1, 5);
  const ab1 = v128.shuffle<u32>(a, b, 2, 6, 3, 7);
  const cd0 = v128.shuffle<u32>(c, d, 0, 4, 1, 5);
  const cd1 = v128.shuffle<u32>(c, d, 2, 6, 3, 7);
  v128.store(row, v128.shuffle<u64>(ab0, cd0, 0, 2));
  v128.store(row + 64, v128.shuffle<u64>(ab0, cd0, 1, 3));
  v128.store(row + 128, v128.shuffle<u64>(ab1, cd1, 0, 2));
  v128.store(row + 192, v128.shuffle<u64>(ab1, cd1, 1, 3));
}

/** Writes four blocks of key stream, from block `counter` on, to CHACHA_STREAM. */
export function chachaStream(key: usize, nonce: usize, counter: u32): void {
  const k0 = v128.load32_splat(key);
  const k1 = v128.load32_splat(key + 4);
  const k2 = v128.load32_splat(key + 8);
  const k3 = v128.load32_splat(key + 12);
  const k4 = v128.load32_splat(key + 16);
  const k5 = v128.load32_splat(key + 20);
  const k6 = v128.load32_splat(key + 24);
  const k7 = v128.load32_splat(key + 28);
  const counters = i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3));
  const n0 = v128.load32_splat(nonce);
  const n1 = v128.load32_splat(nonce + 4);
  const n2 = v128.load32_splat(nonce + 8);
  // "expand 32-byte k"
  const c0 = i32x4.splat(0x61707865);
  const c1 = i32x4.splat(0x3320646e);
  const c2 = i32x4.splat(0x79622d32);
  const c3 = i32x4.splat(0x6b206574);
  let x0 = c0;
  let x1 = c1;
  let x2 = c2;
  let x3 = c3;
  let x4 = k0;
  let x5 = k1;
  let x6 = k2;
  let x7 = k3;
  let x8 = k4;
  let x9 = k5;
  let x10 = k6;
  let x11 = k7;
  let x12 = counters;
  let x13 = n0;
  let x14 = n1;
  let x15 = n2;
  for (let i = 0; i < 10; i++) {
    // Four quarter rounds on the columns, their steps interleaved.
    x0 = i32x4.add(x0, x4);
    x1 = i32x4.add(x1, x5);
    x2 = i32x4.add(x2, x6);
    x3 = i32x4.add(x3, x7);
    x12 = rotate16(v128.xor(x12, x0));
    x13 = rotate16(v128.xor(x13, x1));
    x14 = rotate16(v128.xor(x14, x2));
    x15 = rotate16(v128.xor(x15, x3));
    x8 = i32x4.add(x8, x12);
    x9 = i32x4.add(x9, x13);
    x10 = i32x4.add(x10, x14);
    x11 = i32x4.add(x11, x15);
    x4 = rotate12(v128.xor(x4, x8));
    x5 = rotate12(v128.xor(x5, x9));
    x6 = rotate12(v128.xor(x6, x10));
    x7 = rotate12(v128.xor(x7, x11));
    x0 = i32x4.add(x0, x4);
    x1 = i32x4.add(x1, x5);
    x2 = i32x4.add(x2, x6);
    x3 = i32x4.add(x3, x7);
    x12 = rotate8(v128.xor(x12, x0));
    x13 = rotate8(v128.xor(x13, x1));
    x14 = rotate8(v128.xor(x14, x2));
    x15 = rotate8(v128.xor(x15, x3));
    x8 = i32x4.add(x8, x12);
    x9 = i32x4.add(x9, x13);
    x10 = i32x4.add(x10, x14);
    x11 = i32x4.add(x11, x15);
    x4 = rotate7(v128.xor(x4, x8));
    x5 = rotate7(v128.xor(x5, x9));
    x6 = rotate7(v128.xor(x6, x10));
    x7 = rotate7(v128.xor(x7, x11));
    // And on the diagonals.
    x0 = i32x4.add(x0, x5);
    x1 = i32x4.add(x1, x6);
    x2 = i32x4.add(x2, x7);
    x3 = i32x4.add(x3, x4);
    x15 = rotate16(v128.xor(x15, x0));
    x12 = rotate16(v128.xor(x12, x1));
    x13 = rotate16(v128.xor(x13, x2));
    x14 = rotate16(v128.xor(x14, x3));
    x10 = i32x4.add(x10, x15);
    x11 = i32x4.add(x11, x12);
    x8 = i32x4.add(x8, x13);
    x9 = i32x4.add(x9, x14);
    x5 = rotate12(v128.xor(x5, x10));
    x6 = rotate12(v128.xor(x6, x11));
    x7 = rotate12(v128.xor(x7, x8));
    x4 = rotate12(v128.xor(x4, x9));
    x0 = i32x4.add(x0, x5);
    x1 = i32x4.add(x1, x6);
    x2 = i32x4.add(x2, x7);
    x3 = i32x4.add(x3, x4);
    x15 = rotate8(v128.xor(x15, x0));
    x12 = rotate8(v128.xor(x12, x1));
    x13 = rotate8(v128.xor(x13, x2));
    x14 = rotate8(v128.xor(x14, x3));
    x10 = i32x4.add(x10, x15);
    x11 = i32x4.add(x11, x12);
    x8 = i32x4.add(x8, x13);
    x9 = i32x4.add(x9, x14);
    x5 = rotate7(v128.xor(x5, x10));
    x6 = rotate7(v128.xor(x6, x11));
    x7 = rotate7(v128.xor(x7, x8));
    x4 = rotate7(v128.xor(x4, x9));
  }
  storeRows(CHACHA_STREAM, i32x4.add(x0, c0), i32x4.add(x1, c1), i32x4.add(x2, c2), i32x4.add(x3, c3));
  storeRows(CHACHA_STREAM + 16, i32x4.add(x4, k0), i32x4.add(x5, k1), i32x4.add(x6, k2), i32x4.add(x7, k3));
  storeRows(CHACHA_STREAM + 32, i32x4.add(x8, k4), i32x4.add(x9, k5), i32x4.add(x10, k6), i32x4.add(x11, k7));
  storeRows(
    CHACHA_STREAM + 48,
    i32x4.add(x12, counters),
    i32x4.add(x13, n0),
    i32x4.add(x14, n1),
    i32x4.add(x15, n2),
  );
}

/**
 * Encrypts or decrypts `length` bytes at `address` in place.
 * @param key address of the 32-byte key
 * @param nonce address of the 12-byte nonce
 * @param counter of the first block
 */
export function chacha20(address: usize, length: u32, key: usize, nonce: usize, counter: u32): void {
  const end = address + length;
  let block = counter;
  for (let at = address; at < end; at += STREAM_BYTES) {
    chachaStream(key, nonce, block);
    block += 4;
    const left = min(<u32>(end - at), STREAM_BYTES);
    let i: u32 = 0;
    for (; i + 16 <= left; i += 16) {
      v128.store(at + i, v128.xor(v128.load(at + i), v128.load(CHACHA_STREAM + i)));
    }
    for (; i < left; i++) store<u8>(at + i, load<u8>(at + i) ^ load<u8>(CHACHA_STREAM + i));
  }
}
