// Frames for a tap that was opened with IFF_VNET_HDR: those that follow one another in a TCP connection, or in a flow of UDP, go as
// one super-frame, made of the first one and the payloads of the others, wherever they are. The kernel, or the program that takes it
// from there, could cut it into the very same frames again: what would not come out as it was is not joined.
import { fold, sum16 } from './checksum';
import {
  ACK,
  IPV4,
  IPV4_BYTES,
  IPV4_FRAGMENT,
  IPV4_ID,
  IPV4_LENGTH,
  IPV4_PROTOCOL,
  IPV6_BYTES,
  IPV6_LENGTH,
  IPV6_NEXT,
  ipOffset,
  ipSetLength,
  ipVersion,
  ipv4Valid,
  load16,
  load32,
  PROTOCOL_TCP,
  PROTOCOL_UDP,
  PSH,
  pseudoSum,
  store16,
  TCP_BYTES,
  TCP_CHECKSUM,
  TCP_FLAGS,
  TCP_SEQUENCE,
  tcpBytes,
  UDP_BYTES,
  UDP_CHECKSUM,
  UDP_LENGTH,
} from './headers';
import { TAP_HEADER } from './layout';
import {
  VNET_FLAGS,
  VNET_HEADERS,
  VNET_NEEDS_SUM,
  VNET_SIZE,
  VNET_SUM_OFFSET,
  VNET_SUM_START,
  VNET_TCP4,
  VNET_TCP6,
  VNET_TYPE,
  VNET_UDP,
} from './vnet';

/** Of an IP packet. */
const PACKET_MAX: u32 = 65535;
/** More fragments, and where the fragment belongs: 0 in a packet that is whole. */
const FRAGMENT: u32 = 0x3fff;

// The frame that was looked at last:
let ipAt: u32 = 0;
let transportAt: u32 = 0;
let dataAt: u32 = 0;
let version: u32 = 0;
let protocol: u32 = 0;

// The super-frame that is being made:
let head: usize = 0;
let headLength: u32 = 0;
let headIp: u32 = 0;
let headTransport: u32 = 0;
let headers: u32 = 0;
let headVersion: u32 = 0;
let headProtocol: u32 = 0;
/** Bytes of payload in each frame but the last, and in all. */
let size: u32 = 0;
let total: u32 = 0;
let frames: u32 = 0;
/** Whether more may follow, and whether the first one has been seen to be whole. */
let open: bool = false;
let valid: bool = false;
let pushed: bool = false;

/**
 * Finds the headers of a TCP segment or UDP datagram with payload, and nothing about it that a super-frame could not tell: no
 * options of IP, no flags but ACK and PSH, a checksum, no padding behind it.
 */
function parse(frame: usize, length: u32): bool {
  ipAt = ipOffset(frame, length);
  version = ipVersion(frame, ipAt, length);
  if (version == 0) return false;
  const ip = frame + ipAt;
  if (version == IPV4) {
    if (load<u8>(ip) != 0x45) return false;
    if (load16(ip + IPV4_LENGTH) != length - ipAt || load16(ip + IPV4_FRAGMENT) & FRAGMENT) return false;
    protocol = load<u8>(ip, IPV4_PROTOCOL);
    transportAt = ipAt + IPV4_BYTES;
  } else {
    if (load16(ip + IPV6_LENGTH) != length - ipAt - IPV6_BYTES) return false;
    protocol = load<u8>(ip, IPV6_NEXT);
    transportAt = ipAt + IPV6_BYTES;
  }
  const transport = frame + transportAt;
  if (protocol == PROTOCOL_TCP) {
    if (transportAt + TCP_BYTES > length) return false;
    dataAt = transportAt + tcpBytes(transport);
    return (
      dataAt >= transportAt + TCP_BYTES && dataAt < length && (load<u8>(transport, TCP_FLAGS) & ~PSH) == ACK
    );
  }
  if (protocol != PROTOCOL_UDP) return false;
  // The kernel would count what is joined as one frame, and the policy of a client limits its broadcasts by number.
  if (load<u8>(frame) & 1) return false;
  dataAt = transportAt + UDP_BYTES;
  return (
    dataAt < length &&
    load16(transport + UDP_LENGTH) == length - transportAt &&
    load<u16>(transport, UDP_CHECKSUM) != 0
  );
}

/** Whether the checksums of a segment or datagram are what its sender must have written. */
function intact(frame: usize, length: u32): bool {
  if (headVersion == IPV4 && !ipv4Valid(frame + headIp)) return false;
  const bytes = length - headTransport;
  const sum =
    pseudoSum(frame + headIp, headVersion, headProtocol, bytes) + sum16(frame + headTransport, bytes);
  if (fold(sum) != 0xffff) return false;
  return headProtocol == PROTOCOL_UDP || load<u16>(frame + headTransport, TCP_CHECKSUM) != 0xffff;
}

