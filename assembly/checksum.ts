// The checksum of IP, TCP and UDP (RFC 1071). Words are added as they are in memory: a sum of ones' complement is the
// same in either byte order, as long as what is loaded is stored in the same one.

/** A number of a header, which is there big-endian, as one of the words. */
export function word(value: u32): u32 {
  return bswap<u16>(<u16>value);
}

/** The sum of `length` bytes as 16-bit words; an odd one at the end counts as if a zero followed. Not folded. */
export function sum16(at: usize, length: u32): u64 {
  // Each step adds two words to each of four lanes: 64 KiB overflow none.
  let even = i32x4.splat(0);
  let odd = i32x4.splat(0);
  const end = at + length;
  for (; at + 32 <= end; at += 32) {
    even = i32x4.add(even, i32x4.extadd_pairwise_i16x8_u(v128.load(at)));
    odd = i32x4.add(odd, i32x4.extadd_pairwise_i16x8_u(v128.load(at, 16)));
  }
  const lanes = i32x4.add(even, odd);
  let sum: u64 =
    <u64>(<u32>i32x4.extract_lane(lanes, 0)) +
    <u64>(<u32>i32x4.extract_lane(lanes, 1)) +
    <u64>(<u32>i32x4.extract_lane(lanes, 2)) +
    <u64>(<u32>i32x4.extract_lane(lanes, 3));
  for (; at + 2 <= end; at += 2) sum += load<u16>(at);
  if (at < end) sum += load<u8>(at);
  return sum;
}

/** A sum in 16 bits. */
export function fold(sum: u64): u32 {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return <u32>sum;
}
