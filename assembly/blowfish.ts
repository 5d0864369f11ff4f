// Blowfish (Schneier 1993): the block and the key schedule.
//
// Not constant-time: its S-boxes are looked up by key-dependent index, as in every Blowfish in software.
import { PI_WORDS } from './blowfish-tables';
import { KEY_P, KEY_S0, KEY_S1, KEY_S2, KEY_S3, SCHEDULE_BYTES } from './layout';

/** The block as the cipher sees it: big-endian, left half in the upper 32 bits. */
export function loadBlock(address: usize): u64 {
  return bswap<u64>(load<u64>(address));
}

export function storeBlock(address: usize, block: u64): void {
  store<u64>(address, bswap<u64>(block));
}

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

export function encryptBlock(block: u64): u64 {
  let l = <u32>(block >>> 32) ^ p(0);
  let r = <u32>block;
  r ^= f(l) ^ p(1);
  l ^= f(r) ^ p(2);
  r ^= f(l) ^ p(3);
  l ^= f(r) ^ p(4);
  r ^= f(l) ^ p(5);
  l ^= f(r) ^ p(6);
  r ^= f(l) ^ p(7);
  l ^= f(r) ^ p(8);
  r ^= f(l) ^ p(9);
  l ^= f(r) ^ p(10);
  r ^= f(l) ^ p(11);
  l ^= f(r) ^ p(12);
  r ^= f(l) ^ p(13);
  l ^= f(r) ^ p(14);
  r ^= f(l) ^ p(15);
  l ^= f(r) ^ p(16);
  r ^= p(17);
  return ((<u64>r) << 32) | <u64>l;
}

export function decryptBlock(block: u64): u64 {
  let l = <u32>(block >>> 32) ^ p(17);
  let r = <u32>block;
  r ^= f(l) ^ p(16);
  l ^= f(r) ^ p(15);
  r ^= f(l) ^ p(14);
  l ^= f(r) ^ p(13);
  r ^= f(l) ^ p(12);
  l ^= f(r) ^ p(11);
  r ^= f(l) ^ p(10);
  l ^= f(r) ^ p(9);
  r ^= f(l) ^ p(8);
  l ^= f(r) ^ p(7);
  r ^= f(l) ^ p(6);
  l ^= f(r) ^ p(5);
  r ^= f(l) ^ p(4);
  l ^= f(r) ^ p(3);
  r ^= f(l) ^ p(2);
  l ^= f(r) ^ p(1);
  r ^= p(0);
  return ((<u64>r) << 32) | <u64>l;
}

/**
 * Makes the schedule of a key and leaves it as the active one.
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

/** Encrypts `blocks` blocks at `address` in place, each by itself (ECB), under the active key. */
export function blowfishEncrypt(address: usize, blocks: u32): void {
  for (let i: u32 = 0; i < blocks; i++)
    storeBlock(address + (i << 3), encryptBlock(loadBlock(address + (i << 3))));
}

/** Decrypts `blocks` blocks at `address` in place, each by itself (ECB), under the active key. */
export function blowfishDecrypt(address: usize, blocks: u32): void {
  for (let i: u32 = 0; i < blocks; i++)
    storeBlock(address + (i << 3), decryptBlock(loadBlock(address + (i << 3))));
}
