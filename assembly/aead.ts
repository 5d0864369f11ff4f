// ChaCha20-Poly1305 (RFC 8439 §2.8) without additional data, in place. Block 0 of the key stream is the one-time
// key; it is made together with blocks 1 to 3, which most of a small datagram needs. From then on Poly1305 takes the ciphertext
// that is there while ChaCha20 makes what comes next (chacha20.ts).
import { chachaBlocks, firstBytes, MAC_BYTES, STREAM_BYTES, xorStream } from './chacha20';
import { AEAD_LAST, AEAD_TAG, CHACHA_STREAM, ZEROS } from './layout';
import { polyBegin, polyBlocks, polyEnd } from './poly1305';

export const TAG_BYTES: u32 = 16;
const BLOCK_BYTES: u32 = 64;
/** Bytes of data that the blocks made with block 0 reach. */
const FIRST_BYTES: u32 = STREAM_BYTES - BLOCK_BYTES;

/** Makes blocks 0 to 3 of the key stream and begins with the one-time key. */
function begin(key: usize, nonce: usize): void {
  chachaBlocks(CHACHA_STREAM, ZEROS, key, nonce, 0, 0, 0);
  polyBegin(CHACHA_STREAM);
}

/**
 * Encrypts `length` bytes in place and writes the tag behind them.
 * @param key address of the 32-byte key
 * @param nonce address of the 12-byte nonce
 */
export function aeadSeal(at: usize, length: u32, key: usize, nonce: usize): void {
  begin(key, nonce);
  xorStream(at, CHACHA_STREAM + BLOCK_BYTES, min(length, FIRST_BYTES));
  let taken: u32 = 0;
  let done = FIRST_BYTES;
  for (let block: u32 = 4; done < length; block += 4) {
    const data = at + done;
    const left = length - done;
    const whole = left >= STREAM_BYTES;
    const to = whole ? data : CHACHA_STREAM;
    chachaBlocks(to, whole ? data : ZEROS, key, nonce, block, at + taken, done - taken);
    if (!whole) xorStream(data, CHACHA_STREAM, left);
    taken = done;
    done += STREAM_BYTES;
  }
  end(at, taken, length, at + length);
}

/**
 * Whether the tag behind `length` bytes is theirs. If it is, aeadDecrypt may follow at once.
 * @param key address of the 32-byte key
 * @param nonce address of the 12-byte nonce
 */
export function aeadVerify(at: usize, length: u32, key: usize, nonce: usize): bool {
  begin(key, nonce);
  let taken: u32 = 0;
  for (let made = STREAM_BYTES; made < BLOCK_BYTES + length; made += STREAM_BYTES) {
    const stream = CHACHA_STREAM + made;
    const next = min(length - taken, MAC_BYTES) & ~15;
    chachaBlocks(stream, ZEROS, key, nonce, made / BLOCK_BYTES, at + taken, next);
    taken += next;
  }
  end(at, taken, length, AEAD_TAG);
  const tag = at + length;
  const difference = (load<u64>(tag) ^ load<u64>(AEAD_TAG)) | (load<u64>(tag, 8) ^ load<u64>(AEAD_TAG, 8));
  return difference == 0;
}

/** Decrypts in place what aeadVerify has just verified, with the key stream that it has made. */
export function aeadDecrypt(at: usize, length: u32): void {
  xorStream(at, CHACHA_STREAM + BLOCK_BYTES, length);
}

/**
 * The tag of ciphertext: of it, zeros to a whole block, and the lengths of the additional data and of it.
 * @param taken bytes that Poly1305 has, whole blocks
 */
function end(at: usize, taken: u32, length: u32, tag: usize): void {
  const whole = length & ~15;
  polyBlocks(at + taken, whole - taken);
  const rest = length - whole;
  v128.store(AEAD_LAST, v128.and(v128.load(at + whole), firstBytes(rest)));
  store<u64>(AEAD_LAST, 0, 16);
  store<u64>(AEAD_LAST, length, 24);
  if (rest > 0) polyBlocks(AEAD_LAST, 32);
  else polyBlocks(AEAD_LAST + 16, 16);
  polyEnd(tag);
}
