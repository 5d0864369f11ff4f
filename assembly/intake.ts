// Where frames from a plug go.
import { hostFrame } from './host';
import {
  FETCHED,
  FETCHED_BYTES,
  FETCHED_FRAME,
  FRAME_MAX,
  FRAME_MIN,
  INTAKE_HEAD,
  SESSION_HOST,
  SESSION_PATH,
  sessionAt,
} from './layout';
import { isOwn, mayBeOwn, OWN_HEAD, OWN_LOOK } from './own';
import { packEnd, packFrame } from './pack';
import { OP_REFUSE_OWN, OP_SEAL, ringBody, ringCommit, ringRoom } from './ring';
import { noteSource, SOURCE_END } from './sources';
import { STATUS_OWN, tally } from './status';

/** Whether a frame of this length is carried. */
export function fits(length: u32): bool {
  return length >= FRAME_MIN && length <= FRAME_MAX;
}

/**
 * Puts a frame, which lies in two parts, into the ring, to be sealed: by itself, or on the secure cable packed with others,
 * which intakeEnd hands over. One that does not fit gets a slot without its bytes: sealing refuses and counts it, as it
 * does all that cannot be carried, and the host hears of it.
 * @returns whether there was room
 */
export function intake(session: u32, first: usize, firstLength: u32, rest: usize, restLength: u32): bool {
  const length = firstLength + restLength;
  if (!fits(length)) {
    packEnd(session);
    if (ringRoom() == 0) return false;
    ringCommit(session, OP_SEAL, length);
    return true;
  }
  const record = sessionAt(session);
  if (load<u32>(record, SESSION_PATH) > 0) {
    const may = firstLength < OWN_LOOK || mayBeOwn(first);
    if (may && isOwn(headOf(first, firstLength, rest, restLength), length)) {
      packEnd(session);
      if (ringRoom() > 0) ringCommit(session, OP_REFUSE_OWN, 0);
      else tally(record, STATUS_OWN);
      return true;
    }
    if (load<u32>(record, SESSION_HOST) > 0)
      return hostFrame(session, record, first, firstLength, rest, restLength);
    if (firstLength >= SOURCE_END) noteSource(record, first);
    return packFrame(session, first, firstLength, rest, restLength);
  }
  if (ringRoom() == 0) return false;
  memory.copy(ringBody(), first, firstLength);
  memory.copy(ringBody() + firstLength, rest, restLength);
  ringCommit(session, OP_SEAL, length);
  return true;
}

/** Where the beginning of a frame is in one part. */
function headOf(first: usize, firstLength: u32, rest: usize, restLength: u32): usize {
  if (restLength == 0 || firstLength >= OWN_HEAD) return first;
  memory.copy(INTAKE_HEAD, first, firstLength);
  memory.copy(INTAKE_HEAD + firstLength, rest, min(restLength, OWN_HEAD - firstLength));
  return INTAKE_HEAD;
}

/** No more frames for now: what was packed is handed over. A frame is never held back to be joined by others. */
export function intakeEnd(session: u32): void {
  packEnd(session);
}

/**
 * Takes the first `count` frames at FETCHED.
 * @returns how many found room in the ring
 */
export function intakeFetched(session: u32, count: u32): u32 {
  let i: u32 = 0;
  for (; i < count; i++) {
    const at = FETCHED + <usize>i * FETCHED_BYTES;
    if (!intake(session, at + FETCHED_FRAME, load<u32>(at), 0, 0)) break;
  }
  intakeEnd(session);
  return i;
}
