// A session whose peer is a stock WireGuard device, and a host on the Ethernet (secure.md §6). Its payloads are IP packets:
// a packet of its own gets an Ethernet header, which is written over the transport header before it; a frame for it loses
// the header. What takes more than that (ARP, multicast, a neighbour that is not known, a packet that is too long) is kept
// for the main thread, which rules the addresses and the table of neighbours here.
import { fold } from './checksum';
import { fragmentsForget } from './fragments';
import { countOpened } from './frames';
import {
  ETHERNET,
  IPV4,
  IPV4_ADDRESSES,
  IPV4_BYTES,
  IPV4_FRAGMENT,
  IPV4_LENGTH,
  IPV4_PROTOCOL,
  IPV6_ADDRESSES,
  IPV6_BYTES,
  IPV6_LENGTH,
  IPV6_NEXT,
  load16,
  PROTOCOL_TCP,
  store16,
  TCP_BYTES,
  TCP_CHECKSUM,
  TCP_FLAGS,
  tcpBytes,
} from './headers';
import { putKept } from './kept';
import {
  FRAME_MAX,
  HOST_KEPT,
  HOST_KEPT_BYTES,
  HOST_KEPT_COUNT,
  HOST_KEPT_MAX,
  HOST_NETWORKS_MAX,
  HOST_OWN_MAX,
  NEIGHBOUR_BYTES,
  NEIGHBOURS_SETS,
  NEIGHBOURS_WAYS,
  SESSION_CURRENT,
  SESSION_HOST,
  SESSION_HOST_GATEWAYS,
  SESSION_HOST_MAC,
  SESSION_HOST_NETWORKS,
  SESSION_HOST_NETWORKS_COUNT,
  SESSION_HOST_OWN,
  SESSION_HOST_OWN_COUNT,
  SESSION_HOST_TURN,
  SESSION_NEIGHBOURS,
  SESSION_PATH,
  sessionAt,
} from './layout';
import { listensTo } from './listens';
import { OP_SEAL_TRANSPORT, ringBody, ringCommit, ringRoom } from './ring';
import {
  STATUS_FRAME_LONG,
  STATUS_HOST_BUSY,
  STATUS_IP,
  STATUS_NOT_HOST,
  STATUS_SOURCE,
  STATUS_STORM,
  tally,
} from './status';
import { isStorm } from './storm';
import { TRANSPORT_OVERHEAD } from './transport';

/** Who sent what is kept. */
export const FROM_SWITCH: u32 = 0;
export const FROM_HOST: u32 = 1;

const TYPE_IPV4: u32 = 0x0800;
const TYPE_IPV6: u32 = 0x86dd;
const TYPE_ARP: u32 = 0x0806;
// A request of ARP, over Ethernet and for IPv4, begins with these bytes: 0, 1; 8, 0; 6, 4; 0, 1 (RFC 826).
const ARP_REQUEST: u64 = 0x0100040600080100;
const ARP_SENDER: usize = 14;
const ARP_TARGET: usize = 24;
const ARP_BYTES: u32 = 28;
const PROTOCOL_UDP: u32 = 17;
const PROTOCOL_ICMPV6: u32 = 58;
const HOP_BY_HOP: u32 = 0;
const ROUTING: u32 = 43;
const DESTINATION_OPTIONS: u32 = 60;
const DHCP_CLIENT: u32 = 68;
/** ICMPv6 of Neighbour Discovery: router solicitation to redirect. */
const ND_FIRST: u32 = 133;
const ND_LAST: u32 = 137;
const SYN: u32 = 0x02;
const OPTION_END: u32 = 0;
const OPTION_NONE: u32 = 1;
const OPTION_MSS: u32 = 2;

// An address is two words as they are in memory; one of IPv4 is mapped, ::ffff:192.0.2.1. A network has the number of its
// bits behind it, a neighbour its MAC address, and a word that says that it is there; so has a gateway's MAC address.
const ADDRESS_BYTES: usize = 16;
const NETWORK_BYTES: usize = 20;
const BITS: usize = 16;
const MAC: usize = 16;
const MAC_BYTES: usize = 6;
const GATEWAY_BYTES: usize = 8;
const MAPPED: u64 = 0xffff0000;

