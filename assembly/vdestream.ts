// The stream that vde_plug speaks on its standard input and output: each frame behind its length in two
// bytes, big-endian. The reader may be cut at any byte; what it holds of a frame stays with the session.
import {
  FRAME_MAX,
  FRAME_MIN,
  RING_DONE,
  RING_HEAD,
  SESSION_HELD,
  SESSION_PARTIAL,
  SESSION_SKIP,
  SLOT_BODY,
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
  OP_SEAL,
  ringCommit,
  ringHasRoom,
  slotAt,
} from './ring';
import { STATUS_OK } from './status';

const HEADER: u32 = 2;

function loadLength(address: usize): u32 {
  return ((<u32>load<u8>(address)) << 8) | load<u8>(address, 1);
}

/** A place for a frame's bytes: the body of the slot at head. */
function nextFrame(): usize {
  return slotAt(atomic.load<u32>(RING_HEAD)) + SLOT_BODY;
}

/** Whether a frame of this length fits a slot. */
function fits(length: u32): bool {
  return length >= FRAME_MIN && length <= FRAME_MAX;
}

/**
 * Skips a frame in the stream that does not fit. It gets a slot without its bytes: sealing refuses and counts
 * it, as it does all that cannot be carried, and the host hears of it.
 */
function skip(session: u32, record: usize, length: u32): void {
  ringCommit(session, OP_SEAL, length);
  store<u32>(record, length, SESSION_SKIP);
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
        if (!ringHasRoom()) break;
        skip(session, record, frame);
        at += HEADER;
        continue;
      }
      if (left >= HEADER + frame) {
        if (!ringHasRoom()) break;
        memory.copy(nextFrame(), at + HEADER, frame);
        ringCommit(session, OP_SEAL, frame);
        at += HEADER + frame;
        continue;
      }
    }
    if (held < HEADER) {
      store<u8>(partial + held, load<u8>(at));
      if (held + 1 == HEADER && !fits(loadLength(partial))) {
        if (!ringHasRoom()) break;
        skip(session, record, loadLength(partial));
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
    if (!ringHasRoom()) break;
    memory.copy(nextFrame(), partial + HEADER, held - HEADER);
    memory.copy(nextFrame() + held - HEADER, at, missing);
    ringCommit(session, OP_SEAL, frame);
    at += missing;
    held = 0;
  }
  store<u32>(record, held, SESSION_HELD);
  return <u32>(at - STAGE_IN);
}

/**
 * Writes a session's opened frames among the last `count` processed slots to STAGE_OUT, as a stream.
 * A frame of odd length gets one zero byte more (Ethernet allows trailing padding): vde_plug reads 9234
 * bytes at a time and loses its place when a read ends between the two bytes of a length, which it
 * cannot where everything is even.
 * @param count RING_BATCH at most
 * @returns the length of the stream
 */
export function vdestreamWrite(session: u32, count: u32): u32 {
  const done = atomic.load<u32>(RING_DONE);
  let at = STAGE_OUT;
  for (let position = done - count; position != done; position++) {
    const descriptor = descriptorAt(position);
    if (load<u32>(descriptor, DESCRIPTOR_SESSION) != session) continue;
    if (load<u32>(descriptor, DESCRIPTOR_OP) != OP_OPEN) continue;
    if (load<u32>(descriptor, DESCRIPTOR_STATUS) != STATUS_OK) continue;
    const length = load<u32>(descriptor, DESCRIPTOR_LENGTH);
    const even = length + (length & 1);
    store<u8>(at, <u8>(even >>> 8));
    store<u8>(at, <u8>even, 1);
    memory.copy(at + HEADER, load<u32>(descriptor, DESCRIPTOR_ADDRESS), length);
    if (even != length) store<u8>(at + HEADER + length, 0);
    at += HEADER + even;
  }
  return <u32>(at - STAGE_OUT);
}
