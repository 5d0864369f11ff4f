// Frames that came in fragments (secure.md §2.4). A session has a table of those that are not complete; their bytes
// are in buffers that all sessions share, 64 at most for each of them. When the buffers run out, the oldest frame of all is
// given up.
//
// A table's entry:  0 u32 buffer, plus one; 0 when there is none · 4 u16 id · 6 u8 count · 7 u8 how many came · 8 f64 when the first came, ms
// A buffer:         0 u32 its entry's address, 0 when its frame is complete, or when it is free the next free one, plus one · 4 u32 its session's number ·
//                   8 u32 bytes held · 256 u32 for each index: offset, and length << 16 · 1280 the fragments, as they came
import {
  ASSEMBLY,
  FRAME_MAX,
  FRAME_MIN,
  INCOMPLETE,
  INCOMPLETE_BYTES,
  INCOMPLETE_COUNT,
  INCOMPLETE_FRAME,
  INCOMPLETE_FREE,
  INCOMPLETE_TOUCHED,
  SESSION_HOST,
  SESSION_INCOMPLETE,
  sessionAt,
} from './layout';
import { STATUS_FRAME_LONG, STATUS_FRAME_SHORT, STATUS_INCOMPLETE, tally } from './status';

/** Frames of one session. */
const ENTRIES: usize = 64;
const ENTRY_BYTES: usize = 16;
const ID: usize = 4;
const COUNT: usize = 6;
const CAME: usize = 7;
const SINCE: usize = 8;

const OWNER: usize = 0;
const SESSION: usize = 4;
const HELD: usize = 8;
const TABLE: usize = 256;
const DATA: usize = INCOMPLETE_FRAME;

/** A frame that is not complete by then is given up, ms. */
const LIFETIME: f64 = 1000;

function bufferAt(number: u32): usize {
  return INCOMPLETE + <usize>number * INCOMPLETE_BYTES;
}

/** Gives the buffer of a complete frame back, which nobody needs any more. */
export function fragmentRelease(number: u32): void {
  store<u32>(bufferAt(number), load<u32>(INCOMPLETE_FREE), OWNER);
  store<u32>(INCOMPLETE_FREE, number + 1);
}

/** Gives an entry's buffer back. */
function free(entry: usize): void {
  fragmentRelease(load<u32>(entry) - 1);
  memory.fill(entry, 0, ENTRY_BYTES);
}

/** Gives a frame up. */
function giveUp(entry: usize): void {
  tally(sessionAt(load<u32>(bufferAt(load<u32>(entry) - 1), SESSION)), STATUS_INCOMPLETE);
  free(entry);
}

/** Takes the number of a free buffer, plus one; 0 when all have complete frames in them. */
function takeNumber(): u32 {
  if (load<u32>(INCOMPLETE_FREE) == 0 && load<u32>(INCOMPLETE_TOUCHED) == INCOMPLETE_COUNT) {
    const oldest = oldestOfAll();
    if (oldest == 0) return 0;
    giveUp(oldest);
  }
  let number = load<u32>(INCOMPLETE_FREE);
  if (number > 0) {
    store<u32>(INCOMPLETE_FREE, load<u32>(bufferAt(number - 1), OWNER));
  } else {
    number = load<u32>(INCOMPLETE_TOUCHED) + 1;
    store<u32>(INCOMPLETE_TOUCHED, number);
  }
  return number;
}

/**
 * Takes a buffer for a frame of the host's own, which is put at fragmentFrame; it is the host's until fragmentRelease.
 * @returns its number; -1 when all have complete frames in them
 */
export function fragmentBorrow(): i32 {
  const number = takeNumber();
  if (number > 0) store<u32>(bufferAt(number - 1), 0, OWNER);
  return <i32>number - 1;
}

/** Takes a buffer for an entry of a session; returns 0 when all have complete frames in them. */
function take(session: u32, entry: usize): usize {
  const number = takeNumber();
  if (number == 0) return 0;
  const buffer = bufferAt(number - 1);
  store<u32>(buffer, <u32>entry, OWNER);
  store<u32>(buffer, session, SESSION);
  store<u32>(buffer, 0, HELD);
  store<u32>(entry, number);
  return buffer;
}

/** The entry of the frame that began first, 0 when there is none; all buffers are in use. */
function oldestOfAll(): usize {
  let oldest: usize = 0;
  for (let number: u32 = 0; number < INCOMPLETE_COUNT; number++) {
    const entry: usize = load<u32>(bufferAt(number), OWNER);
    if (entry == 0) continue;
    if (oldest == 0 || load<f64>(entry, SINCE) < load<f64>(oldest, SINCE)) oldest = entry;
  }
  return oldest;
}