function same(a: usize, b: usize, from: u32, to: u32): bool {
  for (; from + 8 <= to; from += 8) if (load<u64>(a + from) != load<u64>(b + from)) return false;
  for (; from < to; from++) if (load<u8>(a + from) != load<u8>(b + from)) return false;
  return true;
}

/** Whether the headers of a frame are the first one's, except for what tells the frames of a super-frame apart. */
function alike(frame: usize): bool {
  const ip = headIp;
  const transport = headTransport;
  if (headVersion == IPV4) {
    // Type of service; the fragment's fields, time to live and protocol; addresses and ports.
    if (!same(head, frame, 0, ip + 2)) return false;
    if (!same(head, frame, ip + 6, ip + 10)) return false;
    if (!same(head, frame, ip + 12, transport + 4)) return false;
    if (load16(frame + ip + IPV4_ID) != ((load16(head + ip + IPV4_ID) + frames) & 0xffff)) return false;
  } else {
    // Traffic class and flow label; next header, hop limit, addresses and ports.
    if (!same(head, frame, 0, ip + 4)) return false;
    if (!same(head, frame, ip + 6, transport + 4)) return false;
  }
  if (headProtocol == PROTOCOL_UDP) return true;
  // What is acknowledged, and the header's length; then, behind the flags, the window; the urgent pointer and options.
  if (!same(head, frame, transport + 8, transport + 13)) return false;
  if (!same(head, frame, transport + 14, transport + 16)) return false;
  if (!same(head, frame, transport + 18, headers)) return false;
  return load32(frame + transport + TCP_SEQUENCE) == load32(head + transport + TCP_SEQUENCE) + total;
}

function pushes(frame: usize): bool {
  return headProtocol == PROTOCOL_TCP && (load<u8>(frame + headTransport, TCP_FLAGS) & PSH) != 0;
}

/**
 * Begins with a frame; whatever it is, it can be the only one.
 * @param datagrams whether the tap takes UDP joined, too
 */
export function coalesceBegin(frame: usize, length: u32, datagrams: bool): void {
  open = parse(frame, length) && (datagrams || protocol == PROTOCOL_TCP);
  head = frame;
  headLength = length;
  frames = 1;
  if (!open) return;
  headIp = ipAt;
  headTransport = transportAt;
  headers = dataAt;
  headVersion = version;
  headProtocol = protocol;
  size = length - headers;
  total = size;
  valid = false;
  pushed = false;
  open = !pushes(head); // one that pushes is the last one of its super-frame
}

/** Joins the next frame, where that can be. @returns whether it is joined */
export function coalesceAdd(frame: usize, length: u32): bool {
  if (!open || !parse(frame, length)) return false;
  // TCP and UDP have headers of different lengths.
  if (ipAt != headIp || dataAt != headers || version != headVersion) return false;
  const bytes = length - headers;
  if (bytes > size || headers - headIp + total + bytes > PACKET_MAX || !alike(frame)) return false;
  valid = valid || intact(head, headLength);
  if (!valid) open = false;
  if (!valid || !intact(frame, length)) return false;
  total += bytes;
  frames++;
  pushed = pushes(frame);
  open = !pushed && bytes == size;
  return true;
}

/**
 * Writes the header of vnet.ts to TAP_HEADER; if frames were joined, the first one's headers become those of all.
 * @returns how many bytes of each frame but the first are left out
 */
export function coalesceEnd(): u32 {
  store<u64>(TAP_HEADER, 0);
  store<u16>(TAP_HEADER, 0, 8);
  if (frames == 1) return 0;
  const ip = head + headIp;
  const transport = head + headTransport;
  const udp = headProtocol == PROTOCOL_UDP;
  const checksum = udp ? UDP_CHECKSUM : TCP_CHECKSUM;
  const own = headers - headTransport;
  ipSetLength(ip, headVersion, headTransport - headIp, own + total);
  if (udp) store16(transport + UDP_LENGTH, own + total);
  else if (pushed) store<u8>(transport, load<u8>(transport, TCP_FLAGS) | PSH, TCP_FLAGS);
  store<u16>(transport + checksum, <u16>fold(pseudoSum(ip, headVersion, headProtocol, own + total)));
  store<u8>(TAP_HEADER, VNET_NEEDS_SUM, VNET_FLAGS);
  const type = udp ? VNET_UDP : headVersion == IPV4 ? VNET_TCP4 : VNET_TCP6;
  store<u8>(TAP_HEADER, <u8>type, VNET_TYPE);
  store<u16>(TAP_HEADER, headers, VNET_HEADERS);
  store<u16>(TAP_HEADER, size, VNET_SIZE);
  store<u16>(TAP_HEADER, headTransport, VNET_SUM_START);
  store<u16>(TAP_HEADER, <u16>checksum, VNET_SUM_OFFSET);
  return headers;
}
