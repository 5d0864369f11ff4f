// The headers of TCP and UDP in an Ethernet frame, as far as cutting and joining need them.
// RFC 791 (IPv4), RFC 8200 (IPv6), RFC 9293 (TCP), RFC 768 (UDP), IEEE 802.1Q (tags). All numbers in them are big-endian.
import { fold, sum16, word } from './checksum';

const ETHERTYPE: u32 = 12;
/** Bytes of the header. */
export const ETHERNET: u32 = 14;
const TAG: u32 = 4;
/** Tags of one frame. */
const TAGS_MAX: u32 = 2;

export const IPV4: u32 = 4;
const IPV6: u32 = 6;
/** Header without options. */
export const IPV4_BYTES: u32 = 20;
export const IPV4_LENGTH: usize = 2;
export const IPV4_ID: usize = 4;
export const IPV4_FRAGMENT: usize = 6;
export const IPV4_PROTOCOL: usize = 9;
const IPV4_CHECKSUM: usize = 10;
export const IPV4_ADDRESSES: usize = 12;
export const IPV6_BYTES: u32 = 40;
export const IPV6_LENGTH: usize = 4;
export const IPV6_NEXT: usize = 6;
export const IPV6_ADDRESSES: usize = 8;

export const PROTOCOL_TCP: u32 = 6;
export const PROTOCOL_UDP: u32 = 17;
export const TCP_BYTES: u32 = 20;
export const TCP_SEQUENCE: usize = 4;
const TCP_OFFSET: usize = 12;
export const TCP_FLAGS: usize = 13;
export const TCP_CHECKSUM: usize = 16;
export const UDP_BYTES: u32 = 8;
export const UDP_LENGTH: usize = 4;
/** 0 there says that there is none, so that a sum of 0 is written as 0xffff. */
export const UDP_CHECKSUM: usize = 6;
export const FIN: u32 = 0x01;
export const PSH: u32 = 0x08;
export const ACK: u32 = 0x10;
export const CWR: u32 = 0x80;

export function load16(at: usize): u32 {
  return bswap<u16>(load<u16>(at));
}

export function store16(at: usize, value: u32): void {
  store<u16>(at, bswap<u16>(<u16>value));
}

export function load32(at: usize): u32 {
  return bswap<u32>(load<u32>(at));
}

export function store32(at: usize, value: u32): void {
  store<u32>(at, bswap<u32>(value));
}

/** Where the IP header is in a frame, behind Ethernet's header and its tags; `length` when there is no room for any. */
export function ipOffset(frame: usize, length: u32): u32 {
  let offset = ETHERNET;
  for (let tags: u32 = 0; tags <= TAGS_MAX && offset + IPV4_BYTES <= length; tags++) {
    const type = load16(frame + offset - (ETHERNET - ETHERTYPE));
    if (type != 0x8100 && type != 0x88a8) return offset;
    offset += TAG;
  }
  return length;
}

/** The version of the IP packet at `offset`, which the frame's type and the packet's own first bits tell; 0 when there is none. */
export function ipVersion(frame: usize, offset: u32, length: u32): u32 {
  if (offset + IPV4_BYTES > length) return 0;
  const type = load16(frame + offset - (ETHERNET - ETHERTYPE));
  const version = <u32>load<u8>(frame + offset) >> 4;
  if (type == 0x0800 && version == IPV4) return IPV4;
  if (type == 0x86dd && version == IPV6 && offset + IPV6_BYTES <= length) return IPV6;
  return 0;
}

/** Bytes of a TCP header with its options. */
export function tcpBytes(tcp: usize): u32 {
  return (<u32>load<u8>(tcp, TCP_OFFSET) >> 4) << 2;
}

/**
 * Writes what says how long an IP packet is, and IPv4's checksum.
 * @param headers bytes of the IP header; with IPv6, of those that follow, too
 */
export function ipSetLength(ip: usize, version: u32, headers: u32, payload: u32): void {
  if (version == IPV6) {
    store16(ip + IPV6_LENGTH, headers - IPV6_BYTES + payload);
    return;
  }
  store16(ip + IPV4_LENGTH, headers + payload);
  store<u16>(ip, 0, IPV4_CHECKSUM);
  store<u16>(ip, <u16>~fold(sum16(ip, headers)), IPV4_CHECKSUM);
}

/** Whether an IPv4 header without options has the checksum that a sender of ours would write. */
export function ipv4Valid(ip: usize): bool {
  return fold(sum16(ip, IPV4_BYTES)) == 0xffff && load<u16>(ip, IPV4_CHECKSUM) != 0xffff;
}

/** The sum of the pseudo header of TCP or UDP, of `length` bytes with its own header. */
export function pseudoSum(ip: usize, version: u32, protocol: u32, length: u32): u64 {
  const addresses = version == IPV6 ? sum16(ip + IPV6_ADDRESSES, 32) : sum16(ip + IPV4_ADDRESSES, 8);
  return addresses + word(protocol) + word(length);
}
