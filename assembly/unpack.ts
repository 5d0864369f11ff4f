// Payloads into frames (secure.md §2.3; see records.ts). A payload is authentic, so that what
// is wrong in it is its sender's fault. What comes before a malformed record is handed on: its frames were whole. What
// comes after is dropped if the record does not tell where it ends.
//
// Frames stay where they are: a table lists where (layout.ts, FRAMES).
import { controlKeep } from './controls';
import { fragmentFrame, fragmentLength, fragmentRelease, fragmentTake } from './fragments';
import { countOpened, FRAME_HEADER } from './frames';
import { ETHERNET } from './headers';
import { hostPacket } from './host';
import {
  FRAME_MIN,
  FRAMES,
  FRAMES_ENTRY,
  RING_DONE,
  RING_SLOTS,
  SESSION_HOST,
  SESSION_LEADING,
  sessionAt,
} from './layout';
import { FRAGMENT, FRAGMENT_HEADER, PAYLOAD_CONTROL, PAYLOAD_RECORDS } from './records';
import {
  DESCRIPTOR_ADDRESS,
  DESCRIPTOR_FRAMES,
  DESCRIPTOR_KEYPAIR,
  DESCRIPTOR_LENGTH,
  DESCRIPTOR_OP,
  DESCRIPTOR_SESSION,
  DESCRIPTOR_STATUS,
  descriptorAt,
  OP_OPEN_TRANSPORT,
} from './ring';
import { noteSeen } from './sources';
import {
  STATUS_FRAME_SHORT,
  STATUS_IP,
  STATUS_OK,
  STATUS_PAYLOAD,
  STATUS_RECORD,
  STATUS_STORM,
  tally,
} from './status';
import { isStorm } from './storm';

/** Writes an entry of the table; returns where the next one goes. */
function enter(table: usize, place: i32, at: usize, length: u32): usize {
  store<i32>(table, place);
  store<u32>(table, <u32>at, 4);
  store<u32>(table, length, 8);
  return table + FRAMES_ENTRY;
}

/** Enters a fragment, if it makes a frame whole. @param at address of its header */
function enterFragment(session: u32, at: usize, size: u32, table: usize, now: f64): usize {
  const record = sessionAt(session);
  const count = load<u8>(at, 3);
  const behind = <u32>load<u8>(at, 2) + 1;
  if (behind > count || size == 0) {
    tally(record, STATUS_RECORD);
    return table;
  }
  if (behind < count) store<u64>(record, load<u64>(record, SESSION_LEADING) + 1, SESSION_LEADING);
  const number = fragmentTake(session, at, size, now);
  if (number < 0) return table;
  if (isStorm(record, fragmentFrame(number), now)) {
    tally(record, STATUS_STORM);
    fragmentRelease(number);
    return table;
  }
  noteSeen(record, fragmentFrame(number));
  const length = fragmentLength(number);
  countOpened(record, length);
  return enter(table, ~number, fragmentFrame(number), length);
}

/**
 * Enters the frames of a payload into the table.
 * @param slot that it is in
 * @param table where the table goes on
 * @param now ms
 * @returns where it goes on then
 */
export function unpack(session: u32, slot: u32, payload: usize, length: u32, table: usize, now: f64): usize {
  if (length == 0) return table; // a keepalive
  const record = sessionAt(session);
  if (load<u32>(record, SESSION_HOST) > 0) {
    const frame = hostPacket(session, record, payload, length, now);
    return frame == 0 ? table : enter(table, slot, payload - ETHERNET, frame);
  }
  const kind = load<u8>(payload);
  if (kind == PAYLOAD_CONTROL) {
    controlKeep(session, load<u32>(descriptorAt(slot), DESCRIPTOR_KEYPAIR), payload, length);
    return table;
  }
  if (kind != PAYLOAD_RECORDS) {
    tally(record, kind >> 4 == 4 || kind >> 4 == 6 ? STATUS_IP : STATUS_PAYLOAD);
    return table;
  }
  const end = payload + length;
  let at = payload + 1;
  while (at < end) {
    const left = <u32>(end - at);
    const word = left < FRAME_HEADER ? FRAGMENT : ((<u32>load<u8>(at)) << 8) | load<u8>(at, 1);
    const size = word & ~FRAGMENT;
    const whole = FRAME_HEADER + (word >= FRAGMENT ? FRAGMENT_HEADER : 0) + size;
    if (left < whole) {
      tally(record, STATUS_RECORD);
      break;
    }
    if (word >= FRAGMENT) {
      table = enterFragment(session, at + FRAME_HEADER, size, table, now);
    } else if (size < FRAME_MIN) {
      tally(record, STATUS_FRAME_SHORT);
    } else if (isStorm(record, at + FRAME_HEADER, now)) {
      tally(record, STATUS_STORM);
    } else {
      // No longer than FRAME_MAX: the largest datagram holds no more.
      noteSeen(record, at + FRAME_HEADER);
      countOpened(record, size);
      table = enter(table, slot, at + FRAME_HEADER, size);
    }
    at += whole;
  }
  return table;
}

/**
 * Enters the frames of a session's transport messages among the last `count` processed slots, from FRAMES on. How many
 * of them lie in it is said in each slot's descriptor; a frame that lies in a buffer is the host's until fragmentRelease.
 * @param count RING_BATCH at most
 * @param now ms, of a clock that does not jump: for frames in fragments
 * @returns how many entries there are
 */
export function transportFrames(session: u32, count: u32, now: f64): u32 {
  const done = atomic.load<u32>(RING_DONE);
  let table = FRAMES;
  for (let position = done - count; position != done; position++) {
    const descriptor = descriptorAt(position);
    if (load<u32>(descriptor, DESCRIPTOR_SESSION) != session) continue;
    if (load<u32>(descriptor, DESCRIPTOR_OP) != OP_OPEN_TRANSPORT) continue;
    if (load<u32>(descriptor, DESCRIPTOR_STATUS) != STATUS_OK) continue;
    const from = table;
    const length = load<u32>(descriptor, DESCRIPTOR_LENGTH);
    const slot = position & (RING_SLOTS - 1);
    table = unpack(session, slot, load<u32>(descriptor, DESCRIPTOR_ADDRESS), length, table, now);
    let frames: u32 = 0;
    for (let entry = from; entry < table; entry += FRAMES_ENTRY) if (load<i32>(entry) >= 0) frames++;
    store<u32>(descriptor, frames, DESCRIPTOR_FRAMES);
  }
  return <u32>((table - FRAMES) / FRAMES_ENTRY);
}
