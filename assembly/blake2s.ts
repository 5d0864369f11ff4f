// BLAKE2s with 32 bytes of hash (RFC 7693), HMAC (RFC 2104) and the HKDF of Noise (revision 34, §4.3) with it: what a handshake mixes.
//
// The state of a hash is four rows of four words, each row a vector, as RFC 7693 §3.2 draws them: columns are mixed side by side, and
// so are diagonals once the rows have been turned. Constant-time: nothing here depends on what is hashed but its length.
import { BLOCK, HASH, INPUT, KEY, OUTER, PAD, STATE } from './handshake-layout';

const BLOCK_BYTES: u32 = 64;
const HASH_BYTES: u32 = 32;

/** §2.6. */
const IV = memory.data<u32>(
  [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19],
  16,
);

/** §2.7: which word of the block comes where, as offsets in bytes. */
const SIGMA = memory.data<u8>([
  0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 56, 40, 16, 32, 36, 60, 52, 24, 4, 48, 0, 8,
  44, 28, 20, 12, 44, 32, 48, 0, 20, 8, 60, 52, 40, 56, 12, 24, 28, 4, 36, 16, 28, 36, 12, 4, 52, 48, 44, 56,
  8, 24, 20, 40, 16, 0, 60, 32, 36, 0, 20, 28, 8, 16, 40, 60, 56, 4, 44, 48, 24, 32, 12, 52, 8, 48, 24, 40, 0,
  44, 32, 12, 16, 52, 28, 20, 60, 56, 4, 36, 48, 20, 4, 60, 56, 52, 16, 40, 0, 28, 24, 12, 36, 8, 32, 44, 52,
  44, 28, 56, 48, 4, 12, 36, 20, 0, 60, 16, 32, 24, 8, 40, 24, 60, 56, 36, 44, 12, 0, 32, 48, 8, 52, 28, 4,
  16, 40, 20, 40, 8, 32, 16, 28, 24, 4, 20, 60, 44, 36, 56, 12, 48, 52, 0,
]);

/** Four words of the block: those that entries of SIGMA name, two apart. */
function words(block: usize, sigma: usize): v128 {
  let four = v128.load32_zero(block + load<u8>(sigma));
  four = v128.load_lane<u32>(block + load<u8>(sigma, 2), four, 1);
  four = v128.load_lane<u32>(block + load<u8>(sigma, 4), four, 2);
  return v128.load_lane<u32>(block + load<u8>(sigma, 6), four, 3);
}

/** Each word turned to the right. */
function turn(row: v128, bits: i32): v128 {
  return v128.or(i32x4.shr_u(row, bits), i32x4.shl(row, 32 - bits));
}

/**
 * Takes a block into a state (§3.2).
 * @param count bytes that were hashed, these among them
 */
function compress(state: usize, block: usize, count: u32, last: bool): void {
  const low = v128.load(state);
  const high = v128.load(state, 16);
  let a = low;
  let b = high;
  let c = v128.load(IV);
  let d = v128.xor(v128.load(IV, 16), i32x4(count, 0, last ? -1 : 0, 0));
  for (let sigma = SIGMA, end = SIGMA + 160; sigma < end; sigma += 16) {
    a = i32x4.add(i32x4.add(a, b), words(block, sigma));
    d = turn(v128.xor(d, a), 16);
    c = i32x4.add(c, d);
    b = turn(v128.xor(b, c), 12);
    a = i32x4.add(i32x4.add(a, b), words(block, sigma + 1));
    d = turn(v128.xor(d, a), 8);
    c = i32x4.add(c, d);
    b = turn(v128.xor(b, c), 7);
    b = i32x4.shuffle(b, b, 1, 2, 3, 0);
    c = i32x4.shuffle(c, c, 2, 3, 0, 1);
    d = i32x4.shuffle(d, d, 3, 0, 1, 2);
    a = i32x4.add(i32x4.add(a, b), words(block, sigma + 8));
    d = turn(v128.xor(d, a), 16);
    c = i32x4.add(c, d);
    b = turn(v128.xor(b, c), 12);
    a = i32x4.add(i32x4.add(a, b), words(block, sigma + 9));
    d = turn(v128.xor(d, a), 8);
    c = i32x4.add(c, d);
    b = turn(v128.xor(b, c), 7);
    b = i32x4.shuffle(b, b, 3, 0, 1, 2);
    c = i32x4.shuffle(c, c, 2, 3, 0, 1);
    d = i32x4.shuffle(d, d, 1, 2, 3, 0);
  }
  v128.store(state, v128.xor(low, v128.xor(a, c)));
  v128.store(state, v128.xor(high, v128.xor(b, d)), 16);
}

