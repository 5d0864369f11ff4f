// CBC with PKCS#7 padding (RFC 5652 §6.3) over Blowfish, in place, under the active key.
//
// A block is a chain of dependent lookups, and a processor follows about four such chains at once. Decrypting
// has them within a datagram, because each block needs only the ciphertext before it. Encrypting has them only
// across datagrams: four are worked on side by side, and when one ends the next takes its lane. What is left
// over, and a datagram that is alone, goes through the plain kernel of blowfish.ts, one block at a time.
import { decryptBlock, encryptBlock, f, loadBlock, p, storeBlock } from './blowfish';
import { LANE_BARRIER, LANE_SPANS, LANES } from './layout';

// A lane is one u64, the left half above the right, so that the halves change places by a rotation.
function round(lane: u64, key: u32): u64 {
  return rotl<u64>(lane, 32) ^ ((<u64>(f(<u32>(lane >>> 32)) ^ key)) << 32);
}

/** The last change of places, with the last word of P. */
function finish(lane: u64, key: u32): u64 {
  return rotl<u64>(lane, 32) ^ ((<u64>key) << 32);
}

/**
 * Binaryen would move each lane's lookups together again, and four lanes would then run like one. It does not
 * move them across a store: this one is there for that alone, and nobody reads what it writes.
 */
function barrier(s0: u64, s1: u64, s2: u64, s3: u64): void {
  store<u64>(LANE_BARRIER, s0);
  store<u64>(LANE_BARRIER, s1, 8);
  store<u64>(LANE_BARRIER, s2, 16);
  store<u64>(LANE_BARRIER, s3, 24);
}

/** Decrypts four blocks that follow each other; returns the last one's ciphertext. */
function decryptFour(at: usize, chain: u64): u64 {
  const c0 = loadBlock(at);
  const c1 = loadBlock(at + 8);
  const c2 = loadBlock(at + 16);
  const c3 = loadBlock(at + 24);
  const first = (<u64>p(17)) << 32;
  let s0 = c0 ^ first;
  let s1 = c1 ^ first;
  let s2 = c2 ^ first;
  let s3 = c3 ^ first;
  for (let i: usize = 16; i > 0; i--) {
    const key = p(i);
    s0 = round(s0, key);
    s1 = round(s1, key);
    s2 = round(s2, key);
    s3 = round(s3, key);
    barrier(s0, s1, s2, s3);
  }
  const last = p(0);
  storeBlock(at, finish(s0, last) ^ chain);
  storeBlock(at + 8, finish(s1, last) ^ c0);
  storeBlock(at + 16, finish(s2, last) ^ c1);
  storeBlock(at + 24, finish(s3, last) ^ c2);
  return c3;
}

/** Decrypts from `at` to `end`; `chain` is the IV, or the block of ciphertext before. */
function decrypt(start: usize, end: usize, iv: u64): void {
  let at = start;
  let chain = iv;
  for (; at + 32 <= end; at += 32) chain = decryptFour(at, chain);
  for (; at < end; at += 8) {
    const sealed = loadBlock(at);
    storeBlock(at, decryptBlock(sealed) ^ chain);
    chain = sealed;
  }
}

/** What cbcOpenEnd decrypts of `length` bytes. */
function endOf(length: u32): u32 {
  return min(length, 32);
}

/**
 * Decrypts the last four blocks of `length` bytes at `address`, and checks the padding. CBC can be read from
 * anywhere, so that what is wrong at its end costs no more than that.
 * @param length a multiple of 8, at least 8; the caller has checked it
 * @param iv address of the 8-byte IV
 * @returns the length without the padding, or -1 when that is not PKCS#7
 */
export function cbcOpenEnd(address: usize, length: u32, iv: usize): i32 {
  const end = address + length;
  const start = end - endOf(length);
  decrypt(start, end, loadBlock(start == address ? iv : start - 8));
  const pad: u32 = load<u8>(end - 1);
  if (pad < 1 || pad > 8) return -1;
  for (let i: u32 = 2; i <= pad; i++) if (load<u8>(end - i) != pad) return -1;
  return length - pad;
}

/** Decrypts what cbcOpenEnd has left. */
export function cbcOpenRest(address: usize, length: u32, iv: usize): void {
  decrypt(address, address + length - endOf(length), loadBlock(iv));
}

/** Decrypts `length` bytes at `address`; see cbcOpenEnd. */
export function cbcOpen(address: usize, length: u32, iv: usize): i32 {
  const plain = cbcOpenEnd(address, length, iv);
  cbcOpenRest(address, length, iv);
  return plain;
}

/**
 * Pads `length` bytes at `address`.
 * @returns the length with the padding: 1 to 8 bytes more
 */
export function cbcPad(address: usize, length: u32): u32 {
  const pad: u32 = 8 - (length & 7);
  memory.fill(address + length, <u8>pad, pad);
  return length + pad;
}

