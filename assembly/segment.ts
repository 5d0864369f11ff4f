// Frames from a tap into the ring. A tap opened with IFF_VNET_HDR gives TCP and UDP as super-frames of up to 64 KiB, which are
// cut here into what would have come without (as the kernel's own software does: headers repeated, and numbered on), and frames
// whose checksums are not finished.
import { fold, sum16, word } from './checksum';
import {
  CWR,
  FIN,
  IPV4,
  IPV4_BYTES,
  IPV4_ID,
  IPV4_PROTOCOL,
  IPV6_BYTES,
  IPV6_NEXT,
  ipOffset,
  ipSetLength,
  ipVersion,
  load16,
  load32,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  PSH,
  store16,
  store32,
  TCP_BYTES,
  TCP_CHECKSUM,
  TCP_FLAGS,
  TCP_SEQUENCE,
  tcpBytes,
  UDP_BYTES,
  UDP_CHECKSUM,
  UDP_LENGTH,
} from './headers';
import { intake } from './intake';
import { FRAME_MAX, TAP_FRAME } from './layout';
import {
  VNET_BYTES,
  VNET_ECN,
  VNET_FLAGS,
  VNET_NEEDS_SUM,
  VNET_SIZE,
  VNET_SUM_OFFSET,
  VNET_SUM_START,
  VNET_TCP4,
  VNET_TCP6,
  VNET_TYPE,
  VNET_UDP,
} from './vnet';

const VNET: usize = TAP_FRAME - VNET_BYTES;

/** Bytes of the frame at TAP_FRAME. */
let length: u32 = 0;
/** Bytes of its headers; 0 when it is no super-frame. */
let headers: u32 = 0;
/** Where its payload goes on. */
let next: u32 = 0;
// Of a super-frame:
/** Bytes of payload in each of its frames. */
let size: u32 = 0;
let version: u32 = 0;
let ip: usize = 0;
/** Whether it is of UDP, not of TCP; and where its header stands. */
let udp: bool = false;
let transport: usize = 0;
/** What its first frame has. */
let id: u32 = 0;
let sequence: u32 = 0;
let flags: u32 = 0;
/** The sum of the pseudo header, without the length. */
let pseudo: u64 = 0;

/**
 * Looks at what a tap gave, header and frame.
 * @param bytes of the frame
 */
export function segmentBegin(bytes: u32): void {
  length = bytes;
  next = 0;
  headers = 0;
  const type = <u32>load<u8>(VNET, VNET_TYPE);
  udp = (type & ~VNET_ECN) == VNET_UDP;
  if (type != 0) beginSuper(type);
  if (headers > 0) return;
  // Datagrams that cannot be told apart are carried as none: refused, and counted.
  if (udp) length = FRAME_MAX + 1;
  else if (load<u8>(VNET, VNET_FLAGS) & VNET_NEEDS_SUM) finishSum();
}

/** Sets `headers` and what goes with it, if this is a super-frame as the kernel makes them. */
function beginSuper(type: u32): void {
  const start = <u32>load<u16>(VNET, VNET_SUM_START);
  const at = ipOffset(TAP_FRAME, length);
  version = ipVersion(TAP_FRAME, at, length);
  if (version == 0) return;
  if (udp ? type != VNET_UDP : (type & ~VNET_ECN) != (version == IPV4 ? VNET_TCP4 : VNET_TCP6)) return;
  if ((load<u8>(VNET, VNET_FLAGS) & VNET_NEEDS_SUM) == 0) return;
  const least = udp ? UDP_BYTES : TCP_BYTES;
  const protocol = udp ? PROTOCOL_UDP : PROTOCOL_TCP;
  const checksum = <u32>(udp ? UDP_CHECKSUM : TCP_CHECKSUM);
  if (load<u16>(VNET, VNET_SUM_OFFSET) != checksum || start + least > length) return;
  ip = TAP_FRAME + at;
  transport = TAP_FRAME + start;
  if (version == IPV4) {
    const own = (<u32>load<u8>(ip) & 15) << 2;
    if (own < IPV4_BYTES || at + own != start || load<u8>(ip, IPV4_PROTOCOL) != protocol) return;
  } else {
    // Behind other headers of IPv6 it may be what it says.
    if (start < at + IPV6_BYTES) return;
    if (start == at + IPV6_BYTES && load<u8>(ip, IPV6_NEXT) != protocol) return;
  }
  size = load<u16>(VNET, VNET_SIZE);
  const all = start + (udp ? UDP_BYTES : tcpBytes(transport));
  if (size == 0 || all < start + least || all >= length) return;
  headers = all;
  next = all;
  id = load16(ip + IPV4_ID);
  if (!udp) {
    sequence = load32(transport + TCP_SEQUENCE);
    flags = load<u8>(transport, TCP_FLAGS);
  }
  pseudo = <u64>load<u16>(transport + <usize>checksum) + (word(length - start) ^ 0xffff);
}

/** Finishes a frame's checksum. */
function finishSum(): void {
  const start = <u32>load<u16>(VNET, VNET_SUM_START);
  const offset = <u32>load<u16>(VNET, VNET_SUM_OFFSET);
  if (start + offset + 2 > length) return;
  const from = TAP_FRAME + start;
  const sum = ~fold(sum16(from, length - start)) & 0xffff;
  store<u16>(from + offset, <u16>(sum == 0 && offset == <u32>UDP_CHECKSUM ? 0xffff : sum));
}

/** Makes the headers those of the frame whose payload begins at `next`. */
function makeHeaders(bytes: u32): void {
  const own = headers - <u32>(transport - TAP_FRAME);
  const done = next - headers;
  if (version == IPV4) store16(ip + IPV4_ID, id + done / size);
  ipSetLength(ip, version, <u32>(transport - ip), own + bytes);
  const checksum = transport + (udp ? UDP_CHECKSUM : TCP_CHECKSUM);
  if (udp) {
    store16(transport + UDP_LENGTH, own + bytes);
  } else {
    store32(transport + TCP_SEQUENCE, sequence + done);
    const first = done == 0 ? flags : flags & ~CWR;
    store<u8>(transport, <u8>(next + bytes == length ? first : first & ~(FIN | PSH)), TCP_FLAGS);
  }
  store<u16>(checksum, 0);
  const outside = pseudo + word(own + bytes);
  const sum = ~fold(outside + sum16(transport, own) + sum16(TAP_FRAME + next, bytes)) & 0xffff;
  store<u16>(checksum, <u16>(sum == 0 && udp ? 0xffff : sum));
}

/**
 * Puts what is left of the frame, or of a super-frame's frames, into the ring, to be sealed. When it was the last one for now,
 * intakeEnd is due.
 * @returns whether all of it found room; if not, it should be called again
 */
export function segmentNext(session: u32): bool {
  if (headers == 0) return intake(session, TAP_FRAME, length, 0, 0);
  while (next < length) {
    const bytes = min(size, length - next);
    makeHeaders(bytes);
    if (!intake(session, TAP_FRAME, headers, TAP_FRAME + next, bytes)) return false;
    next += bytes;
  }
  return true;
}
