// The memory of x25519.ts, one page: what is below SCALAR is the table of base-point-table.ts, from 0x400 on.

/** 32 bytes each: what the host writes, and what it reads. */
export const SCALAR: usize = 0x8000;
export const POINT: usize = 0x8020;
export const RESULT: usize = 0x8040;
/** What is computed with. */
export const ROOM: usize = 0x8080;
export const ROOM_BYTES: usize = 0x580;
