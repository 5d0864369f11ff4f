// The memory map: the one place with addresses.
//
// Everything the core touches lives in one linear memory that the host makes (shared, so that the
// side that does the I/O may be another thread) and hands in as the module's only import. The host
// never repeats a number of this file: index.ts exports them, and src/core/ reads them from there.
// All fields are little-endian, as WebAssembly is.
//
//   from       what                                            written by
//   0x000400   static data: the digits of pi (asconfig.json)   the module's data segment
//   0x001f00   zeros, 256 bytes                                nobody
//   0x002000   CRC-32 tables, 16 × 256 × u32                   initialise()
//   0x006000   ring indices, send counter, scratch, controls   see each
//   0x008000   ring descriptors, 256 × 32 bytes                see ring.ts
//   0x00a000   key slots, 5 × 4288 bytes                       the core
//   0x010000   stage in: 64 KiB, bytes for the core            the host
//   0x020000   stage out: 1216 KiB, bytes for the host         the core
//   0x150000   ring slots, 256 × 9472 bytes                    host and core in turn, see ring.ts
//   0x3a0000   frames that lack fragments, 512 × 10496 bytes   the core, see fragments.ts
//   0x8c0000   arrivals, 16 × 66624 bytes                      the host
//   0x9c8000   what was noted of datagrams sent, 2048 × u64    the core, see own.ts
//   0x9cc000   key stream, 9472 bytes                          the core, see aead.ts
//   0x9d0000   table of opened frames, 512 KiB                 the core, see unpack.ts
//   0xa50000   frames from a switch, 64 × 9280 bytes           the host, see pack.ts
//   0xae1400   a frame from a tap, 64 KiB and a bit more       the host
//   0xaf2000   what is kept of hosts, 32 × 9280 bytes          the core, see host.ts
//   0xb40000   session records, 16 KiB each                    the core; the memory grows with them
//
// Widths: message counters and statistics are 64 bits. Ring indices are 32-bit numbers that run
// freely and are compared modulo 2^32: they are positions, not counts.

/** 256 bytes that are zero. */
export const ZEROS: usize = 0x1f00;

/** Slice-by-16 tables of CRC-32. */
export const CRC_TABLES: usize = 0x2000;

// A key schedule at work is in a key slot, whose address is constant, so that its 64 lookups per block need no
// base register; a session's own copy is moved there when its turn comes (schedule.ts). One slot for each lane.
export const SCHEDULE_BYTES: u32 = 4168;
export const KEY_SLOTS: usize = 0xa000;
export const KEY_SLOT_BYTES: usize = 0x10c0;
// Slot 0, and with a multiple of KEY_SLOT_BYTES the others:
/** u32: the session whose schedule it is, plus one; 0 when there is none. */
export const KEY_OWNER: usize = 0xa000;
/** P from its last word to its first, which is the order that decrypting takes it in. */
export const KEY_P_BACK: usize = 0xa030;
export const KEY_P: usize = 0xa078;
export const KEY_S0: usize = 0xa0c0;
export const KEY_S1: usize = 0xa4c0;
export const KEY_S2: usize = 0xa8c0;
export const KEY_S3: usize = 0xacc0;

// Each index has a cache line of its own: two threads write them.
/** Position after the last slot filled. Written by the I/O side. */
export const RING_HEAD: usize = 0x6000;
/** Position after the last slot processed. Written by the core. */
export const RING_DONE: usize = 0x6040;
/** Position after the last slot released. Written by the I/O side. */
export const RING_TAIL: usize = 0x6080;
/** u64: counter of the last DATA sealed by this process, whatever its session (classic.md §3.5). */
export const SEND_COUNTER: usize = 0x60c0;

/** u32 each: ticket that is drawn next, and ticket whose turn it is (src/core/lock.ts). */
export const LOCK_NEXT: usize = 0x60d0;
export const LOCK_SERVING: usize = 0x60d4;

// The lanes of lanes.ts and cbc.ts, LANE_COUNT of each: their halves at work (two u32), their blocks (u64), what
// they encrypt (see cbc.ts).
export const LANE_COUNT: u32 = 5;
export const LANE_HALVES: usize = 0x6100;
export const LANE_BLOCKS: usize = 0x6140;
export const LANES: usize = 0x6180;
/** Eight bytes for a lane that has nothing to encrypt. */
export const LANE_IDLE: usize = 0x61c0;
/** The block of ciphertext before those that the lanes decrypt. */
export const LANE_CHAIN: usize = 0x61c8;
/** What waits for a lane: u32 address, u32 length, u32 session each; RING_BATCH at most. */
export const LANE_SPANS: usize = 0x6600;
export const LANE_SPAN_BYTES: usize = 12;

