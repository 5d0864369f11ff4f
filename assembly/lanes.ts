// Blowfish, five blocks side by side, under the active key.
//
// A block is a chain of dependent lookups, about thirteen cycles a round; a processor follows several such chains at
// once. Five keep it busy, and their halves still find registers on x86-64.
import { f } from './blowfish';
import { LANE_BLOCKS, LANE_HALVES } from './layout';

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
 * One round of one lane: the half at `address` becomes the other one of the next round.
 *
 * It stands in memory as well as in a local, for two reasons. Binaryen would move each lane's rounds together, and
 * TurboFan each round's additions to where their sum is used: five lanes would then run like one, or every lookup
 * wait on the stack for its turn. Neither moves anything across a store. And when the half is wanted again, two
 * rounds later, it is read from there: so it needs no register meanwhile.
 */
function mix(half: u32, address: usize, key: u32): u32 {
  const mixed = load<u32>(address) ^ key ^ f(half);
  store<u32>(address, mixed);
  return mixed;
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
 * Encrypts the five blocks of LANE_BLOCKS in place; or decrypts them, by the words of P the other way round.
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
    r0 = mix(l0, RIGHT0, key);
    r1 = mix(l1, RIGHT1, key);
    r2 = mix(l2, RIGHT2, key);
    r3 = mix(l3, RIGHT3, key);
    r4 = mix(l4, RIGHT4, key);
    key = load<u32>(at, 8);
    l0 = mix(r0, LEFT0, key);
    l1 = mix(r1, LEFT1, key);
    l2 = mix(r2, LEFT2, key);
    l3 = mix(r3, LEFT3, key);
    l4 = mix(r4, LEFT4, key);
    key = load<u32>(at, 12);
    r0 = mix(l0, RIGHT0, key);
    r1 = mix(l1, RIGHT1, key);
    r2 = mix(l2, RIGHT2, key);
    r3 = mix(l3, RIGHT3, key);
    r4 = mix(l4, RIGHT4, key);
    key = load<u32>(at, 16);
    l0 = mix(r0, LEFT0, key);
    l1 = mix(r1, LEFT1, key);
    l2 = mix(r2, LEFT2, key);
    l3 = mix(r3, LEFT3, key);
    l4 = mix(r4, LEFT4, key);
  }
  key = load<u32>(keys, 68);
  end(0, l0, r0, key);
  end(1, l1, r1, key);
  end(2, l2, r2, key);
  end(3, l3, r3, key);
  end(4, l4, r4, key);
}
