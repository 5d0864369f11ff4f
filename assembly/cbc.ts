// CBC with PKCS#7 padding (RFC 5652 §6.3) over Blowfish, in place; under the key of slot 0 where
// nothing else is said.
//
// Decrypting has several blocks to work on at once (lanes.ts) within a datagram, because each needs only the
// ciphertext before it. Encrypting has them only across datagrams: when one ends the next takes its lane. A datagram
// that is alone is encrypted by the plain kernel of blowfish.ts, one block at a time.
import { blockChainedIn, blockChainedOut, blockIn, blockOut, loadBlock, storeBlock } from './block';
import { encryptBlock } from './blowfish';
import { laneRounds, laneRoundsApart } from './lanes';
import {
  KEY_P,
  KEY_P_BACK,
  LANE_BLOCKS,
  LANE_CHAIN,
  LANE_COUNT,
  LANE_IDLE,
  LANE_SPAN_BYTES,
  LANE_SPANS,
  LANES,
  SESSION_IV,
  sessionAt,
} from './layout';
import { scheduleInto } from './schedule';

/** Bytes that the lanes decrypt at once. */
const STEP: u32 = LANE_COUNT << 3;

/** The block of a lane. */
function laneBlock(lane: u32): usize {
  return LANE_BLOCKS + ((<usize>lane) << 3);
}

/** Decrypts from `start` to `end`. @param iv address of the IV, or of the block of ciphertext before */
function decrypt(start: usize, end: usize, iv: usize): void {
  store<u64>(LANE_CHAIN, load<u64>(iv));
  let at = start;
  for (; at + STEP <= end; at += STEP) {
    blockIn(laneBlock(0), at);
    blockIn(laneBlock(1), at + 8);
    blockIn(laneBlock(2), at + 16);
    blockIn(laneBlock(3), at + 24);
    blockIn(laneBlock(4), at + 32);
    laneRounds(KEY_P_BACK);
    // Backwards, because each needs the ciphertext before it.
    const chain = load<u64>(at, 32);
    blockChainedOut(laneBlock(4), at + 32, at + 24);
    blockChainedOut(laneBlock(3), at + 24, at + 16);
    blockChainedOut(laneBlock(2), at + 16, at + 8);
    blockChainedOut(laneBlock(1), at + 8, at);
    blockChainedOut(laneBlock(0), at, LANE_CHAIN);
    store<u64>(LANE_CHAIN, chain);
  }
  if (at == end) return;
  // The lanes that have nothing left to do work on what they had.
  const count = <u32>(end - at) >>> 3;
  for (let i: u32 = 0; i < count; i++) blockIn(laneBlock(i), at + (i << 3));
  laneRounds(KEY_P_BACK);
  for (let i = count - 1; i > 0; i--) {
    const block = at + (i << 3);
    blockChainedOut(laneBlock(i), block, block - 8);
  }
  blockChainedOut(laneBlock(0), at, LANE_CHAIN);
}

/** What cbcOpenEnd decrypts of `length` bytes. */
function endOf(length: u32): u32 {
  return min(length, STEP);
}

/**
 * Decrypts the last five blocks of `length` bytes at `address`, and checks the padding. CBC can be read from
 * anywhere, so that what is wrong at its end costs no more than that.
 * @param length a multiple of 8, at least 8; the caller has checked it
 * @param iv address of the 8-byte IV
 * @returns the length without the padding, or -1 when that is not PKCS#7
 */
export function cbcOpenEnd(address: usize, length: u32, iv: usize): i32 {
  const end = address + length;
  const start = end - endOf(length);
  decrypt(start, end, start == address ? iv : start - 8);
  const pad: u32 = load<u8>(end - 1);
  if (pad < 1 || pad > 8) return -1;
  for (let i: u32 = 2; i <= pad; i++) if (load<u8>(end - i) != pad) return -1;
  return length - pad;
}

