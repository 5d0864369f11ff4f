// A session: what one peer's datagrams are sealed and opened with, and how many there were.
import { blowfishExpand } from './blowfish';
import { fragmentsForget } from './fragments';
import {
  CHACHA_STREAM,
  CHACHA_STREAM_BYTES,
  KEY_P,
  LANE_HALVES,
  SCHEDULE_BYTES,
  SCRATCH_END,
  SESSION_BLOCK,
  SESSION_BYTES,
  SESSION_CURRENT,
  SESSION_DROPPED_BY_SWITCH,
  SESSION_DROPPED_UNOPENED,
  SESSION_FRAME_MAX,
  SESSION_HELD,
  SESSION_IV,
  SESSION_PARTIAL,
  SESSION_PATH,
  SESSION_REPLAY,
  SESSION_SCHEDULE,
  SESSION_SKIP,
  SESSION_SUITE,
  SESSION_WEAR,
  sessionAt,
} from './layout';
import { replayReset } from './replay';
import { scheduleInto, schedulesForget } from './schedule';
import { active, STATUS_SHARE, tally } from './status';

const CHACHA20_KEY_BYTES: usize = 32;

/**
 * No key yet, or no more: whatever comes is refused. A session of the secure cable has no suite either: the
 * classic operations refuse it, and transport.ts looks at its keypairs.
 */
export const SUITE_NONE: u32 = 0;
/** `-x`: the frame alone, neither encrypted nor counted (classic.md §3.4). */
export const SUITE_PLAIN: u32 = 1;
/** Blowfish-CBC, CRC-32 and counter (classic.md §3.2). */
export const SUITE_BLOWFISH: u32 = 2;

/** ChaCha20, CRC-32 and counter (classic.md §3.3). */
export const SUITE_CHACHA20: u32 = 3;

/** The suite of a session, one of SUITE_*. */
export function suiteOf(session: u32): u32 {
  return load<u32>(sessionAt(session), SESSION_SUITE);
}

/**
 * Keys a session with Blowfish. The replay window starts again; the stream from its plug goes on.
 * The key at `key` is wiped.
 * @param key address of the key, followed by the 8-byte IV
 * @param length bytes of key, 4 to 56
 */
export function sessionKeyBlowfish(session: u32, key: usize, length: u32): void {
  const record = sessionAt(session);
  schedulesForget(); // this session may have had another key
  blowfishExpand(key, length);
  memory.copy(record + SESSION_SCHEDULE, KEY_P, SCHEDULE_BYTES);
  scheduleInto(0, session);
  memory.copy(record + SESSION_IV, key + length, 8);
  memory.fill(key, 0, length + 8);
  replayReset(record + SESSION_REPLAY);
  store<u64>(record, 0, SESSION_WEAR);
  store<u32>(record, SUITE_BLOWFISH, SESSION_SUITE);
}

/**
 * Keys a session with ChaCha20. The replay window starts again; the stream from its plug goes on.
 * The key at `key` is wiped.
 * @param key address of the 32-byte key
 * @param block number of the first block of each key stream
 */
export function sessionKeyChaCha20(session: u32, key: usize, block: u32): void {
  sessionUnkey(session);
  const record = sessionAt(session);
  memory.copy(record + SESSION_SCHEDULE, key, CHACHA20_KEY_BYTES);
  memory.fill(key, 0, CHACHA20_KEY_BYTES);
  store<u32>(record, block, SESSION_BLOCK);
  replayReset(record + SESSION_REPLAY);
  store<u32>(record, SUITE_CHACHA20, SESSION_SUITE);
}

/**
 * Makes a session one of the secure cable, for as long as it lives, or tells it that the path has changed.
 * @param path largest UDP payload to be sent, bytes
 */
export function sessionPath(session: u32, path: u32): void {
  const record = sessionAt(session);
  if (load<u32>(record, SESSION_PATH) == 0) sessionUnkey(session); // what keypairs and fragments are in is empty
  store<u32>(record, path, SESSION_PATH);
}

/** Opens a session without a key (`-x`). */
export function sessionKeyPlain(session: u32): void {
  sessionUnkey(session);
  store<u32>(sessionAt(session), SUITE_PLAIN, SESSION_SUITE);
}

/**
 * Bounds the frames that a session seals.
 * @param bytes of the longest one; 0 for FRAME_MAX
 */
export function sessionLimit(session: u32, bytes: u32): void {
  store<u32>(sessionAt(session), bytes, SESSION_FRAME_MAX);
}

/** Wipes what the last datagrams have left: blocks at work, one-time keys, key stream. */
export function scratchWipe(): void {
  memory.fill(LANE_HALVES, 0, SCRATCH_END - LANE_HALVES);
  memory.fill(CHACHA_STREAM, 0, CHACHA_STREAM_BYTES);
}

/** Takes a session's keys away and wipes them; the counts and the stream from its plug stay. */
export function sessionUnkey(session: u32): void {
  const record = sessionAt(session);
  store<u32>(record, SUITE_NONE, SESSION_SUITE);
  store<u32>(record, 0, SESSION_CURRENT);
  if (load<u32>(record, SESSION_PATH) > 0) fragmentsForget(session);
  memory.fill(record + SESSION_REPLAY, 0, SESSION_PARTIAL - SESSION_REPLAY);
  store<u64>(record, 0, SESSION_IV);
  store<u64>(record, 0, SESSION_WEAR);
  scratchWipe();
  schedulesForget();
}

/** Wipes the whole record, for the next user of it. */
export function sessionClear(session: u32): void {
  sessionUnkey(session);
  memory.fill(sessionAt(session), 0, SESSION_BYTES);
}

/** Counts what the host dropped: frames that the switch did not take, datagrams that were not opened. */
export function sessionDropped(session: u32, bySwitch: u32, unopened: u32): void {
  const record = sessionAt(session);
  store<u64>(record, load<u64>(record, SESSION_DROPPED_BY_SWITCH) + bySwitch, SESSION_DROPPED_BY_SWITCH);
  store<u64>(record, load<u64>(record, SESSION_DROPPED_UNOPENED) + unopened, SESSION_DROPPED_UNOPENED);
  active(record);
}

/** Counts a datagram that was not opened, as its peer had brought its share. */
export function sessionOverShare(session: u32): void {
  tally(sessionAt(session), STATUS_SHARE);
}

/** Forgets a frame of which only a part came: its plug is a new one. */
export function sessionResetStream(session: u32): void {
  const record = sessionAt(session);
  store<u32>(record, 0, SESSION_HELD);
  store<u32>(record, 0, SESSION_SKIP);
}
