// ChaCha20 (RFC 8439 §2.3, §2.4), four blocks side by side: a vector holds the same word of each. A quarter of the words are in
// memory between their turns, as there are not registers enough.
//
// Between the rounds it takes blocks of a message into Poly1305: that computes with integers alone, so that a processor does both
// in little more time than the rounds take. Poly1305's step is here as well as in poly1305.ts, for it is only in variables
// of the same function that it is quick enough.
// Constant-time: no lookup and no branch depends on key or data.
import { CHACHA_ROWS, CHACHA_STREAM, ZEROS } from './layout';
import { CARRY, H0, H1, H2, H3, LIMB, PAD, R0, R1, R2, R3, S1, S2, S3, TOP, TOP_BITS } from './poly1305';

/** Bytes that chachaBlocks makes: four blocks. */
export const STREAM_BYTES: u32 = 256;
/** Bytes of a message that it takes at most: a block in each round of 20. */
export const MAC_BYTES: u32 = 320;

function rotate16(x: v128): v128 {
  return v128.shuffle<u8>(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
}

function rotate12(x: v128): v128 {
  return v128.or(i32x4.shl(x, 12), i32x4.shr_u(x, 20));
}

// No shuffle: newer V8s make its mask again each time.
function rotate8(x: v128): v128 {
  return v128.or(i32x4.shl(x, 8), i32x4.shr_u(x, 24));
}

function rotate7(x: v128): v128 {
  return v128.or(i32x4.shl(x, 7), i32x4.shr_u(x, 25));
}

function xorInto(to: usize, from: usize, stream: v128): void {
  v128.store(to, v128.xor(v128.load(from), stream));
}

/** Turns four vectors of one word of each block into four words of one block each, and encrypts with them. */
function xorRows(to: usize, from: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab0 = v128.shuffle<u32>(a, b, 0, 4, 1, 5);
  const ab1 = v128.shuffle<u32>(a, b, 2, 6, 3, 7);
  const cd0 = v128.shuffle<u32>(c, d, 0, 4, 1, 5);
  const cd1 = v128.shuffle<u32>(c, d, 2, 6, 3, 7);
  xorInto(to, from, v128.shuffle<u64>(ab0, cd0, 0, 2));
  xorInto(to + 64, from + 64, v128.shuffle<u64>(ab0, cd0, 1, 3));
  xorInto(to + 128, from + 128, v128.shuffle<u64>(ab1, cd1, 0, 2));
  xorInto(to + 192, from + 192, v128.shuffle<u64>(ab1, cd1, 1, 3));
}

/**
 * XORs four blocks of key stream to STREAM_BYTES from `from` and writes them to `to`, and takes whole blocks of a message
 * into Poly1305 meanwhile.
 * @param key address of the 32-byte key
 * @param nonce address of the 12-byte nonce
 * @param counter of the first block
 * @param mac address of the message; it is read before anything is written
 * @param macBytes a multiple of 16, MAC_BYTES at most
 */
export function chachaBlocks(
  to: usize,
  from: usize,
  key: usize,
  nonce: usize,
  counter: u32,
  mac: usize,
  macBytes: u32,
): void {
  const counters = i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3));
  // "expand 32-byte k"
  const c0 = i32x4.splat(0x61707865);
  const c1 = i32x4.splat(0x3320646e);
  const c2 = i32x4.splat(0x79622d32);
  const c3 = i32x4.splat(0x6b206574);
  let x0 = c0;
  let x1 = c1;
  let x2 = c2;
  let x3 = c3;
  let x4 = v128.load32_splat(key);
  let x5 = v128.load32_splat(key + 4);
  let x6 = v128.load32_splat(key + 8);
  let x7 = v128.load32_splat(key + 12);
  let x8 = v128.load32_splat(key + 16);
  let x9 = v128.load32_splat(key + 20);
  let x10 = v128.load32_splat(key + 24);
  let x11 = v128.load32_splat(key + 28);
  v128.store(CHACHA_ROWS, x8);
  v128.store(CHACHA_ROWS + 16, x9);
  v128.store(CHACHA_ROWS + 32, x10);
  v128.store(CHACHA_ROWS + 48, x11);
  let x12 = counters;
  let x13 = v128.load32_splat(nonce);
  let x14 = v128.load32_splat(nonce + 4);
  let x15 = v128.load32_splat(nonce + 8);
  const r0 = load<u64>(R0);
  const r1 = load<u64>(R1);
  const r2 = load<u64>(R2);
  const r3 = load<u64>(R3);
  const s1 = load<u64>(S1);
  const s2 = load<u64>(S2);
  const s3 = load<u64>(S3);
  let h0 = load<u64>(H0);
  let h1 = load<u64>(H1);
  let h2 = load<u64>(H2);
  let h3 = load<u64>(H3);
  let carry = load<u64>(CARRY);
  const end = mac + macBytes;
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
    x8 = i32x4.add(v128.load(CHACHA_ROWS), x12);
    x9 = i32x4.add(v128.load(CHACHA_ROWS + 16), x13);
    x10 = i32x4.add(v128.load(CHACHA_ROWS + 32), x14);
    x11 = i32x4.add(v128.load(CHACHA_ROWS + 48), x15);
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
    v128.store(CHACHA_ROWS, x8);
    v128.store(CHACHA_ROWS + 16, x9);
    v128.store(CHACHA_ROWS + 32, x10);
    v128.store(CHACHA_ROWS + 48, x11);
    x4 = rotate7(v128.xor(x4, x8));
    x5 = rotate7(v128.xor(x5, x9));
    x6 = rotate7(v128.xor(x6, x10));
    x7 = rotate7(v128.xor(x7, x11));
    if (mac < end) {
      h0 += load<u32>(mac);
      h1 += load<u32>(mac, 4);
      h2 += load<u32>(mac, 8);
      h3 += load<u32>(mac, 12) + PAD;
      h0 += carry;
      const d0 = h1 * s3 + h2 * s2 + h3 * s1 + h0 * r0;
      const d1 = h1 * r0 + h2 * s3 + h3 * s2 + h0 * r1 + (d0 >>> 32);
      const d2 = h1 * r1 + h2 * r0 + h3 * s3 + h0 * r2 + (d1 >>> 32);
      const d3 = h1 * r2 + h2 * r1 + h3 * r0 + h0 * r3 + (d2 >>> 32);
      h0 = d0 & LIMB;
      h1 = d1 & LIMB;
      h2 = d2 & LIMB;
      h3 = d3 & TOP;
      carry = (d3 >>> TOP_BITS) * 5;
      mac += 16;
    }
    // And on the diagonals.
    x0 = i32x4.add(x0, x5);
    x1 = i32x4.add(x1, x6);
    x2 = i32x4.add(x2, x7);
    x3 = i32x4.add(x3, x4);
    x15 = rotate16(v128.xor(x15, x0));
    x12 = rotate16(v128.xor(x12, x1));
    x13 = rotate16(v128.xor(x13, x2));
    x14 = rotate16(v128.xor(x14, x3));
    x10 = i32x4.add(v128.load(CHACHA_ROWS + 32), x15);
    x11 = i32x4.add(v128.load(CHACHA_ROWS + 48), x12);
    x8 = i32x4.add(v128.load(CHACHA_ROWS), x13);
    x9 = i32x4.add(v128.load(CHACHA_ROWS + 16), x14);
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
    v128.store(CHACHA_ROWS + 32, x10);
    v128.store(CHACHA_ROWS + 48, x11);
    v128.store(CHACHA_ROWS, x8);
    v128.store(CHACHA_ROWS + 16, x9);
    x5 = rotate7(v128.xor(x5, x10));
    x6 = rotate7(v128.xor(x6, x11));
    x7 = rotate7(v128.xor(x7, x8));
    x4 = rotate7(v128.xor(x4, x9));
    if (mac < end) {
      h0 += load<u32>(mac);
      h1 += load<u32>(mac, 4);
      h2 += load<u32>(mac, 8);
      h3 += load<u32>(mac, 12) + PAD;
      h0 += carry;
      const d0 = h1 * s3 + h2 * s2 + h3 * s1 + h0 * r0;
      const d1 = h1 * r0 + h2 * s3 + h3 * s2 + h0 * r1 + (d0 >>> 32);
      const d2 = h1 * r1 + h2 * r0 + h3 * s3 + h0 * r2 + (d1 >>> 32);
      const d3 = h1 * r2 + h2 * r1 + h3 * r0 + h0 * r3 + (d2 >>> 32);
      h0 = d0 & LIMB;
      h1 = d1 & LIMB;
      h2 = d2 & LIMB;
      h3 = d3 & TOP;
      carry = (d3 >>> TOP_BITS) * 5;
      mac += 16;
    }
  }
  store<u64>(H0, h0);
  store<u64>(H1, h1);
  store<u64>(H2, h2);
  store<u64>(H3, h3);
  store<u64>(CARRY, carry);
  xorRows(to, from, i32x4.add(x0, c0), i32x4.add(x1, c1), i32x4.add(x2, c2), i32x4.add(x3, c3));
  xorRows(
    to + 16,
    from + 16,
    i32x4.add(x4, v128.load32_splat(key)),
    i32x4.add(x5, v128.load32_splat(key + 4)),
    i32x4.add(x6, v128.load32_splat(key + 8)),
    i32x4.add(x7, v128.load32_splat(key + 12)),
  );
  xorRows(
    to + 32,
    from + 32,
    i32x4.add(v128.load(CHACHA_ROWS), v128.load32_splat(key + 16)),
    i32x4.add(v128.load(CHACHA_ROWS + 16), v128.load32_splat(key + 20)),
    i32x4.add(v128.load(CHACHA_ROWS + 32), v128.load32_splat(key + 24)),
    i32x4.add(v128.load(CHACHA_ROWS + 48), v128.load32_splat(key + 28)),
  );
  xorRows(
    to + 48,
    from + 48,
    i32x4.add(x12, counters),
    i32x4.add(x13, v128.load32_splat(nonce)),
    i32x4.add(x14, v128.load32_splat(nonce + 4)),
    i32x4.add(x15, v128.load32_splat(nonce + 8)),
  );
}