/** Decrypts what cbcOpenEnd has left. */
export function cbcOpenRest(address: usize, length: u32, iv: usize): void {
  decrypt(address, address + length - endOf(length), iv);
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

// A lane that encrypts: u32 where it is, u32 bytes left, u32 session.
const LANE_BYTES: usize = 12;
const LANES_END: usize = LANES + <usize>LANE_COUNT * LANE_BYTES;
const LANE_LEFT: usize = 4;
const LANE_SESSION: usize = 8;

/**
 * Encrypts the padded spans of LANE_SPANS, each under its session's key. Where they are all of one session, the lanes
 * share slot 0, as four schedules more would take the first-level cache from what else is at work; otherwise each
 * lane has its own slot.
 */
export function cbcEncryptSpans(spans: u32): void {
  if (spans == 0) return;
  const end = LANE_SPANS + <usize>spans * LANE_SPAN_BYTES;
  const session = load<u32>(LANE_SPANS, LANE_SESSION);
  let apart = false;
  for (let span = LANE_SPANS; span < end; span += LANE_SPAN_BYTES) {
    if (load<u32>(span, LANE_SESSION) != session) apart = true;
  }
  if (!apart) scheduleInto(0, session);
  for (let lane = LANES; lane < LANES_END; lane += LANE_BYTES) store<u32>(lane, 0, LANE_LEFT);
  let next = LANE_SPANS;
  for (;;) {
    let busy: u32 = 0;
    let one: u32 = 0;
    let shortest = u32.MAX_VALUE;
    for (let i: u32 = 0; i < LANE_COUNT; i++) {
      const lane = laneAt(i);
      if (load<u32>(lane, LANE_LEFT) == 0) {
        if (next == end) continue;
        memory.copy(lane, next, LANE_BYTES);
        next += LANE_SPAN_BYTES;
        const owner = load<u32>(lane, LANE_SESSION);
        store<u64>(laneBlock(i), loadBlock(sessionAt(owner) + SESSION_IV));
        if (apart) scheduleInto(i, owner);
      }
      busy++;
      one = i;
      shortest = min(shortest, load<u32>(lane, LANE_LEFT));
    }
    if (busy == 0) return;
    if (busy == 1) {
      const lane = laneAt(one);
      scheduleInto(0, load<u32>(lane, LANE_SESSION));
      encryptOne(load<u32>(lane), load<u32>(lane, LANE_LEFT), load<u64>(laneBlock(one)));
      return;
    }
    encryptLanes(shortest, apart);
    for (let lane = LANES; lane < LANES_END; lane += LANE_BYTES) {
      const left = load<u32>(lane, LANE_LEFT);
      if (left == 0) continue;
      store<u32>(lane, load<u32>(lane) + shortest);
      store<u32>(lane, left - shortest, LANE_LEFT);
    }
  }
}

function laneAt(lane: u32): usize {
  return LANES + <usize>lane * LANE_BYTES;
}

/** Takes the lanes that have something left through `length` bytes; a lane's block is its chain. */
function encryptLanes(length: u32, apart: bool): void {
  let p0 = placeOf(0);
  let p1 = placeOf(1);
  let p2 = placeOf(2);
  let p3 = placeOf(3);
  let p4 = placeOf(4);
  const s0 = strideOf(0);
  const s1 = strideOf(1);
  const s2 = strideOf(2);
  const s3 = strideOf(3);
  const s4 = strideOf(4);
  for (let left = length; left > 0; left -= 8) {
    blockChainedIn(laneBlock(0), p0);
    blockChainedIn(laneBlock(1), p1);
    blockChainedIn(laneBlock(2), p2);
    blockChainedIn(laneBlock(3), p3);
    blockChainedIn(laneBlock(4), p4);
    if (apart) laneRoundsApart();
    else laneRounds(KEY_P);
    blockOut(laneBlock(0), p0);
    blockOut(laneBlock(1), p1);
    blockOut(laneBlock(2), p2);
    blockOut(laneBlock(3), p3);
    blockOut(laneBlock(4), p4);
    p0 += s0;
    p1 += s1;
    p2 += s2;
    p3 += s3;
    p4 += s4;
  }
}

/** Where a lane begins; one that has nothing left encrypts the same eight bytes again and again. */
function placeOf(lane: u32): usize {
  return load<u32>(laneAt(lane), LANE_LEFT) == 0 ? LANE_IDLE : load<u32>(laneAt(lane));
}

function strideOf(lane: u32): usize {
  return load<u32>(laneAt(lane), LANE_LEFT) == 0 ? 0 : 8;
}
