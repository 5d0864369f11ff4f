// Blowfish (Schneier 1993): the block and the key schedule.
//
// Not constant-time: its S-boxes are looked up by key-dependent index, as in every Blowfish in software.
import { loadBlock, storeBlock } from './block';
import { PI_WORDS } from './blowfish-tables';
import { KEY_P, KEY_S0, KEY_S1, KEY_S2, KEY_S3, SCHEDULE_BYTES } from './layout';

/** The round function. `(x >>> 14) & 0x3fc` is a byte times four, in one step less than a shift each way. */
export function f(x: u32): u32 {
  return (
    ((load<u32>((x >>> 22) & 0x3fc, KEY_S0) + load<u32>((x >>> 14) & 0x3fc, KEY_S1)) ^
      load<u32>((x >>> 6) & 0x3fc, KEY_S2)) +
    load<u32>((x << 2) & 0x3fc, KEY_S3)
  );
}

/** Word i of P, 0 to 17. */
export function p(i: usize): u32 {
  return load<u32>(KEY_P + (i << 2));
}

// The word of P goes in before the lookups have come: the next round waits for these.
export function encryptBlock(block: u64): u64 {
  let l = <u32>(block >>> 32) ^ p(0);
  let r = <u32>block;
  r = r ^ p(1) ^ f(l);
  l = l ^ p(2) ^ f(r);
  r = r ^ p(3) ^ f(l);
  l = l ^ p(4) ^ f(r);
  r = r ^ p(5) ^ f(l);
  l = l ^ p(6) ^ f(r);
  r = r ^ p(7) ^ f(l);
  l = l ^ p(8) ^ f(r);
  r = r ^ p(9) ^ f(l);
  l = l ^ p(10) ^ f(r);
  r = r ^ p(11) ^ f(l);
  l = l ^ p(12) ^ f(r);
  r = r ^ p(13) ^ f(l);
  l = l ^ p(14) ^ f(r);
  r = r ^ p(15) ^ f(l);
  l = l ^ p(16) ^ f(r);
  r ^= p(17);
  return ((<u64>r) << 32) | <u64>l;
}

export function decryptBlock(block: u64): u64 {
  let l = <u32>(block >>> 32) ^ p(17);
  let r = <u32>block;
  r = r ^ p(16) ^ f(l);
  l = l ^ p(15) ^ f(r);
  r = r ^ p(14) ^ f(l);
  l = l ^ p(13) ^ f(r);
  r = r ^ p(12) ^ f(l);
  l = l ^ p(11) ^ f(r);
  r = r ^ p(10) ^ f(l);
  l = l ^ p(9) ^ f(r);
  r = r ^ p(8) ^ f(l);
  l = l ^ p(7) ^ f(r);
  r = r ^ p(6) ^ f(l);
  l = l ^ p(5) ^ f(r);
  r = r ^ p(4) ^ f(l);
  l = l ^ p(3) ^ f(r);
  r = r ^ p(2) ^ f(l);
  l = l ^ p(1) ^ f(r);
  r ^= p(0);
  return ((<u64>r) << 32) | <u64>l;
}

/**
 * Makes the schedule of a key at KEY_P, in slot 0, which must be nobody's: P and S0 to S3.
 * @param key address of the key
 * @param length bytes of key, 4 to 56; the caller has checked it
 */
export function blowfishExpand(key: usize, length: u32): void {
  memory.copy(KEY_P, PI_WORDS, SCHEDULE_BYTES);
  let at: u32 = 0;
  for (let i: usize = 0; i < 18; i++) {
    let word: u32 = 0;
    for (let byte = 0; byte < 4; byte++) {
      word = (word << 8) | load<u8>(key + at);
      if (++at == length) at = 0;
    }
    store<u32>(KEY_P + (i << 2), p(i) ^ word);
  }
  // 521 encryptions of a running block, each replacing two words of the schedule that made it.
  let block: u64 = 0;
  for (let offset: usize = 0; offset < SCHEDULE_BYTES; offset += 8) {
    block = encryptBlock(block);
    store<u32>(KEY_P + offset, <u32>(block >>> 32));
    store<u32>(KEY_P + offset, <u32>block, 4);
  }
}

/** Encrypts `blocks` blocks at `address` in place, each by itself (ECB), under the key of slot 0. */
export function blowfishEncrypt(address: usize, blocks: u32): void {
  for (let i: u32 = 0; i < blocks; i++)
    storeBlock(address + (i << 3), encryptBlock(loadBlock(address + (i << 3))));
}

/** Decrypts `blocks` blocks at `address` in place, each by itself (ECB), under the key of slot 0. */
export function blowfishDecrypt(address: usize, blocks: u32): void {
  for (let i: u32 = 0; i < blocks; i++)
    storeBlock(address + (i << 3), decryptBlock(loadBlock(address + (i << 3))));
}
