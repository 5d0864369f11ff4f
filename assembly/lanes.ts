// Blowfish, five blocks side by side.
//
// A block is a chain of dependent lookups, about thirteen cycles a round; a processor follows several such chains at
// once. Five keep it busy, and their halves still find registers on x86-64.
import { f } from './blowfish';
import { KEY_P, KEY_S0, KEY_S1, KEY_S2, KEY_S3, KEY_SLOT_BYTES, LANE_BLOCKS, LANE_HALVES } from './layout';

const LEFT0: usize = LANE_HALVES;
const RIGHT0: usize = LANE_HALVES + 4;
const LEFT1: usize = LANE_HALVES + 8;
const RIGHT1: usize = LANE_HALVES + 12;
const LEFT2: usize = LANE_HALVES + 16;
const RIGHT2: usize = LANE_HALVES + 20;
const LEFT3: usize = LANE_HALVES + 24;
const RIGHT3: usize = LANE_HALVES + 28;
const LEFT4: usize = LANE_HALVES + 32;
const RIGHT4: usize = LANE_HALVES + 36;

/**
 * One round of one lane: the half at `address`, with `mixed` of the other one, is the other one of the next round.
 *
 * It is in memory as well as in a local, for two reasons. Binaryen would move each lane's rounds together, and
 * TurboFan each round's additions to where their sum is used: five lanes would then run like one, or every lookup
 * wait on the stack for its turn. Neither moves anything across a store. And when the half is wanted again, two
 * rounds later, it is read from there: so it needs no register meanwhile.
 */
function mix(address: usize, mixed: u32, key: u32): u32 {
  const half = load<u32>(address) ^ key ^ mixed;
  store<u32>(address, half);
  return half;
}

/** Takes a lane's block apart; returns the left half. */
function begin(lane: usize, key: u32): u32 {
  const block = load<u64>(LANE_BLOCKS + (lane << 3));
  const left = <u32>(block >>> 32) ^ key;
  store<u32>(LANE_HALVES + (lane << 3), left);
  store<u32>(LANE_HALVES + (lane << 3), <u32>block, 4);
  return left;
}

/** Puts a lane's block together; the halves change places a last time. */
function end(lane: usize, left: u32, right: u32, key: u32): void {
  store<u64>(LANE_BLOCKS + (lane << 3), ((<u64>(right ^ key)) << 32) | <u64>left);
}

/**
 * Encrypts the five blocks of LANE_BLOCKS in place, under the key of slot 0; or decrypts them, by the words of P the
 * other way round.
 * @param keys KEY_P or KEY_P_BACK
 */
export function laneRounds(keys: usize): void {
  let key = load<u32>(keys);
  let l0 = begin(0, key);
  let r0: u32 = 0;
  let l1 = begin(1, key);
  let r1: u32 = 0;
  let l2 = begin(2, key);
  let r2: u32 = 0;
  let l3 = begin(3, key);
  let r3: u32 = 0;
  let l4 = begin(4, key);
  let r4: u32 = 0;
  for (let at = keys; at < keys + 64; at += 16) {
    key = load<u32>(at, 4);
    r0 = mix(RIGHT0, f(l0), key);
    r1 = mix(RIGHT1, f(l1), key);
    r2 = mix(RIGHT2, f(l2), key);
    r3 = mix(RIGHT3, f(l3), key);
    r4 = mix(RIGHT4, f(l4), key);
    key = load<u32>(at, 8);
    l0 = mix(LEFT0, f(r0), key);
    l1 = mix(LEFT1, f(r1), key);
    l2 = mix(LEFT2, f(r2), key);
    l3 = mix(LEFT3, f(r3), key);
    l4 = mix(LEFT4, f(r4), key);
    key = load<u32>(at, 12);
    r0 = mix(RIGHT0, f(l0), key);
    r1 = mix(RIGHT1, f(l1), key);
    r2 = mix(RIGHT2, f(l2), key);
    r3 = mix(RIGHT3, f(l3), key);
    r4 = mix(RIGHT4, f(l4), key);
    key = load<u32>(at, 16);
    l0 = mix(LEFT0, f(r0), key);
    l1 = mix(LEFT1, f(r1), key);
    l2 = mix(LEFT2, f(r2), key);
    l3 = mix(LEFT3, f(r3), key);
    l4 = mix(LEFT4, f(r4), key);
  }
  key = load<u32>(keys, 68);
  end(0, l0, r0, key);
  end(1, l1, r1, key);
  end(2, l2, r2, key);
  end(3, l3, r3, key);
  end(4, l4, r4, key);
}

// The round function of the other slots, and how far from slot 0 they are.
const SLOT1: usize = KEY_SLOT_BYTES;
const SLOT2: usize = 2 * KEY_SLOT_BYTES;
const SLOT3: usize = 3 * KEY_SLOT_BYTES;
const SLOT4: usize = 4 * KEY_SLOT_BYTES;