/** Forgets the frames of a session. */
export function fragmentsForget(session: u32): void {
  if (load<u32>(sessionAt(session), SESSION_HOST) > 0) return; // no frames come to it in fragments
  const table = sessionAt(session) + SESSION_INCOMPLETE;
  for (let i: usize = 0; i < ENTRIES; i++) {
    const entry = table + i * ENTRY_BYTES;
    if (load<u32>(entry) > 0) free(entry);
  }
}

/** The entry of a frame, begun if need be, 0 if it cannot; frames whose time is up are given up on the way. */
function entryOf(session: u32, id: u16, count: u8, index: u32, now: f64): usize {
  const table = sessionAt(session) + SESSION_INCOMPLETE;
  let vacant: usize = 0;
  let oldest: usize = table;
  for (let i: usize = 0; i < ENTRIES; i++) {
    const entry = table + i * ENTRY_BYTES;
    const number = load<u32>(entry);
    if (number > 0) {
      if (now - load<f64>(entry, SINCE) > LIFETIME) {
        giveUp(entry);
      } else if (load<u16>(entry, ID) == id) {
        const came = load<u32>(bufferAt(number - 1) + TABLE + ((<usize>index) << 2)) > 0;
        if (load<u8>(entry, COUNT) == count && !came) return entry;
        giveUp(entry); // the ids have come round: this is another frame
      } else if (load<f64>(entry, SINCE) < load<f64>(oldest, SINCE)) {
        oldest = entry;
      }
    }
    if (load<u32>(entry) == 0 && vacant == 0) vacant = entry;
  }
  if (vacant == 0) {
    giveUp(oldest);
    vacant = oldest;
  }
  const buffer = take(session, vacant);
  if (buffer == 0) return 0;
  memory.fill(buffer + TABLE, 0, (<usize>count) << 2);
  store<u16>(vacant, id, ID);
  store<u8>(vacant, count, COUNT);
  store<f64>(vacant, now, SINCE);
  return vacant;
}

/** Where the frame of a buffer is that is complete. */
export function fragmentFrame(number: u32): usize {
  return bufferAt(number) + DATA;
}

/** How long it is. */
export function fragmentLength(number: u32): u32 {
  return load<u32>(bufferAt(number), HELD);
}

/** Puts the fragments of a buffer into their order; mostly they came in it. */
function arrange(buffer: usize, count: usize): void {
  let at: u32 = 0;
  let i: usize = 0;
  for (; i < count; i++) {
    const part = load<u32>(buffer + TABLE + (i << 2));
    if ((part & 0xffff) != at) break;
    at += part >>> 16;
  }
  if (i == count) return;
  at = 0;
  for (i = 0; i < count; i++) {
    const part = load<u32>(buffer + TABLE + (i << 2));
    memory.copy(ASSEMBLY + at, buffer + DATA + (part & 0xffff), part >>> 16);
    at += part >>> 16;
  }
  memory.copy(buffer + DATA, ASSEMBLY, at);
}

/**
 * Takes a fragment; when its frame is complete, its buffer is the caller's until fragmentRelease.
 * @param header address of the fragment's header, which its bytes follow; index < count, and there is a byte at least
 * @param now ms
 * @returns the number of the buffer of a complete frame; -1 when there is none
 */
export function fragmentTake(session: u32, header: usize, size: u32, now: f64): i32 {
  const record = sessionAt(session);
  const id = <u16>(((<u32>load<u8>(header)) << 8) | load<u8>(header, 1));
  const index = <u32>load<u8>(header, 2);
  const count = load<u8>(header, 3);
  const entry = entryOf(session, id, count, index, now);
  if (entry == 0) {
    tally(record, STATUS_INCOMPLETE);
    return -1;
  }
  const number = load<u32>(entry) - 1;
  const buffer = bufferAt(number);
  const held = load<u32>(buffer, HELD);
  if (held + size > FRAME_MAX) {
    tally(record, STATUS_FRAME_LONG);
    free(entry);
    return -1;
  }
  memory.copy(buffer + DATA + held, header + 4, size);
  store<u32>(buffer + TABLE + ((<usize>index) << 2), held | (size << 16));
  store<u32>(buffer, held + size, HELD);
  const came = load<u8>(entry, CAME) + 1;
  store<u8>(entry, came, CAME);
  if (came < count) return -1;
  if (held + size < FRAME_MIN) {
    tally(record, STATUS_FRAME_SHORT);
    free(entry);
    return -1;
  }
  arrange(buffer, count);
  memory.fill(entry, 0, ENTRY_BYTES);
  store<u32>(buffer, 0, OWNER);
  return number;
}
