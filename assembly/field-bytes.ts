// Numbers of the field as bytes: what is decoded is up to twice as large as what is reduced.
import { PLACE } from './field';

/** Limbs whose places a word of 64 bits has; they begin at 0, 64, 128 and 192. */
const WORD_LIMBS: usize = 3;
const WORD_BYTES: usize = 8 * WORD_LIMBS;

/** Bits of a limb. */
function width(limb: u32): u32 {
  return limb & 3 ? 21 : 22;
}

/** Bits of a limb from `bit` of a word on, as a float. */
function limb(out: usize, i: u32, word: u64, bit: u32): void {
  const bits = (word >> bit) & ((1 << width(i)) - 1);
  store<f64>(out + ((<usize>i) << 4), <f64>(<i64>bits) * load<f64>(PLACE + ((<usize>i) << 3)));
}

/**
 * Reads 32 bytes, little-endian; the highest bit is passed over (RFC 7748 §5).
 * @param out an element, or 8 bytes behind one for the second of its numbers
 */
export function decode(out: usize, bytes: usize): void {
  for (let i: u32 = 0; i < 12; i += 3) {
    const word = load<u64>(bytes);
    limb(out, i, word, 0);
    limb(out, i + 1, word, width(i));
    limb(out, i + 2, word, width(i) + width(i + 1));
    bytes += 8;
  }
}

/**
 * Writes the one number below the prime that one of an element stands for, as 32 bytes.
 * @param a a reduced element, or 8 bytes behind one for the second of its numbers
 * @param room 96 bytes
 */
export function encode(bytes: usize, a: usize, room: usize): void {
  for (let i: usize = 0; i < 12; i++) {
    // Times the inverse of its place: processors take different times for a division.
    const inverse = reinterpret<f64>((2046 << 52) - load<u64>(PLACE + (i << 3)));
    store<i64>(room + (i << 3), <i64>(load<f64>(a + (i << 4)) * inverse));
  }
  // How often the prime goes into it, which is -1, 0 or 1: what adding 19 carries beyond 2^255.
  let over = (19 * load<i64>(room, 88) + (1 << 20)) >> 21;
  for (let i: u32 = 0; i < 12; i++) over = (load<i64>(room + ((<usize>i) << 3)) + over) >> width(i);
  over *= 19;
  for (let i: u32 = 0; i < 12; i++) {
    const at = room + ((<usize>i) << 3);
    const limb = load<i64>(at) + over;
    over = limb >> width(i);
    store<i64>(at, limb - (over << width(i)));
  }
  for (let i: u32 = 0; i < 12; i += 3) {
    const second = width(i);
    const third = second + width(i + 1);
    store<u64>(bytes, load<u64>(room) | (load<u64>(room, 8) << second) | (load<u64>(room, 16) << third));
    room += WORD_BYTES;
    bytes += 8;
  }
}