/** Encrypts `length` bytes, a multiple of 8; `chain` is the IV, or the block of ciphertext before them. */
function encryptOne(address: usize, length: u32, chain: u64): void {
  let running = chain;
  const end = address + length;
  for (let at = address; at < end; at += 8) {
    running = encryptBlock(loadBlock(at) ^ running);
    storeBlock(at, running);
  }
}

/**
 * Pads and encrypts `length` bytes at `address`.
 * @param iv address of the 8-byte IV
 * @returns the length of the ciphertext: 1 to 8 bytes more than `length`
 */
export function cbcSeal(address: usize, length: u32, iv: usize): u32 {
  const padded = cbcPad(address, length);
  encryptOne(address, padded, loadBlock(iv));
  return padded;
}

// A lane in memory: u32 where it is, u32 bytes left, u64 chain.
const LANE_BYTES: usize = 16;
const LANE_LEFT: usize = 4;
const LANE_CHAIN: usize = 8;
const LANE_COUNT: usize = 4;

/** Takes all four lanes through `length` bytes. */
function encryptFour(length: u32): void {
  const a0: usize = load<u32>(LANES);
  const a1: usize = load<u32>(LANES + LANE_BYTES);
  const a2: usize = load<u32>(LANES + 2 * LANE_BYTES);
  const a3: usize = load<u32>(LANES + 3 * LANE_BYTES);
  let s0 = load<u64>(LANES, LANE_CHAIN);
  let s1 = load<u64>(LANES + LANE_BYTES, LANE_CHAIN);
  let s2 = load<u64>(LANES + 2 * LANE_BYTES, LANE_CHAIN);
  let s3 = load<u64>(LANES + 3 * LANE_BYTES, LANE_CHAIN);
  const first = (<u64>p(0)) << 32;
  const last = p(17);
  for (let at: usize = 0; at < length; at += 8) {
    s0 ^= loadBlock(a0 + at) ^ first;
    s1 ^= loadBlock(a1 + at) ^ first;
    s2 ^= loadBlock(a2 + at) ^ first;
    s3 ^= loadBlock(a3 + at) ^ first;
    for (let i: usize = 1; i <= 16; i++) {
      const key = p(i);
      s0 = round(s0, key);
      s1 = round(s1, key);
      s2 = round(s2, key);
      s3 = round(s3, key);
      barrier(s0, s1, s2, s3);
    }
    s0 = finish(s0, last);
    s1 = finish(s1, last);
    s2 = finish(s2, last);
    s3 = finish(s3, last);
    storeBlock(a0 + at, s0);
    storeBlock(a1 + at, s1);
    storeBlock(a2 + at, s2);
    storeBlock(a3 + at, s3);
  }
  store<u64>(LANES, s0, LANE_CHAIN);
  store<u64>(LANES + LANE_BYTES, s1, LANE_CHAIN);
  store<u64>(LANES + 2 * LANE_BYTES, s2, LANE_CHAIN);
  store<u64>(LANES + 3 * LANE_BYTES, s3, LANE_CHAIN);
}

/**
 * Encrypts the padded spans of LANE_SPANS (u32 address, u32 length each), all under the active key.
 * @param iv address of the 8-byte IV
 */
export function cbcEncryptSpans(spans: u32, iv: usize): void {
  const chain = loadBlock(iv);
  let next: u32 = 0;
  for (let lane = LANES; lane < LANES + LANE_COUNT * LANE_BYTES; lane += LANE_BYTES) {
    store<u32>(lane, 0, LANE_LEFT);
  }
  for (;;) {
    let busy: usize = 0;
    let shortest = u32.MAX_VALUE;
    for (let lane = LANES; lane < LANES + LANE_COUNT * LANE_BYTES; lane += LANE_BYTES) {
      if (load<u32>(lane, LANE_LEFT) == 0) {
        if (next == spans) continue;
        store<u64>(lane, load<u64>(LANE_SPANS + ((<usize>next) << 3)));
        next++;
        store<u64>(lane, chain, LANE_CHAIN);
      }
      busy++;
      shortest = min(shortest, load<u32>(lane, LANE_LEFT));
    }
    if (busy < LANE_COUNT) break;
    encryptFour(shortest);
    for (let lane = LANES; lane < LANES + LANE_COUNT * LANE_BYTES; lane += LANE_BYTES) {
      store<u32>(lane, load<u32>(lane) + shortest);
      store<u32>(lane, load<u32>(lane, LANE_LEFT) - shortest, LANE_LEFT);
    }
  }
  for (let lane = LANES; lane < LANES + LANE_COUNT * LANE_BYTES; lane += LANE_BYTES) {
    encryptOne(load<u32>(lane), load<u32>(lane, LANE_LEFT), load<u64>(lane, LANE_CHAIN));
  }
}
