// The stream that vde_plug speaks on its standard input and output: each frame behind its length in two
// bytes, big-endian. The reader may be cut at any byte; what it holds of a frame stays with the session.
import { fragmentRelease } from './fragments';
import { FRAME_HEADER as HEADER, putFrame } from './frames';
import { fits, intake, intakeEnd } from './intake';
import {
  FRAMES,
  FRAMES_ENTRY,
  RING_DONE,
  RING_SLOTS,
  SESSION_HELD,
  SESSION_PARTIAL,
  SESSION_SKIP,
  STAGE_IN,
  STAGE_OUT,
  sessionAt,
} from './layout';
import {
  DESCRIPTOR_ADDRESS,
  DESCRIPTOR_LENGTH,
  DESCRIPTOR_OP,
  DESCRIPTOR_SESSION,
  DESCRIPTOR_STATUS,
  descriptorAt,
  OP_OPEN,
  OP_OPEN_TRANSPORT,
} from './ring';
import { STATUS_OK } from './status';
import { unpack } from './unpack';

function loadLength(address: usize): u32 {
  return ((<u32>load<u8>(address)) << 8) | load<u8>(address, 1);
}

/**
 * Skips a frame in the stream that does not fit.
 * @returns whether there was room
 */
function skip(session: u32, record: usize, length: u32): bool {
  if (!intake(session, 0, length, 0, 0)) return false;
  store<u32>(record, length, SESSION_SKIP);
  return true;
}

/**
 * Reads `length` bytes at STAGE_IN, and puts every frame that is complete into the ring, to be sealed.
 * @returns how many bytes were read: fewer than `length` only when the ring was full
 */
export function vdestreamRead(session: u32, length: u32): u32 {
  const record = sessionAt(session);
  const partial = record + SESSION_PARTIAL;
  const end = STAGE_IN + length;
  let held = load<u32>(record, SESSION_HELD);
  let at = STAGE_IN;
  while (at < end) {
    const left = <u32>(end - at);
    const skipped = load<u32>(record, SESSION_SKIP);
    if (skipped > 0) {
      const step = min(skipped, left);
      store<u32>(record, skipped - step, SESSION_SKIP);
      at += step;
      continue;
    }
    if (held == 0 && left >= HEADER) {
      const frame = loadLength(at);
      if (!fits(frame)) {
        if (!skip(session, record, frame)) break;
        at += HEADER;
        continue;
      }
      if (left >= HEADER + frame) {
        if (!intake(session, at + HEADER, frame, 0, 0)) break;
        at += HEADER + frame;
        continue;
      }
    }
    if (held < HEADER) {
      store<u8>(partial + held, load<u8>(at));
      if (held + 1 == HEADER && !fits(loadLength(partial))) {
        if (!skip(session, record, loadLength(partial))) break;
        held = 0;
      } else {
        held++;
      }
      at++;
      continue;
    }
    const frame = loadLength(partial);
    const missing = HEADER + frame - held;
    if (left < missing) {
      memory.copy(partial + held, at, left);
      held += left;
      at = end;
      break;
    }
    if (!intake(session, partial + HEADER, held - HEADER, at, missing)) break;
    at += missing;
    held = 0;
  }
  store<u32>(record, held, SESSION_HELD);
  intakeEnd(session);
  return <u32>(at - STAGE_IN);
}

/** Makes an entry's frame the next one of a stream; returns where that goes on. */
function putEntry(at: usize, entry: usize, even: bool): usize {
  const length = load<u32>(entry, 8);
  memory.copy(at + HEADER, load<u32>(entry, 4), length);
  const place = load<i32>(entry);
  if (place < 0) fragmentRelease(~place);
  return putFrame(at, length, even);
}

/**
 * Writes a session's opened frames among the last `count` processed slots to STAGE_OUT, as a stream.
 * @param count RING_BATCH at most
 * @param now ms, of a clock that does not jump: for frames in fragments
 * @param even whether frames of odd length get one zero byte more (putFrame)
 * @returns the length of the stream
 */
export function vdestreamWrite(session: u32, count: u32, now: f64, even: bool): u32 {
  const done = atomic.load<u32>(RING_DONE);
  let at = STAGE_OUT;
  for (let position = done - count; position != done; position++) {
    const descriptor = descriptorAt(position);
    if (load<u32>(descriptor, DESCRIPTOR_SESSION) != session) continue;
    if (load<u32>(descriptor, DESCRIPTOR_STATUS) != STATUS_OK) continue;
    const from: usize = load<u32>(descriptor, DESCRIPTOR_ADDRESS);
    const length = load<u32>(descriptor, DESCRIPTOR_LENGTH);
    const op = load<u32>(descriptor, DESCRIPTOR_OP);
    if (op == OP_OPEN) {
      memory.copy(at + HEADER, from, length);
      at = putFrame(at, length, even);
    } else if (op == OP_OPEN_TRANSPORT) {
      const end = unpack(session, position & (RING_SLOTS - 1), from, length, FRAMES, now);
      for (let entry = FRAMES; entry < end; entry += FRAMES_ENTRY) at = putEntry(at, entry, even);
    }
  }
  return <u32>(at - STAGE_OUT);
}