/** State of Poly1305 (poly1305.ts). */
export const POLY: usize = 0x6400;
/** Four words of each of four blocks of ChaCha20, at work (chacha20.ts). */
export const CHACHA_ROWS: usize = 0x6480;
/** The AEAD's last two blocks, the tag it computes, the nonce of a transport message. */
export const AEAD_LAST: usize = 0x6500;
export const AEAD_TAG: usize = 0x6520;
export const AEAD_NONCE: usize = 0x6530;
/** End of what ciphers leave behind, from LANE_HALVES on. */
export const SCRATCH_END: usize = 0x6580;

// Datagrams of ours that come back as frames (own.ts).
/** u16, big-endian: the port that they leave from; 0 when it has not been said. */
export const OWN_PORT: usize = 0x6900;
/** u32 each: position of the next note, and of the next name of a packet that IP has cut. */
export const OWN_NOTE_NEXT: usize = 0x6904;
export const OWN_FRAGMENT_NEXT: usize = 0x6908;
/** u32: tenths of a second, as the host has said last. */
export const SEEN_NOW: usize = 0x690c;
/** u64 each; powers of two. A tap holds a thousand datagrams that were sent and have not come back. */
export const OWN_FRAGMENTS: usize = 0x6a00;
export const OWN_FRAGMENTS_COUNT: u32 = 64;
export const OWN_NOTES: usize = 0x9c8000;
export const OWN_NOTES_COUNT: u32 = 2048;

/** Key stream of ChaCha20: of a whole datagram's, as many times 256 bytes as that and the one-time key take. */
export const CHACHA_STREAM: usize = 0x9cc000;
export const CHACHA_STREAM_BYTES: u32 = 0x2500;
/** Bytes that aeadVerify and aeadDecrypt take at most, without the tag. */
export const AEAD_MAX: u32 = CHACHA_STREAM_BYTES - 64;

/** The beginning of a frame that lies in two parts (intake.ts), 128 bytes. */
export const INTAKE_HEAD: usize = 0x6c00;

/** u32: how many are in HOST_KEPT. */
export const HOST_KEPT_COUNT: usize = 0x6c84;

/** The head of what is kept for the host (kept.ts): u32 session, u32 what it is, u32 length, and nothing. */
export const KEPT_HEAD: usize = 16;
// Control payloads that were opened and the host has not taken (controls.ts).
/** u32: how many. */
export const CONTROLS_COUNT: usize = 0x6c80;
/** Of one that is sealed: u32 address and length; u32 that says that it is none for the switch. */
export const CONTROL_SPAN: usize = 0x6c90;
export const CONTROL_DATA: usize = 0x6c98;
/** u32 each: session, place of the keypair, length; the payload from CONTROLS_PAYLOAD on. */
export const CONTROLS: usize = 0x6cc0;
export const CONTROLS_MAX: u32 = 16;
export const CONTROLS_BYTES: usize = 272;
export const CONTROLS_PAYLOAD: usize = KEPT_HEAD;
/** The longest that is kept, its kind included. */
export const CONTROL_MAX: u32 = 256;

/** Slots in the ring; a power of two. */
export const RING_SLOTS: u32 = 256;
/** Slots that one call of ringProcess works through at most. */
export const RING_BATCH: u32 = 64;

export const DESCRIPTORS: usize = 0x8000;
export const DESCRIPTOR_BYTES: u32 = 32;

export const STAGE_IN: usize = 0x10000;
export const STAGE_IN_BYTES: u32 = 0x10000;
export const STAGE_OUT: usize = 0x20000;
/** Room for a batch's frames: what its datagrams hold, and the frames that their fragments complete. */
export const STAGE_OUT_BYTES: u32 = 0x130000;

export const SLOTS: usize = 0x150000;
/** A multiple of 64 and not of 4096: neighbouring slots do not share cache sets. */
export const SLOT_BYTES: u32 = 9472;
/** Where a frame, or the body of a datagram, begins in its slot: aligned, with room for headers before it. */
export const SLOT_BODY: u32 = 64;

/** Largest frame carried, bytes (classic.md §6). */
export const FRAME_MAX: u32 = 9216;
/** Smallest frame carried: an Ethernet header. */
export const FRAME_MIN: u32 = 14;
/** Header of a transport message: it ends where the slot's body begins. */
export const TRANSPORT_HEADER: u32 = 16;
/** Largest datagram accepted: the sealed form of the largest frame, on the secure cable. */
export const DATAGRAM_MAX: u32 = TRANSPORT_HEADER + 1 + 2 + FRAME_MAX + 16;