// The address at hand.
let high: u64 = 0;
let low: u64 = 0;

function take4(at: usize): void {
  high = 0;
  low = ((<u64>load<u32>(at)) << 32) | MAPPED;
}

function take6(at: usize): void {
  high = load<u64>(at);
  low = load<u64>(at, 8);
}

/** Whether the address at hand is the host's own. */
function isOwnAddress(record: usize): bool {
  const count = load<u32>(record, SESSION_HOST_OWN_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const at = record + SESSION_HOST_OWN + <usize>i * ADDRESS_BYTES;
    if (load<u64>(at, 8) == low && load<u64>(at) == high) return true;
  }
  return false;
}

/** Whether two words agree in their first bits. */
function agree(one: u64, other: u64, bits: u32): bool {
  return bits == 0 || bswap<u64>(one ^ other) >>> (64 - bits) == 0;
}

/** Whether the stations of the network that the address at hand is in are reached directly. */
function isOnLink(record: usize): bool {
  const count = load<u32>(record, SESSION_HOST_NETWORKS_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const at = record + SESSION_HOST_NETWORKS + <usize>i * NETWORK_BYTES;
    const bits = load<u32>(at, BITS);
    if (agree(load<u64>(at), high, min(bits, 64)) && agree(load<u64>(at, 8), low, max(bits, 64) - 64))
      return true;
  }
  return false;
}

/** Where the set of the table begins that the address at hand belongs to. */
function setOf(record: usize): usize {
  const set = ((<u32>(low >>> 56) ^ <u32>(low >>> 48)) & (NEIGHBOURS_SETS - 1)) * NEIGHBOURS_WAYS;
  return record + SESSION_NEIGHBOURS + <usize>set * NEIGHBOUR_BYTES;
}

/** The entry of the address at hand; 0 when there is none. */
function neighbour(record: usize): usize {
  const set = setOf(record);
  for (let way: u32 = 0; way < NEIGHBOURS_WAYS; way++) {
    const entry = set + <usize>way * NEIGHBOUR_BYTES;
    if (load<u64>(entry, 8) == low && load<u64>(entry) == high && isThere(entry + MAC)) return entry;
  }
  return 0;
}

function isThere(mac: usize): bool {
  return load<u16>(mac, MAC_BYTES) != 0;
}

/** The MAC address that a packet for the address at hand goes to; 0 when the main thread has to say. */
function nextHop(record: usize): usize {
  if (isOnLink(record)) {
    const entry = neighbour(record);
    return entry == 0 ? 0 : entry + MAC;
  }
  const is4 = high == 0 && <u32>low == <u32>MAPPED;
  const gateway = record + SESSION_HOST_GATEWAYS + (is4 ? 0 : GATEWAY_BYTES);
  return isThere(gateway) ? gateway : 0;
}

/**
 * Makes a session that of a host, for as long as it lives, or tells it other addresses. Neighbours stay.
 * @param at MAC address, 6 bytes, and 2 that mean nothing; its own addresses, 16 bytes each; networks on the link, 20 bytes each
 */
export function hostAddresses(session: u32, at: usize, own: u32, networks: u32): void {
  const record = sessionAt(session);
  if (load<u32>(record, SESSION_HOST) == 0) fragmentsForget(session); // from now on the table is that of neighbours
  store<u32>(record, 1, SESSION_HOST);
  memory.copy(record + SESSION_HOST_MAC, at, MAC_BYTES);
  const first = at + 8;
  const ownMost = min(own, HOST_OWN_MAX);
  memory.copy(record + SESSION_HOST_OWN, first, <usize>ownMost * ADDRESS_BYTES);
  store<u32>(record, ownMost, SESSION_HOST_OWN_COUNT);
  const most = min(networks, HOST_NETWORKS_MAX);
  const second = first + <usize>own * ADDRESS_BYTES;
  memory.copy(record + SESSION_HOST_NETWORKS, second, <usize>most * NETWORK_BYTES);
  store<u32>(record, most, SESSION_HOST_NETWORKS_COUNT);
}

