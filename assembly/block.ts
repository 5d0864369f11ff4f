// Blowfish's blocks: big-endian in memory, and as the cipher works on them a u64 with the left half in its upper 32
// bits. A block that is in memory either way, as those of the lanes do, never leaves the vector registers.

/** WebAssembly has no instruction that swaps the bytes of a scalar: they would take twenty. */
function swap(blocks: v128): v128 {
  return v128.shuffle<u8>(blocks, blocks, 7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8);
}

export function loadBlock(address: usize): u64 {
  return i64x2.extract_lane(swap(v128.load64_zero(address)), 0);
}

export function storeBlock(address: usize, block: u64): void {
  v128.store64_lane(address, swap(i64x2.splat(block)), 0);
}

/** Takes a block into a lane. */
export function blockIn(lane: usize, from: usize): void {
  v128.store64_lane(lane, swap(v128.load64_zero(from)), 0);
}

/** Takes a block into a lane, mixed with what is there. */
export function blockChainedIn(lane: usize, from: usize): void {
  v128.store64_lane(lane, v128.xor(v128.load64_zero(lane), swap(v128.load64_zero(from))), 0);
}

/** Writes a lane's block. */
export function blockOut(lane: usize, to: usize): void {
  v128.store64_lane(to, swap(v128.load64_zero(lane)), 0);
}

/** Writes a lane's block, mixed with the one at `before`. */
export function blockChainedOut(lane: usize, to: usize, before: usize): void {
  v128.store64_lane(to, v128.xor(swap(v128.load64_zero(lane)), v128.load64_zero(before)), 0);
}
