// ChaCha20-Poly1305 (RFC 8439 §2.8) without additional data, in place. Block 0 of the key stream is the one-time
// key; it is made together with blocks 1 to 3, which most of a small datagram needs.
import { chacha20, chachaStream } from './chacha20';
import { AEAD_LENGTHS, AEAD_TAG, CHACHA_STREAM } from './layout';
import { polyBegin, polyBlocks, polyEnd } from './poly1305';

export const TAG_BYTES: u32 = 16;
/** Bytes of data that the blocks made with block 0 reach. */
const FIRST_BYTES: u32 = 192;

/**
 * Encrypts `length` bytes in place and writes the tag behind them.
 * @param key address of the 32-byte key
 * @param nonce address of the 12-byte nonce
 */
export function aeadSeal(at: usize, length: u32, key: usize, nonce: usize): void {
  chachaStream(key, nonce, 0);
  polyBegin(CHACHA_STREAM);
  crypt(at, length, key, nonce);
  authenticate(at, length, at + length);
}

/**
 * Whether the tag behind `length` bytes is theirs. If it is, aeadDecrypt may follow at once.
 * @param key address of the 32-byte key
 * @param nonce address of the 12-byte nonce
 */
export function aeadVerify(at: usize, length: u32, key: usize, nonce: usize): bool {
  chachaStream(key, nonce, 0);
  polyBegin(CHACHA_STREAM);
  authenticate(at, length, AEAD_TAG);
  const tag = at + length;
  const difference = (load<u64>(tag) ^ load<u64>(AEAD_TAG)) | (load<u64>(tag, 8) ^ load<u64>(AEAD_TAG, 8));
  return difference == 0;
}

/** Decrypts in place what aeadVerify has just verified. */
export function aeadDecrypt(at: usize, length: u32, key: usize, nonce: usize): void {
  crypt(at, length, key, nonce);
}

/** Encrypts or decrypts; blocks 0 to 3 stand ready in CHACHA_STREAM. */
function crypt(at: usize, length: u32, key: usize, nonce: usize): void {
  const first = min(length, FIRST_BYTES);
  const stream = CHACHA_STREAM + 64;
  let i: u32 = 0;
  for (; i + 16 <= first; i += 16) {
    v128.store(at + i, v128.xor(v128.load(at + i), v128.load(stream + i)));
  }
  for (; i < first; i++) store<u8>(at + i, load<u8>(at + i) ^ load<u8>(stream + i));
  if (length > FIRST_BYTES) chacha20(at + FIRST_BYTES, length - FIRST_BYTES, key, nonce, 4);
}

/** The tag of ciphertext: of it, zeros to a whole block, and the lengths of the additional data and of it. */
function authenticate(at: usize, length: u32, tag: usize): void {
  const whole = length & ~15;
  polyBlocks(at, whole);
  if (whole != length) {
    v128.store(AEAD_LENGTHS, i32x4.splat(0));
    memory.copy(AEAD_LENGTHS, at + whole, length - whole);
    polyBlocks(AEAD_LENGTHS, 16);
  }
  store<u64>(AEAD_LENGTHS, 0);
  store<u64>(AEAD_LENGTHS, length, 8);
  polyBlocks(AEAD_LENGTHS, 16);
  polyEnd(tag);
}