/**
 * Says where packets for other networks go.
 * @param family 4 or 6
 * @param at MAC address
 * @param there whether there is a gateway; otherwise the main thread gets such packets
 */
export function hostGateway(session: u32, family: u32, at: usize, there: bool): void {
  const gateway = sessionAt(session) + SESSION_HOST_GATEWAYS + (family == IPV4 ? 0 : GATEWAY_BYTES);
  memory.copy(gateway, at, MAC_BYTES);
  store<u16>(gateway, <u16>there, MAC_BYTES);
}

/**
 * Enters a neighbour, or takes it away. Where its set is full another one makes room: packets for that one go to the main
 * thread again.
 * @param at address, 16 bytes; MAC address
 */
export function hostNeighbour(session: u32, at: usize, there: bool): void {
  const record = sessionAt(session);
  take6(at);
  let entry = neighbour(record);
  if (!there) {
    if (entry != 0) memory.fill(entry, 0, NEIGHBOUR_BYTES);
    return;
  }
  const set = setOf(record);
  for (let way: u32 = 0; way < NEIGHBOURS_WAYS && entry == 0; way++) {
    const one = set + <usize>way * NEIGHBOUR_BYTES;
    if (!isThere(one + MAC)) entry = one;
  }
  if (entry == 0) {
    const turn = load<u32>(record, SESSION_HOST_TURN);
    store<u32>(record, turn + 1, SESSION_HOST_TURN);
    entry = set + <usize>(turn & (NEIGHBOURS_WAYS - 1)) * NEIGHBOUR_BYTES;
  }
  memory.copy(entry, at, MAC + MAC_BYTES);
  store<u16>(entry, 1, MAC + MAC_BYTES);
}

/** Counts what the main thread has no room for. */
export function hostBusy(session: u32): void {
  tally(sessionAt(session), STATUS_HOST_BUSY);
}

/** Keeps a frame from the switch, or a packet of the host, for the main thread. */
function keep(session: u32, from: u32, at: usize, length: u32): void {
  const count = load<u32>(HOST_KEPT_COUNT);
  if (count == HOST_KEPT_MAX) {
    hostBusy(session);
    return;
  }
  putKept(HOST_KEPT + <usize>count * HOST_KEPT_BYTES, session, from, at, length);
  store<u32>(HOST_KEPT_COUNT, count + 1);
}

/** Bytes of a packet, by its header; 0 for what is no whole one. @param length bytes that there are */
function packetBytes(packet: usize, length: u32): u32 {
  if (length < IPV4_BYTES) return 0;
  if (<u32>load<u8>(packet) >> 4 == IPV4) {
    const bytes = load16(packet + IPV4_LENGTH);
    const own = (<u32>load<u8>(packet) & 15) << 2;
    return own < IPV4_BYTES || bytes < own || bytes > length ? 0 : bytes;
  }
  if (length < IPV6_BYTES) return 0;
  const bytes = IPV6_BYTES + load16(packet + IPV6_LENGTH);
  return bytes > length ? 0 : bytes;
}

/** Whether a packet of IPv6 is one of Neighbour Discovery, or may be. */
function mayBeDiscovery(packet: usize, bytes: u32): bool {
  const next = load<u8>(packet, IPV6_NEXT);
  if (next == HOP_BY_HOP || next == ROUTING || next == DESTINATION_OPTIONS) return true;
  if (next != PROTOCOL_ICMPV6 || bytes <= IPV6_BYTES) return false;
  const type = load<u8>(packet + IPV6_BYTES);
  return type >= ND_FIRST && type <= ND_LAST;
}