/** What the kernel hands out at once may be many datagrams in one piece: it is cut here, into the slots. */
export const ARRIVALS: usize = 0x8c0000;
export const ARRIVALS_COUNT: u32 = 16;
/** 64 KiB, and as with the slots a bit more. */
export const ARRIVAL_BYTES: u32 = 0x10440;

/** Frames of which some fragments came, of all sessions together. */
/** u32 each: a buffer that was given back, plus one; how many were ever taken. */
export const INCOMPLETE_FREE: usize = 0x6580;
export const INCOMPLETE_TOUCHED: usize = 0x6584;
export const INCOMPLETE: usize = 0x3a0000;
export const INCOMPLETE_BYTES: u32 = 10496;
export const INCOMPLETE_COUNT: u32 = 512;
/** Where the frame of a buffer begins. */
export const INCOMPLETE_FRAME: usize = 1280;

/**
 * Frames that opened transport messages hold, an entry for each. A payload holds 576 at most, and may complete 64 that
 * lacked a fragment: there is room for RING_BATCH such payloads, and behind that for one frame while it is put together.
 */
export const FRAMES: usize = 0x9d0000;
/** u32 each: slot of the ring that it lies in, or the complement of the number of its INCOMPLETE buffer; address; length. */
export const FRAMES_ENTRY: usize = 12;
export const ASSEMBLY: usize = 0xa48000;

/** Frames as a switch has handed them out, to be packed: u32 length, and the frame at FETCHED_FRAME. */
export const FETCHED: usize = 0xa50000;
export const FETCHED_COUNT: u32 = 64;
export const FETCHED_BYTES: usize = 9280;
export const FETCHED_FRAME: usize = 16;

/**
 * What a read from a tap gives: the header of vnet.ts, which ends at TAP_FRAME, and a frame, which may be a super-frame. An
 * IP packet of 65535 bytes behind Ethernet's header and two tags fits.
 */
export const TAP_STAGE: usize = 0xae1400;
export const TAP_FRAME: usize = TAP_STAGE + 16;
export const TAP_STAGE_BYTES: u32 = 0x10440;
/** The header of vnet.ts for what is written to a tap. */
export const TAP_HEADER: usize = 0x6590;

/**
 * Frames and packets of hosts that the main thread has to look at, and has not taken (host.ts): u32 session, u32 FROM_*, u32 length;
 * its bytes from HOST_KEPT_FRAME on.
 */
export const HOST_KEPT: usize = 0xaf2000;
export const HOST_KEPT_MAX: u32 = 32;
export const HOST_KEPT_BYTES: usize = 9280;
export const HOST_KEPT_FRAME: usize = KEPT_HEAD;

export const SESSIONS: usize = 0xb40000;
export const SESSION_BYTES: u32 = 0x4000;
/** Sessions that fit the largest memory (asconfig.json, maximumMemory). */
export const SESSIONS_MAX: u32 = (0x40000000 - 0xb40000) / 0x4000;