/** A new state (§2.5). @param keyBytes of the key, 0 when there is none */
function begin(state: usize, keyBytes: u32, hashBytes: u32): void {
  v128.store(state, v128.xor(v128.load(IV), i32x4(0x01010000 | (keyBytes << 8) | hashBytes, 0, 0, 0)));
  v128.store(state, v128.load(IV, 16), 16);
}

/** Takes what is left into a state, which then is the hash. @param before bytes that were hashed, whole blocks */
function finish(state: usize, at: usize, length: u32, before: u32): void {
  for (; length > BLOCK_BYTES; length -= BLOCK_BYTES) {
    before += BLOCK_BYTES;
    compress(state, at, before, false);
    at += BLOCK_BYTES;
  }
  memory.fill(BLOCK, 0, BLOCK_BYTES);
  memory.copy(BLOCK, at, length);
  compress(state, BLOCK, before + length, true);
}

/**
 * HASH = BLAKE2s of what is at INPUT.
 * @param keyBytes of the key at KEY; 0 when there is none, otherwise the input is not empty
 * @param hashBytes how many are asked for, 32 at most
 */
export function hash(length: u32, keyBytes: u32, hashBytes: u32): void {
  begin(HASH, keyBytes, hashBytes);
  if (keyBytes > 0) {
    memory.fill(BLOCK, 0, BLOCK_BYTES);
    memory.copy(BLOCK, KEY, keyBytes);
    compress(HASH, BLOCK, BLOCK_BYTES, false);
  }
  finish(HASH, INPUT, length, keyBytes > 0 ? BLOCK_BYTES : 0);
  memory.fill(BLOCK, 0, BLOCK_BYTES);
}

/**
 * The states of HMAC's two hashes once they have taken the key, 32 bytes.
 * @param empty whether the inner one takes nothing else
 */
function keyed(key: usize, empty: bool): void {
  for (let outer = 0; outer < 2; outer++) {
    const state = outer ? OUTER : STATE;
    const pad = i8x16.splat(outer ? 0x5c : 0x36);
    v128.store(BLOCK, v128.xor(v128.load(key), pad));
    v128.store(BLOCK, v128.xor(v128.load(key, 16), pad), 16);
    v128.store(BLOCK, pad, 32);
    v128.store(BLOCK, pad, 48);
    begin(state, 0, HASH_BYTES);
    compress(state, BLOCK, BLOCK_BYTES, empty && !outer);
  }
}

/** out = HMAC under the key that keyed() took. @param length bytes at `at` */
function mac(out: usize, at: usize, length: u32): void {
  memory.copy(PAD, STATE, HASH_BYTES);
  if (length > 0) finish(PAD, at, length, BLOCK_BYTES);
  memory.copy(out, OUTER, HASH_BYTES);
  finish(out, PAD, HASH_BYTES, BLOCK_BYTES);
}

/**
 * HASH, HASH + 32, HASH + 64 = HKDF of the input under the chaining key at KEY.
 * @param length bytes at INPUT
 * @param outputs 1 to 3
 */
export function hkdf(length: u32, outputs: u32): void {
  keyed(KEY, length === 0);
  mac(KEY, INPUT, length);
  keyed(KEY, false);
  // T(i) = HMAC(T(i - 1) ‖ i)
  for (let i: u32 = 0, before: u32 = 0; i < outputs; i++, before = HASH_BYTES) {
    const out = HASH + <usize>(i * HASH_BYTES);
    if (before > 0) memory.copy(INPUT, out - HASH_BYTES, HASH_BYTES);
    store<u8>(INPUT + before, <u8>(i + 1));
    mac(out, INPUT, before + 1);
  }
  for (let at = STATE; at < BLOCK + BLOCK_BYTES; at += 8) store<u64>(at, 0);
}