/** Has a SYN ask for no larger segments than the tunnel takes. @param most bytes of the largest packet */
function clamp(packet: usize, version: u32, bytes: u32, most: u32): void {
  let own: u32 = IPV6_BYTES;
  if (version == IPV4) {
    own = (<u32>load<u8>(packet) & 15) << 2;
    if (load<u8>(packet, IPV4_PROTOCOL) != PROTOCOL_TCP || (load16(packet + IPV4_FRAGMENT) & 0x1fff) != 0)
      return;
  } else if (load<u8>(packet, IPV6_NEXT) != PROTOCOL_TCP) {
    return;
  }
  if (bytes < own + TCP_BYTES) return;
  const tcp = packet + own;
  if ((load<u8>(tcp, TCP_FLAGS) & SYN) == 0) return;
  const end = min(tcpBytes(tcp), bytes - own);
  const limit = most - own - TCP_BYTES;
  for (let i = TCP_BYTES; i < end; ) {
    const kind = <u32>load<u8>(tcp + i);
    if (kind == OPTION_END) return;
    if (kind == OPTION_NONE) {
      i++;
      continue;
    }
    if (i + 1 >= end) return;
    const size = <u32>load<u8>(tcp + i, 1);
    if (size < 2 || i + size > end) return;
    if (kind == OPTION_MSS && size == 4) {
      if (load16(tcp + i + 2) > limit) setSegment(tcp, tcp + i + 2, limit);
      return;
    }
    i += size;
  }
}

/** Changes a word of a TCP header, and the checksum by as much (RFC 1624). */
function setSegment(tcp: usize, at: usize, value: u32): void {
  const odd = ((at - tcp) & 1) != 0;
  const before = load<u16>(at);
  store16(at, value);
  const after = load<u16>(at);
  const was = odd ? bswap<u16>(before) : before;
  const is = odd ? bswap<u16>(after) : after;
  const sum = <u64>(~load<u16>(tcp, TCP_CHECKSUM) & 0xffff) + (~was & 0xffff) + is;
  store<u16>(tcp, <u16>~fold(sum), TCP_CHECKSUM);
}

function isMac(at: usize, mac: usize): bool {
  return load<u32>(at) == load<u32>(mac) && load<u16>(at, 4) == load<u16>(mac, 4);
}

/** What becomes of a frame from the switch that is not sealed. */
const KEEP: u32 = 0;
const NOT_HOST: u32 = 0xffffffff;
const OF_OTHERS: u32 = 0xfffffffe;

/**
 * Whether a frame with ARP is a request of one station for another, which says nothing to the host. Each of a thousand hosts
 * gets each of them. What a station that the main thread remembers says is for the host, and what one says of its own address.
 */
function isOfOthers(record: usize, frame: usize, length: u32): bool {
  const arp = frame + ETHERNET;
  if (length < ETHERNET + ARP_BYTES || load<u64>(arp) != ARP_REQUEST) return false;
  if (load<u32>(arp + ARP_SENDER) == load<u32>(arp + ARP_TARGET)) return false;
  if (isMac(frame + MAC_BYTES, record + SESSION_HOST_MAC)) return false;
  if (listensTo(record, load<u32>(arp + ARP_SENDER))) return false;
  take4(arp + ARP_SENDER);
  if (isOwnAddress(record)) return false;
  take4(arp + ARP_TARGET);
  return !isOwnAddress(record);
}

function isForGroup(packet: usize, version: u32): bool {
  if (version == IPV4) return load<u8>(packet, IPV4_ADDRESSES + 4) >= 224;
  return load<u8>(packet, IPV6_ADDRESSES + 16) == 0xff;
}

