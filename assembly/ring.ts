// The shared ring: frames become datagrams in it, and datagrams frames, in place.
//
// One side does the I/O, the other runs the core; they may be two threads. Three positions run round
// the ring, tail ≤ done ≤ head, head - tail ≤ RING_SLOTS:
//
//     tail ........ done ........ head ........ tail + RING_SLOTS
//     processed     filled        free
//     I/O side's    the core's    I/O side's
//
// - The I/O side fills the slot at head (its descriptor, then its bytes) and moves head: ringCommit.
// - The core works on the slots from done to head and moves done: ringProcess.
// - The I/O side reads a slot between tail and done, and moves tail past it when nobody needs the
//   bytes any more (a send that has not finished does).
//
// A descriptor is 32 bytes:
//     0  u32  session
//     4  u32  operation, OP_*
//     8  u32  address of the first byte
//    12  u32  length in bytes
//    16  u32  status, STATUS_*
//    20  u32  not used
//    24  u32  of a transport message that was opened: the place of its keypair
//    28  u32  and how many whole frames lie in it (unpack.ts)
// In: a frame, or a payload of records, at slot + SLOT_BODY; or a datagram so far before it that its body is aligned.
// Out: the other of the two, at `address`, when the status is OK; zero bytes otherwise.
import { classicEncrypt, classicOpen, classicPrepare, classicQueue, TYPE_DATA } from './classic';
import {
  DATAGRAM_MAX,
  DESCRIPTOR_BYTES,
  DESCRIPTORS,
  RING_BATCH,
  RING_DONE,
  RING_HEAD,
  RING_SLOTS,
  RING_TAIL,
  SLOT_BODY,
  SLOT_BYTES,
  SLOTS,
  sessionAt,
  TRANSPORT_HEADER,
} from './layout';
import { ownNote } from './own';
import { STATUS_OK, STATUS_OWN, tally } from './status';
import { TRANSPORT_OVERHEAD, transportOpen, transportSeal } from './transport';

/** Seal the frame: it becomes a DATA datagram. */
export const OP_SEAL: u32 = 1;
/** Open the DATA datagram: it becomes a frame. */
export const OP_OPEN: u32 = 2;
/** Seal the payload: it becomes a transport message (secure.md §2.1). */
export const OP_SEAL_TRANSPORT: u32 = 3;
/** Open the transport message: it becomes a payload. */
export const OP_OPEN_TRANSPORT: u32 = 4;
/** Refuse a frame, which is a datagram of ours (own.ts). */
export const OP_REFUSE_OWN: u32 = 5;

export const DESCRIPTOR_SESSION: usize = 0;
export const DESCRIPTOR_OP: usize = 4;
export const DESCRIPTOR_ADDRESS: usize = 8;
export const DESCRIPTOR_LENGTH: usize = 12;
export const DESCRIPTOR_STATUS: usize = 16;
export const DESCRIPTOR_DATA: usize = 20;
export const DESCRIPTOR_KEYPAIR: usize = 24;
export const DESCRIPTOR_FRAMES: usize = 28;

export function descriptorAt(position: u32): usize {
  return DESCRIPTORS + <usize>((position & (RING_SLOTS - 1)) * DESCRIPTOR_BYTES);
}

export function slotAt(position: u32): usize {
  return SLOTS + <usize>((position & (RING_SLOTS - 1)) * SLOT_BYTES);
}

/** How many slots are free to be filled. */
export function ringRoom(): u32 {
  return RING_SLOTS - (atomic.load<u32>(RING_HEAD) - atomic.load<u32>(RING_TAIL));
}

/** A place for a frame's or a payload's bytes: the body of the slot at head. */
export function ringBody(): usize {
  return slotAt(atomic.load<u32>(RING_HEAD)) + SLOT_BODY;
}

/** How far before the body of its slot what an operation works on begins. */
function before(op: u32): u32 {
  return op == OP_OPEN ? 1 : op == OP_OPEN_TRANSPORT ? TRANSPORT_HEADER : 0;
}

