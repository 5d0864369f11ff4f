// Frames into payloads (secure.md §2.5; see records.ts): as many as the path carries in one datagram, one of them
// in fragments if it is larger than that. The payload is built in the slot at head, which is handed to the core by
// packEnd: at the latest when the frames at hand have been read.
import { FRAME_HEADER } from './frames';
import { FRAME_MIN, SESSION_FRAME_ID, SESSION_PATH, sessionAt } from './layout';
import { FRAGMENT, FRAGMENT_HEADER, PAYLOAD_RECORDS } from './records';
import { OP_SEAL_TRANSPORT, ringBody, ringCommit, ringRoom } from './ring';
import { TRANSPORT_OVERHEAD } from './transport';

/** What a datagram has left over is used for a first fragment if it carries at least this much. */
const FRAGMENT_MIN: u32 = 64;

/** Bytes of payload in the slot at head; 0 when none has been begun. */
let packed: u32 = 0;

function put16(value: u32): void {
  const at = ringBody() + packed;
  store<u8>(at, <u8>(value >>> 8));
  store<u8>(at, <u8>value, 1);
  packed += 2;
}

/** Appends `length` bytes, from `offset` on, of a frame that lies in two parts. */
function putPart(first: usize, firstLength: u32, rest: usize, offset: u32, length: u32): void {
  const at = ringBody() + packed;
  const near = offset < firstLength ? min(firstLength - offset, length) : 0;
  memory.copy(at, first + offset, near);
  if (near < length) memory.copy(at + near, rest + (offset + near - firstLength), length - near);
  packed += length;
}

function begin(): void {
  if (packed > 0) return;
  store<u8>(ringBody(), PAYLOAD_RECORDS);
  packed = 1;
}

/** Hands the payload that has been begun to the core. */
export function packEnd(session: u32): void {
  if (packed > 0) ringCommit(session, OP_SEAL_TRANSPORT, packed);
  packed = 0;
}

/**
 * Packs a frame, which lies in two parts.
 * @returns whether the ring had room for all of it; nothing of it is packed otherwise
 */
export function packFrame(session: u32, first: usize, firstLength: u32, rest: usize, restLength: u32): bool {
  const most = load<u32>(sessionAt(session), SESSION_PATH) - TRANSPORT_OVERHEAD;
  const length = firstLength + restLength;
  if (1 + FRAME_HEADER + length > most) return packFragments(session, most, first, firstLength, rest, length);
  if (packed + FRAME_HEADER + length > most) packEnd(session);
  if (packed == 0 && ringRoom() == 0) return false;
  begin();
  put16(length);
  putPart(first, firstLength, rest, 0, length);
  if (packed + FRAME_HEADER + FRAME_MIN > most) packEnd(session);
  return true;
}

function packFragments(
  session: u32,
  most: u32,
  first: usize,
  firstLength: u32,
  rest: usize,
  length: u32,
): bool {
  const header = FRAME_HEADER + FRAGMENT_HEADER;
  const each = most - 1 - header;
  const begun = packed > 0 && packed + header + FRAGMENT_MIN <= most;
  const leading = begun ? most - packed - header : 0;
  const more = (length - leading + each - 1) / each;
  // The slot at head is free still, though a payload has been begun in it.
  if (ringRoom() < more + (packed > 0 ? 1 : 0)) return false;
  const record = sessionAt(session);
  const id = load<u16>(record, SESSION_FRAME_ID);
  store<u16>(record, id + 1, SESSION_FRAME_ID);
  const count = more + (begun ? 1 : 0);
  if (!begun) packEnd(session);
  let offset: u32 = 0;
  for (let index: u32 = 0; index < count; index++) {
    const size = min(index == 0 && begun ? leading : each, length - offset);
    begin();
    put16(FRAGMENT | size);
    put16(id);
    put16((index << 8) | count);
    putPart(first, firstLength, rest, offset, size);
    offset += size;
    if (index + 1 < count || packed + FRAME_HEADER + FRAME_MIN > most) packEnd(session);
  }
  return true;
}