// Fields of a session record.
/** u32: see SUITE_* in session.ts. */
export const SESSION_SUITE: usize = 0;
/** 8 bytes: the IV of every datagram. */
export const SESSION_IV: usize = 8;
/** u32: bytes held in SESSION_PARTIAL, the length header among them. */
export const SESSION_HELD: usize = 24;
/** u32: bytes of an unacceptable frame still to be skipped in the stream. */
export const SESSION_SKIP: usize = 28;
/** u32: number of the first block of key stream. */
export const SESSION_BLOCK: usize = 32;
/** u32: the longest frame that the peer takes; 0 when it takes all. */
export const SESSION_FRAME_MAX: usize = 36;
/** u32: largest UDP payload to be sent; 0 unless the session is one of the secure cable. */
export const SESSION_PATH: usize = 40;
/** u32: place of the keypair that seals, plus one; 0 when none does. */
export const SESSION_CURRENT: usize = 44;
/** u16: id of the next frame that is cut into fragments. */
export const SESSION_FRAME_ID: usize = 48;
/** u32: one more whenever something is counted, so that who looks at many sessions sees which have changed. */
export const SESSION_ACTIVITY: usize = 52;
/** u32: what has happened since the host last asked, NEWS_* of transport.ts. */
export const SESSION_NEWS: usize = 56;
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
/** u64: fragments that came, and were not the last of their frame (unpack.ts): the datagrams of these were full. */
export const SESSION_LEADING: usize = 528;
// How many broadcasts may come (storm.ts).
/** f64: how many may come at once, at SESSION_STORM_AT. */
export const SESSION_STORM_LEFT: usize = 536;
/** f64: ms. */
export const SESSION_STORM_AT: usize = 544;
/** u32: per second; 0 for any number. */
export const SESSION_STORM_RATE: usize = 552;
// A host on the Ethernet (host.ts).
/** u32: whether the session is one. */
export const SESSION_HOST: usize = 556;
/** u32: whose turn it is to make room in the table of neighbours. */
export const SESSION_HOST_TURN: usize = 560;
/** 6 bytes. */
export const SESSION_HOST_MAC: usize = 564;
/** The MAC addresses of its gateways, of IPv4 and of IPv6, and a u16 behind each that says that there is one. */
export const SESSION_HOST_GATEWAYS: usize = 572;
/** u32 each: how many addresses it has, and how many networks are on its link. */
export const SESSION_HOST_OWN_COUNT: usize = 588;
export const SESSION_HOST_NETWORKS_COUNT: usize = 592;
/** These, 16 and 20 bytes each. */
export const SESSION_HOST_OWN: usize = 596;
export const HOST_OWN_MAX: u32 = 8;
export const SESSION_HOST_NETWORKS: usize = 724;
export const HOST_NETWORKS_MAX: u32 = 14;
/** Where what is known of it ends. */
export const SESSION_HOST_END: usize = 1004;
/** u64: bytes of cipher text, both ways, under one Blowfish key. */
export const SESSION_WEAR: usize = 1008;
// What is secret of a session, from SESSION_REPLAY to SESSION_PARTIAL: of a classic one
/** Replay window (replay.ts), REPLAY_BYTES. */
export const SESSION_REPLAY: usize = 1016;
/** The session's key schedule, SCHEDULE_BYTES; or its ChaCha20 key, 32 bytes. */
export const SESSION_SCHEDULE: usize = 2048;
// and of one of the secure cable
/** KEYPAIRS keypairs of KEYPAIR_BYTES each (transport.ts). */
export const SESSION_KEYPAIRS: usize = 1024;
/** The frames of which fragments are missing, a table of 64 × 16 bytes (fragments.ts). */
export const SESSION_INCOMPLETE: usize = 5376;
/** Of a host, to which no frames come in fragments, the table of its neighbours is there instead (host.ts). */
export const SESSION_NEIGHBOURS: usize = 5376;
export const NEIGHBOURS_SETS: u32 = 8;
export const NEIGHBOURS_WAYS: u32 = 4;
export const NEIGHBOUR_BYTES: usize = 32;
/** u8 each: how many stations that the main thread remembers fall on each place (listens.ts). */
export const SESSION_LISTENS: usize = 6400;
/** A frame of the stream that has not wholly arrived: 2 + FRAME_MAX bytes. */
export const SESSION_PARTIAL: usize = 6656;

/** u64 each: the addresses behind the plug, the first byte lowest; 0 for none (sources.ts). */
export const SESSION_SOURCES: usize = 15904;
export const SOURCES_COUNT: u32 = 8;
/** Where frames of the peer came from: u64 address as above, u32 SEEN_NOW at that time (sources.ts). */
export const SESSION_SEEN: usize = 15968;
export const SEEN_COUNT: u32 = 16;
export const SEEN_BYTES: usize = 16;

// A keypair of the secure cable (transport.ts): previous, current or next; which of them is where is the host's to say.
export const KEYPAIRS: u32 = 3;
export const KEYPAIR_BYTES: u32 = 1280;
/** u32: whether there is one. */
export const KEYPAIR_THERE: usize = 0;
/** u32 each: the index that its datagrams bear, and that ours bear. */
export const KEYPAIR_LOCAL: usize = 4;
export const KEYPAIR_REMOTE: usize = 8;
/** u64: counter of the next message. */
export const KEYPAIR_COUNTER: usize = 16;
/** 32 bytes each. */
export const KEYPAIR_SEND: usize = 32;
export const KEYPAIR_RECEIVE: usize = 64;
/** Replay window (replay.ts), REPLAY_BYTES. */
export const KEYPAIR_REPLAY: usize = 128;

/** The record of a session. */
export function sessionAt(session: u32): usize {
  return SESSIONS + <usize>session * SESSION_BYTES;
}
