// CRC-32 of IEEE 802.3: polynomial 0x04c11db7 reflected, as zlib computes it (classic.md §3).
import { CRC_TABLES } from './layout';

const POLYNOMIAL: u32 = 0xedb88320;

/** Tables, and bytes of a step. */
const SLICES: u32 = 16;

/** Fills the tables: entry b of table k is the effect of byte b followed by k zero bytes. */
export function crc32Initialise(): void {
  for (let b: u32 = 0; b < 256; b++) {
    let crc = b;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
    store<u32>(CRC_TABLES + (b << 2), crc);
  }
  for (let k: u32 = 1; k < SLICES; k++) {
    for (let b: u32 = 0; b < 256; b++) {
      const before = load<u32>(CRC_TABLES + ((k - 1) << 10) + (b << 2));
      store<u32>(
        CRC_TABLES + (k << 10) + (b << 2),
        (before >>> 8) ^ load<u32>(CRC_TABLES + ((before & 0xff) << 2)),
      );
    }
  }
}

// The effect of four bytes followed by 0, 4, 8 or 12 zero bytes. Each table at a constant address of its own: an offset
// that is added costs a third more.

function slice0(word: u32): u32 {
  return (
    load<u32>((word << 2) & 0x3fc, CRC_TABLES + 0x0c00) ^
    load<u32>((word >>> 6) & 0x3fc, CRC_TABLES + 0x0800) ^
    (load<u32>((word >>> 14) & 0x3fc, CRC_TABLES + 0x0400) ^
      load<u32>((word >>> 22) & 0x3fc, CRC_TABLES + 0x0000))
  );
}

function slice4(word: u32): u32 {
  return (
    load<u32>((word << 2) & 0x3fc, CRC_TABLES + 0x1c00) ^
    load<u32>((word >>> 6) & 0x3fc, CRC_TABLES + 0x1800) ^
    (load<u32>((word >>> 14) & 0x3fc, CRC_TABLES + 0x1400) ^
      load<u32>((word >>> 22) & 0x3fc, CRC_TABLES + 0x1000))
  );
}

function slice8(word: u32): u32 {
  return (
    load<u32>((word << 2) & 0x3fc, CRC_TABLES + 0x2c00) ^
    load<u32>((word >>> 6) & 0x3fc, CRC_TABLES + 0x2800) ^
    (load<u32>((word >>> 14) & 0x3fc, CRC_TABLES + 0x2400) ^
      load<u32>((word >>> 22) & 0x3fc, CRC_TABLES + 0x2000))
  );
}

function slice12(word: u32): u32 {
  return (
    load<u32>((word << 2) & 0x3fc, CRC_TABLES + 0x3c00) ^
    load<u32>((word >>> 6) & 0x3fc, CRC_TABLES + 0x3800) ^
    (load<u32>((word >>> 14) & 0x3fc, CRC_TABLES + 0x3400) ^
      load<u32>((word >>> 22) & 0x3fc, CRC_TABLES + 0x3000))
  );
}

/** CRC-32 of `length` bytes at `address`. */
export function crc32(address: usize, length: u32): u32 {
  let crc: u32 = 0xffffffff;
  let p = address;
  const end = address + length;
  // Slice-by-16: only the first four bytes of a step wait for the step before, the others are looked up meanwhile.
  for (; p + SLICES <= end; p += SLICES) {
    const ahead = slice8(load<u32>(p, 4)) ^ slice4(load<u32>(p, 8)) ^ slice0(load<u32>(p, 12));
    crc = ahead ^ slice12(load<u32>(p) ^ crc);
  }
  for (; p + 4 <= end; p += 4) crc = slice0(load<u32>(p) ^ crc);
  while (p < end) crc = (crc >>> 8) ^ load<u32>(((crc ^ load<u8>(p++)) & 0xff) << 2, CRC_TABLES);
  return ~crc;
}
