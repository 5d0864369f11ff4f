// Poly1305 (RFC 8439 §2.5) of whole blocks: the AEAD pads what it authenticates to 16 bytes (§2.8).
//
// Numbers are in limbs of 32 bits, each in a u64. Clamping (§2.5.1) makes r1, r2, r3 multiples of 4, so that what
// passes 2^128 comes back by 2^128 · ri = (5/4) · ri = si, modulo 2^130 - 5. It also leaves each limb of r below 2^28, so that the sums
// need no carries: the highest limb of a sum may have 34 bits, and what is above them waits as `carry` for the next block. With a
// block of the message added, the limbs are below 3.25, 2, 2 and 6 times 2^32, and those of r and s below 2^28 and 1.25 · 2^28; so the
// largest product, h0·r0 + h1·s3 + h2·s2 + h3·s1, is below (3.25 + 2.5 + 2.5 + 7.5) · 2^60, which is below 2^64.
// Constant-time: no lookup and no branch depends on key or data.
import { POLY } from './layout';

// State, at POLY, u64 each: r, s1 to s3, the sum, the carry that it still lacks; and what is added in the end, 16 bytes.
export const R0: usize = POLY;
export const R1: usize = POLY + 8;
export const R2: usize = POLY + 16;
export const R3: usize = POLY + 24;
export const S1: usize = POLY + 32;
export const S2: usize = POLY + 40;
export const S3: usize = POLY + 48;
export const H0: usize = POLY + 56;
export const H1: usize = POLY + 64;
export const H2: usize = POLY + 72;
export const H3: usize = POLY + 80;
export const CARRY: usize = POLY + 88;
const LAST: usize = POLY + 96;
const STATE_BYTES: usize = 112;

/** The low limb of a sum. */
export const LIMB: u64 = 0xffffffff;
/** The highest one has this many bits. */
export const TOP_BITS: u64 = 34;
export const TOP: u64 = 0x3ffffffff;
/** 2^128 behind each block (§2.5.1), as it is added to the highest limb. */
export const PAD: u64 = 0x100000000;

/** Begins. @param key address of the 32-byte one-time key */
export function polyBegin(key: usize): void {
  const r1: u64 = load<u32>(key, 4) & 0x0ffffffc;
  const r2: u64 = load<u32>(key, 8) & 0x0ffffffc;
  const r3: u64 = load<u32>(key, 12) & 0x0ffffffc;
  store<u64>(R0, load<u32>(key) & 0x0fffffff);
  store<u64>(R1, r1);
  store<u64>(R2, r2);
  store<u64>(R3, r3);
  store<u64>(S1, r1 + (r1 >>> 2));
  store<u64>(S2, r2 + (r2 >>> 2));
  store<u64>(S3, r3 + (r3 >>> 2));
  store<u64>(H0, 0);
  store<u64>(H1, 0);
  store<u64>(H2, 0);
  store<u64>(H3, 0);
  store<u64>(CARRY, 0);
  v128.store(LAST, v128.load(key, 16));
}

/** Takes whole blocks. @param length bytes, a multiple of 16 */
export function polyBlocks(at: usize, length: u32): void {
  for (const end = at + length; at < end; at += 16) {
    const r0 = load<u64>(R0);
    const r1 = load<u64>(R1);
    const r2 = load<u64>(R2);
    const r3 = load<u64>(R3);
    const s1 = load<u64>(S1);
    const s2 = load<u64>(S2);
    const s3 = load<u64>(S3);
    const h0 = load<u64>(H0) + load<u32>(at) + load<u64>(CARRY);
    const h1 = load<u64>(H1) + load<u32>(at, 4);
    const h2 = load<u64>(H2) + load<u32>(at, 8);
    const h3 = load<u64>(H3) + load<u32>(at, 12) + PAD;
    const d0 = h1 * s3 + h2 * s2 + h3 * s1 + h0 * r0;
    const d1 = h1 * r0 + h2 * s3 + h3 * s2 + h0 * r1 + (d0 >>> 32);
    const d2 = h1 * r1 + h2 * r0 + h3 * s3 + h0 * r2 + (d1 >>> 32);
    const d3 = h1 * r2 + h2 * r1 + h3 * r0 + h0 * r3 + (d2 >>> 32);
    store<u64>(H0, d0 & LIMB);
    store<u64>(H1, d1 & LIMB);
    store<u64>(H2, d2 & LIMB);
    store<u64>(H3, d3 & TOP);
    store<u64>(CARRY, (d3 >>> TOP_BITS) * 5);
  }
}

/** Ends; writes the tag of 16 bytes, and wipes the state. */
export function polyEnd(tag: usize): void {
  let h0 = load<u64>(H0) + load<u64>(CARRY);
  let h1 = load<u64>(H1) + (h0 >>> 32);
  let h2 = load<u64>(H2) + (h1 >>> 32);
  let h3 = load<u64>(H3) + (h2 >>> 32);
  h0 = (h0 & LIMB) + (h3 >>> TOP_BITS) * 5;
  h1 = (h1 & LIMB) + (h0 >>> 32);
  h2 = (h2 & LIMB) + (h1 >>> 32);
  h3 = (h3 & TOP) + (h2 >>> 32);
  h0 &= LIMB;
  h1 &= LIMB;
  h2 &= LIMB;
  // The sum is below twice 2^130 - 5: take that away once if adding 5 passes 2^130.
  const g0 = h0 + 5;
  const g1 = h1 + (g0 >>> 32);
  const g2 = h2 + (g1 >>> 32);
  const g3 = h3 + (g2 >>> 32);
  const mask: u64 = 0 - (g3 >>> TOP_BITS);
  h0 = (h0 & ~mask) | (g0 & mask & LIMB);
  h1 = (h1 & ~mask) | (g1 & mask & LIMB);
  h2 = (h2 & ~mask) | (g2 & mask & LIMB);
  h3 = (h3 & ~mask) | (g3 & mask);
  h0 += load<u32>(LAST);
  h1 += load<u32>(LAST, 4) + (h0 >>> 32);
  h2 += load<u32>(LAST, 8) + (h1 >>> 32);
  h3 += load<u32>(LAST, 12) + (h2 >>> 32);
  store<u32>(tag, <u32>h0);
  store<u32>(tag, <u32>h1, 4);
  store<u32>(tag, <u32>h2, 8);
  store<u32>(tag, <u32>h3, 12);
  for (let i: usize = 0; i < STATE_BYTES; i += 16) v128.store(POLY + i, i32x4.splat(0));
}