/** All bits of the first `count` bytes. @param count 0 to 16 */
export function firstBytes(count: u32): v128 {
  return i8x16.lt_u(i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), i8x16.splat(<i8>count));
}

/** XORs key stream to `length` bytes. Up to 15 bytes behind them are written as they were. */
export function xorStream(at: usize, stream: usize, length: u32): void {
  const whole = length & ~15;
  for (let i: u32 = 0; i < whole; i += 16) xorInto(at + i, at + i, v128.load(stream + i));
  if (whole != length)
    xorInto(at + whole, at + whole, v128.and(v128.load(stream + whole), firstBytes(length - whole)));
}

/**
 * Encrypts or decrypts `length` bytes at `address` in place.
 * @param key address of the 32-byte key
 * @param nonce address of the 12-byte nonce
 * @param counter of the first block
 */
export function chacha20(address: usize, length: u32, key: usize, nonce: usize, counter: u32): void {
  let at = address;
  let left = length;
  let block = counter;
  for (; left >= STREAM_BYTES; left -= STREAM_BYTES) {
    chachaBlocks(at, at, key, nonce, block, 0, 0);
    at += STREAM_BYTES;
    block += 4;
  }
  if (left == 0) return;
  chachaBlocks(CHACHA_STREAM, ZEROS, key, nonce, block, 0, 0);
  xorStream(at, CHACHA_STREAM, left);
}
