// Poly1305 (RFC 8439 §2.5) of whole blocks: the AEAD pads what it authenticates to 16 bytes (§2.8).
//
// Numbers stand in 32-bit limbs. Clamping (§2.5.1) leaves each limb of r below 2^28, so that the five products
// of a sum stay below 2^64; and it makes r1, r2, r3 multiples of 4, so that what passes 2^130 comes back by
// 2^128 · ri = (5/4) · ri. Constant-time: no lookup and no branch depends on key or data.
import { POLY } from './layout';

// State, at POLY: r (4 × u32), s (16 bytes), the sum (4 × u32 and what is above, u32), the carry that it still lacks (u32).
const S: usize = 16;
const SUM: usize = 32;
const TOP: usize = 48;
const CARRY: usize = 52;
const STATE_BYTES: usize = 56;

const LOW: u64 = 0xffffffff;

/** Begins. @param key address of the 32-byte one-time key */
export function polyBegin(key: usize): void {
  store<u32>(POLY, load<u32>(key) & 0x0fffffff);
  store<u32>(POLY, load<u32>(key, 4) & 0x0ffffffc, 4);
  store<u32>(POLY, load<u32>(key, 8) & 0x0ffffffc, 8);
  store<u32>(POLY, load<u32>(key, 12) & 0x0ffffffc, 12);
  memory.copy(POLY + S, key + 16, 16);
  memory.fill(POLY + SUM, 0, STATE_BYTES - SUM);
}

/** Takes whole blocks. @param length bytes, a multiple of 16 */
export function polyBlocks(at: usize, length: u32): void {
  const r0: u64 = load<u32>(POLY);
  const r1: u64 = load<u32>(POLY, 4);
  const r2: u64 = load<u32>(POLY, 8);
  const r3: u64 = load<u32>(POLY, 12);
  const s1 = r1 + (r1 >>> 2);
  const s2 = r2 + (r2 >>> 2);
  const s3 = r3 + (r3 >>> 2);
  let h0: u64 = load<u32>(POLY + SUM);
  let h1: u64 = load<u32>(POLY + SUM, 4);
  let h2: u64 = load<u32>(POLY + SUM, 8);
  let h3: u64 = load<u32>(POLY + SUM, 12);
  let h4: u64 = load<u32>(POLY + TOP);
  let carry: u64 = load<u32>(POLY + CARRY);
  for (const end = at + length; at < end; at += 16) {
    h0 += carry + load<u32>(at);
    h1 += load<u32>(at, 4) + (h0 >>> 32);
    h2 += load<u32>(at, 8) + (h1 >>> 32);
    h3 += load<u32>(at, 12) + (h2 >>> 32);
    h4 += 1 + (h3 >>> 32);
    h0 &= LOW;
    h1 &= LOW;
    h2 &= LOW;
    h3 &= LOW;
    const d0 = h0 * r0 + h1 * s3 + h2 * s2 + h3 * s1;
    const d1 = h0 * r1 + h1 * r0 + h2 * s3 + h3 * s2 + h4 * s1 + (d0 >>> 32);
    const d2 = h0 * r2 + h1 * r1 + h2 * r0 + h3 * s3 + h4 * s2 + (d1 >>> 32);
    const d3 = h0 * r3 + h1 * r2 + h2 * r1 + h3 * r0 + h4 * s3 + (d2 >>> 32);
    h4 = h4 * r0 + (d3 >>> 32);
    h0 = d0 & LOW;
    h1 = d1 & LOW;
    h2 = d2 & LOW;
    h3 = d3 & LOW;
    carry = (h4 >>> 2) * 5;
    h4 &= 3;
  }
  store<u32>(POLY + SUM, <u32>h0);
  store<u32>(POLY + SUM, <u32>h1, 4);
  store<u32>(POLY + SUM, <u32>h2, 8);
  store<u32>(POLY + SUM, <u32>h3, 12);
  store<u32>(POLY + TOP, <u32>h4);
  store<u32>(POLY + CARRY, <u32>carry);
}

/** Ends; writes the tag of 16 bytes. */
export function polyEnd(tag: usize): void {
  let h0: u64 = <u64>load<u32>(POLY + SUM) + load<u32>(POLY + CARRY);
  let h1: u64 = <u64>load<u32>(POLY + SUM, 4) + (h0 >>> 32);
  let h2: u64 = <u64>load<u32>(POLY + SUM, 8) + (h1 >>> 32);
  let h3: u64 = <u64>load<u32>(POLY + SUM, 12) + (h2 >>> 32);
  const h4: u64 = <u64>load<u32>(POLY + TOP) + (h3 >>> 32);
  h0 &= LOW;
  h1 &= LOW;
  h2 &= LOW;
  h3 &= LOW;
  // The sum is below twice 2^130 - 5: take that away once if adding 5 passes 2^130.
  const g0 = h0 + 5;
  const g1 = h1 + (g0 >>> 32);
  const g2 = h2 + (g1 >>> 32);
  const g3 = h3 + (g2 >>> 32);
  const over = (h4 + (g3 >>> 32)) >>> 2;
  const mask: u64 = 0 - <u64>(over != 0);
  h0 = (h0 & ~mask) | (g0 & mask & LOW);
  h1 = (h1 & ~mask) | (g1 & mask & LOW);
  h2 = (h2 & ~mask) | (g2 & mask & LOW);
  h3 = (h3 & ~mask) | (g3 & mask & LOW);
  h0 += load<u32>(POLY + S);
  h1 += load<u32>(POLY + S, 4) + (h0 >>> 32);
  h2 += load<u32>(POLY + S, 8) + (h1 >>> 32);
  h3 += load<u32>(POLY + S, 12) + (h2 >>> 32);
  store<u32>(tag, <u32>h0);
  store<u32>(tag, <u32>h1, 4);
  store<u32>(tag, <u32>h2, 8);
  store<u32>(tag, <u32>h3, 12);
  memory.fill(POLY, 0, STATE_BYTES);
}
