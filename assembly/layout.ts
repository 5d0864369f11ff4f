// The memory map: the one place with addresses.
//
// Everything the core touches lives in one linear memory that the host makes (shared, so that the
// side that does the I/O may be another thread) and hands in as the module's only import. The host
// never repeats a number of this file: index.ts exports them, and src/core/ reads them from there.
// All fields are little-endian, as WebAssembly is.
//
//   from       what                                            written by
//   0x000400   static data: the digits of pi (asconfig.json)   the module's data segment
//   0x002000   CRC-32 tables, 8 × 256 × u32                    initialise()
//   0x004fb8   the active key schedule, P then S0..S3          the core
//   0x006000   ring indices, send counter, scratch (below)     see each
//   0x008000   ring descriptors, 256 × 32 bytes                see ring.ts
//   0x010000   stage in: 64 KiB, bytes for the core            the host
//   0x020000   stage out: 640 KiB, bytes for the host          the core
//   0x0c0000   ring slots, 256 × 9472 bytes                    host and core in turn, see ring.ts
//   0x310000   arrivals, 16 × 66624 bytes                      the host
//   0x420000   session records, 16 KiB each                    the core; the memory grows with them
//
// Widths: message counters and statistics are 64 bits. Ring indices are 32-bit numbers that run
// freely and are compared modulo 2^32: they are positions, not counts.

/** Slice-by-8 tables of CRC-32. */
export const CRC_TABLES: usize = 0x2000;

// The active key schedule stands at a constant address so that its 64 lookups per block need no base
// register; a session's own copy is moved here when its turn comes (session.ts).
export const SCHEDULE_BYTES: u32 = 4168;
export const KEY_P: usize = 0x4fb8;
export const KEY_S0: usize = 0x5000;
export const KEY_S1: usize = 0x5400;
export const KEY_S2: usize = 0x5800;
export const KEY_S3: usize = 0x5c00;

// Each index has a cache line of its own: two threads write them.
/** Position after the last slot filled. Written by the I/O side. */
export const RING_HEAD: usize = 0x6000;
/** Position after the last slot processed. Written by the core. */
export const RING_DONE: usize = 0x6040;
/** Position after the last slot released. Written by the I/O side. */
export const RING_TAIL: usize = 0x6080;
/** u64: counter of the last DATA sealed by this process, whatever its session (classic-protocol §3). */
export const SEND_COUNTER: usize = 0x60c0;
/** u32: the session whose schedule is the active one, plus one; 0 when none is. */
export const ACTIVE_SESSION: usize = 0x60c8;

/** u32 each: ticket that is drawn next, and ticket whose turn it is (src/core/lock.ts). */
export const LOCK_NEXT: usize = 0x60d0;
export const LOCK_SERVING: usize = 0x60d4;

// The lanes of cbc.ts: where the optimiser is held back, the state of each, and what waits for one.
export const LANE_BARRIER: usize = 0x6100;
export const LANES: usize = 0x6140;
/** Spans, u32 address and u32 length each; RING_BATCH at most. */
export const LANE_SPANS: usize = 0x6200;

/** Key stream of ChaCha20, 256 bytes. */
export const CHACHA_STREAM: usize = 0x6400;
/** End of what ciphers leave behind, from LANE_BARRIER on. */
export const SCRATCH_END: usize = 0x6500;

/** Slots in the ring; a power of two. */
export const RING_SLOTS: u32 = 256;
/** Slots that one call of ringProcess works through at most. */
export const RING_BATCH: u32 = 64;

export const DESCRIPTORS: usize = 0x8000;
export const DESCRIPTOR_BYTES: u32 = 32;

export const STAGE_IN: usize = 0x10000;
export const STAGE_IN_BYTES: u32 = 0x10000;
export const STAGE_OUT: usize = 0x20000;
export const STAGE_OUT_BYTES: u32 = 0xa0000;

export const SLOTS: usize = 0xc0000;
/** A multiple of 64 and not of 4096: neighbouring slots do not share cache sets. */
export const SLOT_BYTES: u32 = 9472;
/** Where a frame, or the body of a datagram, begins in its slot: aligned, with room for headers before it. */
export const SLOT_BODY: u32 = 64;

/** Largest frame carried, bytes (classic-protocol §6). */
export const FRAME_MAX: u32 = 9216;
/** Smallest frame carried: an Ethernet header. */
export const FRAME_MIN: u32 = 14;
/** Largest datagram accepted: the sealed form of the largest frame. */
export const DATAGRAM_MAX: u32 = 1 + FRAME_MAX + 12 + 8;

/** What the kernel hands out at once may be many datagrams in one piece: it is cut here, into the slots. */
export const ARRIVALS: usize = 0x310000;
export const ARRIVALS_COUNT: u32 = 16;
/** 64 KiB, and as with the slots a bit more. */
export const ARRIVAL_BYTES: u32 = 0x10440;

export const SESSIONS: usize = 0x420000;
export const SESSION_BYTES: u32 = 0x4000;
/** Sessions that fit the largest memory (asconfig.json, maximumMemory). */
export const SESSIONS_MAX: u32 = (0x40000000 - 0x420000) / 0x4000;

// Fields of a session record.
/** u32: see SUITE_* in session.ts. */
export const SESSION_SUITE: usize = 0;
/** 8 bytes: the IV of every datagram. */
export const SESSION_IV: usize = 8;
/** u64: highest counter accepted. */
export const SESSION_HIGHEST: usize = 16;
/** u32: bytes held in SESSION_PARTIAL, the length header among them. */
export const SESSION_HELD: usize = 24;
/** u32: bytes of an unacceptable frame still to be skipped in the stream. */
export const SESSION_SKIP: usize = 28;
/** u32: number of the first block of key stream. */
export const SESSION_BLOCK: usize = 32;
/** u32: the longest frame that the peer takes; 0 when it takes all. */
export const SESSION_FRAME_MAX: usize = 36;
/** u64 each: frames and frame bytes sealed, frames and frame bytes opened. */
export const SESSION_SEALED: usize = 64;
export const SESSION_SEALED_BYTES: usize = 72;
export const SESSION_OPENED: usize = 80;
export const SESSION_OPENED_BYTES: usize = 88;
/** u64 × STATUS_COUNT: slots that ended with each status of ring.ts. */
export const SESSION_STATUS: usize = 96;
/** u64 each: frames that the switch did not take, datagrams dropped before they were opened; see sessionDropped. */
export const SESSION_DROPPED_BY_SWITCH: usize = 512;
export const SESSION_DROPPED_UNOPENED: usize = 520;
/** Bitmap of counters seen, 1024 bytes (replay.ts). */
export const SESSION_WINDOW: usize = 1024;
/** The session's key schedule, SCHEDULE_BYTES; or its ChaCha20 key, 32 bytes. */
export const SESSION_SCHEDULE: usize = 2048;
/** A frame of the stream that has not wholly arrived: 2 + FRAME_MAX bytes. */
export const SESSION_PARTIAL: usize = 6656;

/** The record of a session. */
export function sessionAt(session: u32): usize {
  return SESSIONS + <usize>session * SESSION_BYTES;
}