/** Bytes of the packet in a frame, which is for the host and should be sealed; or KEEP, NOT_HOST or OF_OTHERS. */
function packetFor(record: usize, frame: usize, length: u32): u32 {
  const type = load16(frame + ETHERNET - 2);
  const group = (load<u8>(frame) & 1) != 0;
  if (!group && !isMac(frame, record + SESSION_HOST_MAC)) return NOT_HOST;
  if (type == TYPE_ARP) return group && isOfOthers(record, frame, length) ? OF_OTHERS : KEEP;
  if (type != TYPE_IPV4 && type != TYPE_IPV6) return NOT_HOST;
  const packet = frame + ETHERNET;
  const version = type == TYPE_IPV4 ? IPV4 : 6;
  const bytes = packetBytes(packet, length - ETHERNET);
  if (bytes == 0 || <u32>load<u8>(packet) >> 4 != version) return NOT_HOST;
  // A bridge may send what is for a group to each member's own MAC address.
  if (group || isForGroup(packet, version) || load<u32>(record, SESSION_CURRENT) == 0) return KEEP;
  if (version == IPV4) {
    const own = (<u32>load<u8>(packet) & 15) << 2;
    const udp = load<u8>(packet, IPV4_PROTOCOL) == PROTOCOL_UDP && bytes >= own + 4;
    if (udp && load16(packet + own + 2) == DHCP_CLIENT) return KEEP;
    take4(packet + IPV4_ADDRESSES + 4);
  } else {
    if (mayBeDiscovery(packet, bytes)) return KEEP;
    take6(packet + IPV6_ADDRESSES + 16);
  }
  if (!isOwnAddress(record)) return NOT_HOST;
  const most = load<u32>(record, SESSION_PATH) - TRANSPORT_OVERHEAD;
  if (bytes > most) return KEEP;
  clamp(packet, version, bytes, most);
  return bytes;
}

/**
 * Takes a frame from the switch, which lies in two parts, for a host.
 * @param record of the session
 * @returns whether the ring had room
 */
export function hostFrame(
  session: u32,
  record: usize,
  first: usize,
  firstLength: u32,
  rest: usize,
  restLength: u32,
): bool {
  if (ringRoom() == 0) return false;
  const frame = ringBody() - ETHERNET;
  memory.copy(frame, first, firstLength);
  memory.copy(frame + firstLength, rest, restLength);
  const length = firstLength + restLength;
  const bytes = packetFor(record, frame, length);
  if (bytes == KEEP) keep(session, FROM_SWITCH, frame, length);
  else if (bytes == NOT_HOST) tally(record, STATUS_NOT_HOST);
  else if (bytes != OF_OTHERS) ringCommit(session, OP_SEAL_TRANSPORT, bytes);
  return true;
}

/**
 * Takes a payload of a host, which becomes a frame in its place: ETHERNET bytes before the packet.
 * @param record of the session
 * @param now ms
 * @returns bytes of the frame; 0 when there is none for the switch
 */
export function hostPacket(session: u32, record: usize, packet: usize, length: u32, now: f64): u32 {
  const version = <u32>load<u8>(packet) >> 4;
  const bytes = version == IPV4 || version == 6 ? packetBytes(packet, length) : 0;
  if (bytes == 0) {
    tally(record, STATUS_IP);
    return 0;
  }
  if (ETHERNET + bytes > FRAME_MAX) {
    tally(record, STATUS_FRAME_LONG);
    return 0;
  }
  if (version == IPV4) take4(packet + IPV4_ADDRESSES);
  else take6(packet + IPV6_ADDRESSES);
  if (!isOwnAddress(record)) {
    tally(record, STATUS_SOURCE);
    return 0;
  }
  const frame = packet - ETHERNET;
  const group = isForGroup(packet, version);
  if (version == IPV4) take4(packet + IPV4_ADDRESSES + 4);
  else take6(packet + IPV6_ADDRESSES + 16);
  if (group) {
    store<u8>(frame, 1);
    if (isStorm(record, frame, now)) {
      tally(record, STATUS_STORM);
      return 0;
    }
  }
  let mac: usize = 0;
  if (!group && (version == IPV4 || !mayBeDiscovery(packet, bytes))) mac = nextHop(record);
  if (mac == 0) {
    keep(session, FROM_HOST, packet, bytes);
    return 0;
  }
  clamp(packet, version, bytes, load<u32>(record, SESSION_PATH) - TRANSPORT_OVERHEAD);
  memory.copy(frame, mac, MAC_BYTES);
  memory.copy(frame + MAC_BYTES, record + SESSION_HOST_MAC, MAC_BYTES);
  store16(frame + ETHERNET - 2, version == IPV4 ? TYPE_IPV4 : TYPE_IPV6);
  countOpened(record, ETHERNET + bytes);
  return ETHERNET + bytes;
}