/** Describes the slot at head, whose bytes are in place, and hands it to the core. I/O side only. */
export function ringCommit(session: u32, op: u32, length: u32): void {
  const head = atomic.load<u32>(RING_HEAD);
  const descriptor = descriptorAt(head);
  store<u32>(descriptor, session, DESCRIPTOR_SESSION);
  store<u32>(descriptor, op, DESCRIPTOR_OP);
  store<u32>(descriptor, <u32>(slotAt(head) + SLOT_BODY) - before(op), DESCRIPTOR_ADDRESS);
  store<u32>(descriptor, length, DESCRIPTOR_LENGTH);
  atomic.store<u32>(RING_HEAD, head + 1);
}

/**
 * Puts datagrams into the ring, to be opened, that the kernel handed out in one piece: all of `segment` bytes, the
 * last one perhaps of fewer. Stops before one that is no DATA, or with OP_OPEN_TRANSPORT no transport message with the
 * receiver's index of the first; before one that is too long for any frame; and when the ring is full. I/O side only.
 * @param op OP_OPEN or OP_OPEN_TRANSPORT
 * @returns how many bytes were taken
 */
export function ringFill(session: u32, op: u32, at: usize, length: u32, segment: u32): u32 {
  const first = load<u64>(at);
  let taken: u32 = 0;
  while (taken < length && ringRoom() > 0) {
    const from = at + taken;
    const size = min(segment, length - taken);
    if (size > DATAGRAM_MAX) break;
    const wanted =
      op == OP_OPEN ? load<u8>(from) == TYPE_DATA : size >= TRANSPORT_OVERHEAD && load<u64>(from) == first;
    if (!wanted) break;
    memory.copy(slotAt(atomic.load<u32>(RING_HEAD)) + SLOT_BODY - before(op), from, size);
    ringCommit(session, op, size);
    taken += size;
  }
  return taken;
}

/**
 * Seals and opens what waits between done and head, RING_BATCH slots at most, in the order of the slots; all but
 * Blowfish's encryption, which comes last, of all of them together.
 * @param now ms, of a clock that does not jump: for what is bounded in time (storm.ts)
 * @returns how many slots were processed
 */
export function ringProcess(now: f64): u32 {
  const done = atomic.load<u32>(RING_DONE);
  const waiting = atomic.load<u32>(RING_HEAD) - done;
  const count = min(waiting, RING_BATCH);
  const end = done + count;
  let spans: u32 = 0;
  for (let position = done; position != end; position++) spans = work(descriptorAt(position), spans, now);
  classicEncrypt(spans);
  for (let position = done; position != end; position++) noteSealed(descriptorAt(position));
  atomic.store<u32>(RING_DONE, end);
  return count;
}

/** Notes what is sent: it may come back. */
function noteSealed(descriptor: usize): void {
  const op = load<u32>(descriptor, DESCRIPTOR_OP);
  const length = load<u32>(descriptor, DESCRIPTOR_LENGTH);
  if ((op == OP_SEAL || op == OP_SEAL_TRANSPORT) && length > 0)
    ownNote(load<u32>(descriptor, DESCRIPTOR_ADDRESS), length);
}

/** Works on a slot; returns how many spans wait to be encrypted. */
function work(descriptor: usize, spans: u32, now: f64): u32 {
  const session = load<u32>(descriptor, DESCRIPTOR_SESSION);
  const span = descriptor + DESCRIPTOR_ADDRESS;
  let status: u32;
  switch (load<u32>(descriptor, DESCRIPTOR_OP)) {
    case OP_OPEN:
      status = classicOpen(session, span, now);
      break;
    case OP_SEAL_TRANSPORT:
      status = transportSeal(session, span, descriptor + DESCRIPTOR_DATA);
      break;
    case OP_OPEN_TRANSPORT:
      status = transportOpen(session, span, descriptor + DESCRIPTOR_KEYPAIR, descriptor + DESCRIPTOR_DATA);
      break;
    case OP_REFUSE_OWN:
      status = STATUS_OWN;
      break;
    default:
      status = classicPrepare(session, span);
      if (status == STATUS_OK) spans = classicQueue(session, spans, span);
  }
  store<u32>(descriptor, status, DESCRIPTOR_STATUS);
  if (status != STATUS_OK) store<u32>(descriptor, 0, DESCRIPTOR_LENGTH);
  tally(sessionAt(session), status);
  return spans;
}
