// The memory of handshake.ts, one page: what is below SCALAR is tables, from 0x400 on.

/** 32 bytes each: what the host writes, and what it reads; of two computations at once, one behind the other. */
export const SCALAR: usize = 0xa000;
export const POINT: usize = 0xa040;
export const RESULT: usize = 0xa080;
/** What x25519.ts computes with. */
export const ROOM: usize = 0xa0c0;
export const ROOM_BYTES: usize = 0x1000;
/** In it: a factor of a multiplication, one that stays for a whole computation, and a product that is not reduced yet. */
export const EXPANDED: usize = ROOM + 0xc00;
export const FIXED: usize = ROOM + 0xd80;
export const SUMS: usize = ROOM + 0xf00;

/** 32 bytes; what blake2s.ts hashes, INPUT_BYTES at most; and 96 bytes that come of it. */
export const KEY: usize = 0xb0c0;
export const INPUT: usize = 0xb0e0;
export const INPUT_BYTES: u32 = 0x180;
export const HASH: usize = 0xb260;
/** What it computes with: states of 32 bytes, and a block of 64. */
export const STATE: usize = 0xb2c0;
export const OUTER: usize = 0xb2e0;
export const PAD: usize = 0xb300;
export const BLOCK: usize = 0xb320;

/** What short-aead.ts seals or opens: additional data, the text and its tag; and a block of its key stream. */
export const AAD: usize = 0xb360;
export const AAD_BYTES: usize = 32;
export const TEXT_BYTES: u32 = 0x180;
export const STREAM: usize = 0xb520;
export const SEALED_END: usize = STREAM + 64;
