// The memory of handshake.ts, one page: what is below SCALAR is tables, from 0x400 on.

/** 32 bytes each: what the host writes, and what it reads. */
export const SCALAR: usize = 0x8000;
export const POINT: usize = 0x8020;
export const RESULT: usize = 0x8040;
/** What x25519.ts computes with. */
export const ROOM: usize = 0x8080;
export const ROOM_BYTES: usize = 0x580;

/** 32 bytes; what blake2s.ts hashes, INPUT_BYTES at most; and 96 bytes that come of it. */
export const KEY: usize = 0x8600;
export const INPUT: usize = 0x8620;
export const INPUT_BYTES: u32 = 0x180;
export const HASH: usize = 0x87a0;
/** What it computes with: states of 32 bytes, and a block of 64. */
export const STATE: usize = 0x8800;
export const OUTER: usize = 0x8820;
export const PAD: usize = 0x8840;
export const BLOCK: usize = 0x8860;
