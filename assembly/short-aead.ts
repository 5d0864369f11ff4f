// ChaCha20-Poly1305 (RFC 8439 §2.8) of the few bytes that a message of a handshake seals, with 32 bytes of additional data and a nonce of
// zeros: each key is used once. Blocks one after the other, as there are two or three: aead.ts is for frames.
//
// Poly1305's numbers stand in limbs of 32 bits, each in a u64, with the bounds of poly1305.ts. Constant-time: no lookup and no branch
// depends on key or data, only on lengths.
import { AAD, AAD_BYTES, KEY, SEALED_END, STREAM } from './handshake-layout';

const TAG_BYTES: usize = 16;
const BLOCK_BYTES: u32 = 64;
const TEXT: usize = AAD + AAD_BYTES;

function turn(row: v128, bits: i32): v128 {
  return v128.or(i32x4.shl(row, bits), i32x4.shr_u(row, 32 - bits));
}

/** STREAM = a block of key stream (§2.3): each row a vector, columns side by side, then diagonals once the rows have been turned. */
function block(counter: u32): void {
  const first = i32x4(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574); // "expand 32-byte k"
  const last = i32x4(counter, 0, 0, 0);
  let a = first;
  let b = v128.load(KEY);
  let c = v128.load(KEY, 16);
  let d = last;
  for (let i = 0; i < 20; i++) {
    a = i32x4.add(a, b);
    d = turn(v128.xor(d, a), 16);
    c = i32x4.add(c, d);
    b = turn(v128.xor(b, c), 12);
    a = i32x4.add(a, b);
    d = turn(v128.xor(d, a), 8);
    c = i32x4.add(c, d);
    b = turn(v128.xor(b, c), 7);
    // After a round of columns to the diagonals, after one of those back.
    if (i & 1) {
      b = i32x4.shuffle(b, b, 3, 0, 1, 2);
      d = i32x4.shuffle(d, d, 1, 2, 3, 0);
    } else {
      b = i32x4.shuffle(b, b, 1, 2, 3, 0);
      d = i32x4.shuffle(d, d, 3, 0, 1, 2);
    }
    c = i32x4.shuffle(c, c, 2, 3, 0, 1);
  }
  v128.store(STREAM, i32x4.add(a, first));
  v128.store(STREAM, i32x4.add(b, v128.load(KEY)), 16);
  v128.store(STREAM, i32x4.add(c, v128.load(KEY, 16)), 32);
  v128.store(STREAM, i32x4.add(d, last), 48);
}

/** XORs key stream to the text, up to whole blocks of 16 bytes. */
function crypt(length: u32): void {
  for (let i: u32 = 0; i < length; i += 16) {
    if (i % BLOCK_BYTES == 0) block(1 + i / BLOCK_BYTES);
    const at = TEXT + i;
    v128.store(at, v128.xor(v128.load(at), v128.load(STREAM + (i % BLOCK_BYTES))));
  }
}

/** What is behind the text to be authenticated: zeros to a whole block, and the lengths. @returns where that ends */
function pad(length: u32): usize {
  const end = TEXT + ((length + 15) & ~15);
  memory.fill(TEXT + length, 0, end - TEXT - length);
  store<u64>(end, AAD_BYTES);
  store<u64>(end, length, 8);
  return end + 16;
}

/** STREAM = the tag of what is from AAD up to `end` (§2.5), whole blocks. */
function authenticate(end: usize): void {
  block(0); // its first half is the one-time key
  const r0: u64 = load<u32>(STREAM) & 0x0fffffff;
  const r1: u64 = load<u32>(STREAM, 4) & 0x0ffffffc;
  const r2: u64 = load<u32>(STREAM, 8) & 0x0ffffffc;
  const r3: u64 = load<u32>(STREAM, 12) & 0x0ffffffc;
  const s1 = r1 + (r1 >>> 2);
  const s2 = r2 + (r2 >>> 2);
  const s3 = r3 + (r3 >>> 2);
  let h0: u64 = 0;
  let h1: u64 = 0;
  let h2: u64 = 0;
  let h3: u64 = 0;
  let carry: u64 = 0;
  for (let at = AAD; at < end; at += 16) {
    h0 += load<u32>(at) + carry;
    h1 += load<u32>(at, 4);
    h2 += load<u32>(at, 8);
    h3 += load<u32>(at, 12) + (1 << 32);
    const d0 = h1 * s3 + h2 * s2 + h3 * s1 + h0 * r0;
    const d1 = h1 * r0 + h2 * s3 + h3 * s2 + h0 * r1 + (d0 >>> 32);
    const d2 = h1 * r1 + h2 * r0 + h3 * s3 + h0 * r2 + (d1 >>> 32);
    const d3 = h1 * r2 + h2 * r1 + h3 * r0 + h0 * r3 + (d2 >>> 32);
    h0 = d0 & 0xffffffff;
    h1 = d1 & 0xffffffff;
    h2 = d2 & 0xffffffff;
    h3 = d3 & 0x3ffffffff;
    carry = (d3 >>> 34) * 5;
  }
  h0 += carry;
  h1 += h0 >>> 32;
  h2 += h1 >>> 32;
  h3 += h2 >>> 32;
  h0 = (h0 & 0xffffffff) + (h3 >>> 34) * 5;
  h1 = (h1 & 0xffffffff) + (h0 >>> 32);
  h2 = (h2 & 0xffffffff) + (h1 >>> 32);
  h3 = (h3 & 0x3ffffffff) + (h2 >>> 32);
  // The sum is below twice 2^130 - 5: 5 is added, and that much taken away, where that passes 2^130.
  let over = ((h0 & 0xffffffff) + 5) >>> 32;
  over = ((h1 & 0xffffffff) + over) >>> 32;
  over = ((h2 & 0xffffffff) + over) >>> 32;
  over = (h3 + over) >>> 34;
  h0 = (h0 & 0xffffffff) + 5 * over + load<u32>(STREAM, 16);
  h1 = (h1 & 0xffffffff) + load<u32>(STREAM, 20) + (h0 >>> 32);
  h2 = (h2 & 0xffffffff) + load<u32>(STREAM, 24) + (h1 >>> 32);
  h3 = h3 + load<u32>(STREAM, 28) + (h2 >>> 32);
  store<u32>(STREAM, <u32>h0);
  store<u32>(STREAM, <u32>h1, 4);
  store<u32>(STREAM, <u32>h2, 8);
  store<u32>(STREAM, <u32>h3, 12);
}

/** Nothing stays but what was sealed or opened, from AAD up to `end`. */
function wipe(end: usize): void {
  memory.fill(KEY, 0, 32);
  memory.fill(end, 0, SEALED_END - end);
}

/** Encrypts `length` bytes behind the additional data with the key at KEY, and writes the tag behind them. */
export function seal(length: u32): void {
  crypt(length);
  authenticate(pad(length));
  v128.store(TEXT + length, v128.load(STREAM));
  wipe(TEXT + length + TAG_BYTES);
}

/** Decrypts `length` bytes behind the additional data, if the tag behind them is theirs. @returns whether it is; if not, all is wiped */
export function open(length: u32): bool {
  const tag = v128.load(TEXT + length);
  authenticate(pad(length));
  const authentic = !v128.any_true(v128.xor(tag, v128.load(STREAM)));
  if (authentic) crypt(length);
  wipe(authentic ? TEXT + length : AAD);
  return authentic;
}