function f1(x: u32): u32 {
  return (
    ((load<u32>((x >>> 22) & 0x3fc, KEY_S0 + SLOT1) + load<u32>((x >>> 14) & 0x3fc, KEY_S1 + SLOT1)) ^
      load<u32>((x >>> 6) & 0x3fc, KEY_S2 + SLOT1)) +
    load<u32>((x << 2) & 0x3fc, KEY_S3 + SLOT1)
  );
}

function f2(x: u32): u32 {
  return (
    ((load<u32>((x >>> 22) & 0x3fc, KEY_S0 + SLOT2) + load<u32>((x >>> 14) & 0x3fc, KEY_S1 + SLOT2)) ^
      load<u32>((x >>> 6) & 0x3fc, KEY_S2 + SLOT2)) +
    load<u32>((x << 2) & 0x3fc, KEY_S3 + SLOT2)
  );
}

function f3(x: u32): u32 {
  return (
    ((load<u32>((x >>> 22) & 0x3fc, KEY_S0 + SLOT3) + load<u32>((x >>> 14) & 0x3fc, KEY_S1 + SLOT3)) ^
      load<u32>((x >>> 6) & 0x3fc, KEY_S2 + SLOT3)) +
    load<u32>((x << 2) & 0x3fc, KEY_S3 + SLOT3)
  );
}

function f4(x: u32): u32 {
  return (
    ((load<u32>((x >>> 22) & 0x3fc, KEY_S0 + SLOT4) + load<u32>((x >>> 14) & 0x3fc, KEY_S1 + SLOT4)) ^
      load<u32>((x >>> 6) & 0x3fc, KEY_S2 + SLOT4)) +
    load<u32>((x << 2) & 0x3fc, KEY_S3 + SLOT4)
  );
}

/** Encrypts the five blocks of LANE_BLOCKS in place, each under the key of its lane's own slot. */
export function laneRoundsApart(): void {
  let l0 = begin(0, load<u32>(KEY_P));
  let r0: u32 = 0;
  let l1 = begin(1, load<u32>(KEY_P + SLOT1));
  let r1: u32 = 0;
  let l2 = begin(2, load<u32>(KEY_P + SLOT2));
  let r2: u32 = 0;
  let l3 = begin(3, load<u32>(KEY_P + SLOT3));
  let r3: u32 = 0;
  let l4 = begin(4, load<u32>(KEY_P + SLOT4));
  let r4: u32 = 0;
  for (let at = KEY_P; at < KEY_P + 64; at += 16) {
    r0 = mix(RIGHT0, f(l0), load<u32>(at, 4));
    r1 = mix(RIGHT1, f1(l1), load<u32>(at, 4 + SLOT1));
    r2 = mix(RIGHT2, f2(l2), load<u32>(at, 4 + SLOT2));
    r3 = mix(RIGHT3, f3(l3), load<u32>(at, 4 + SLOT3));
    r4 = mix(RIGHT4, f4(l4), load<u32>(at, 4 + SLOT4));
    l0 = mix(LEFT0, f(r0), load<u32>(at, 8));
    l1 = mix(LEFT1, f1(r1), load<u32>(at, 8 + SLOT1));
    l2 = mix(LEFT2, f2(r2), load<u32>(at, 8 + SLOT2));
    l3 = mix(LEFT3, f3(r3), load<u32>(at, 8 + SLOT3));
    l4 = mix(LEFT4, f4(r4), load<u32>(at, 8 + SLOT4));
    r0 = mix(RIGHT0, f(l0), load<u32>(at, 12));
    r1 = mix(RIGHT1, f1(l1), load<u32>(at, 12 + SLOT1));
    r2 = mix(RIGHT2, f2(l2), load<u32>(at, 12 + SLOT2));
    r3 = mix(RIGHT3, f3(l3), load<u32>(at, 12 + SLOT3));
    r4 = mix(RIGHT4, f4(l4), load<u32>(at, 12 + SLOT4));
    l0 = mix(LEFT0, f(r0), load<u32>(at, 16));
    l1 = mix(LEFT1, f1(r1), load<u32>(at, 16 + SLOT1));
    l2 = mix(LEFT2, f2(r2), load<u32>(at, 16 + SLOT2));
    l3 = mix(LEFT3, f3(r3), load<u32>(at, 16 + SLOT3));
    l4 = mix(LEFT4, f4(r4), load<u32>(at, 16 + SLOT4));
  }
  end(0, l0, r0, load<u32>(KEY_P, 68));
  end(1, l1, r1, load<u32>(KEY_P + SLOT1, 68));
  end(2, l2, r2, load<u32>(KEY_P + SLOT2, 68));
  end(3, l3, r3, load<u32>(KEY_P + SLOT3, 68));
  end(4, l4, r4, load<u32>(KEY_P + SLOT4, 68));
}
