// IPv4 and IPv6 packets (RFC 791, RFC 8200).
import type { Family } from './address.js';
import { sum } from './checksum.js';

export const PROTOCOL = { ICMP: 1, IGMP: 2, TCP: 6, UDP: 17, ICMPV6: 58 } as const;

/** Headers of IPv6 that others may follow: hop-by-hop options, routing, authentication, destination options. */
const [HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION] = [0, 43, 44, 51, 60];
const V4_BYTES = 20;
const V6_BYTES = 40;
/** Asks routers to look at a packet (RFC 2113; RFC 2711 behind a hop-by-hop header, padded). */
const ROUTER_ALERT = { 4: [0x94, 4, 0, 0], 6: [PROTOCOL.ICMPV6, 0, 5, 2, 0, 0, 1, 0] } as const;

/** A packet that was read. Its parts are views. */
export interface Packet {
  /** As long as its header says: what is behind is padding. */
  readonly bytes: Uint8Array;
  readonly family: Family;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** TTL, or hop limit. */
  readonly hops: number;
  /** What is in it, behind all extension headers. */
  readonly protocol: number;
  readonly payload: Uint8Array;
  /** Which part it is, of a packet that was cut; a later one has no header of its protocol. */
  readonly part: 'whole' | 'first' | 'later';
}

/** @returns undefined where it is cut off, or is none */
export function readPacket(bytes: Uint8Array): Packet | undefined {
  const version = (bytes[0] ?? 0) >> 4;
  return version === 4 ? readV4(bytes) : version === 6 ? readV6(bytes) : undefined;
}

const word = (bytes: Uint8Array, at: number) => ((bytes[at] as number) << 8) | (bytes[at + 1] as number);

function readV4(bytes: Uint8Array): Packet | undefined {
  if (bytes.length < V4_BYTES) return undefined;
  const header = 4 * ((bytes[0] as number) & 15);
  const length = word(bytes, 2);
  if (header < V4_BYTES || length < header || length > bytes.length) return undefined;
  const cut = word(bytes, 6);
  return {
    bytes: bytes.subarray(0, length),
    family: 4,
    source: bytes.subarray(12, 16),
    destination: bytes.subarray(16, 20),
    hops: bytes[8] as number,
    protocol: bytes[9] as number,
    payload: bytes.subarray(header, length),
    part: (cut & 0x1fff) !== 0 ? 'later' : (cut & 0x2000) !== 0 ? 'first' : 'whole',
  };
}

function readV6(bytes: Uint8Array): Packet | undefined {
  if (bytes.length < V6_BYTES) return undefined;
  const length = V6_BYTES + word(bytes, 4);
  if (length > bytes.length) return undefined;
  let protocol = bytes[6] as number;
  let at = V6_BYTES;
  let part: Packet['part'] = 'whole';
  while (
    part !== 'later' &&
    [HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION].includes(protocol)
  ) {
    if (at + 8 > length) return undefined;
    const units = bytes[at + 1] as number;
    if (protocol === FRAGMENT) {
      const cut = word(bytes, at + 2);
      if (cut >> 3 !== 0) part = 'later';
      else if ((cut & 1) !== 0) part = 'first';
    }
    const next = bytes[at] as number;
    at += protocol === FRAGMENT ? 8 : protocol === AUTHENTICATION ? 4 * (units + 2) : 8 * (units + 1);
    protocol = next;
    if (at > length) return undefined;
  }
  return {
    bytes: bytes.subarray(0, length),
    family: 6,
    source: bytes.subarray(8, 24),
    destination: bytes.subarray(24, 40),
    hops: bytes[7] as number,
    protocol,
    payload: bytes.subarray(at, length),
    part,
  };
}

/** What a packet of the machine's own is made of. */
export interface PacketParts {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
  readonly hops: number;
  /** Whether routers are to look at it. */
  readonly alert?: boolean;
  readonly payload: Uint8Array;
}

/** A packet with a header before its payload; with IPv4 it must not be cut. */
export function packetOf(parts: PacketParts): Uint8Array {
  const { source, destination, protocol, hops, alert = false, payload } = parts;
  const six = source.length === 16;
  const options = alert ? ROUTER_ALERT[six ? 6 : 4] : [];
  const header = (six ? V6_BYTES : V4_BYTES) + options.length;
  const packet = new Uint8Array(header + payload.length);
  const view = new DataView(packet.buffer);
  if (six) {
    packet[0] = 0x60;
    view.setUint16(4, packet.length - V6_BYTES);
    packet.set([alert ? HOP_BY_HOP : protocol, hops], 6);
    packet.set(source, 8);
    packet.set(destination, 24);
    packet.set(options, V6_BYTES);
  } else {
    packet[0] = 0x40 | (header / 4);
    view.setUint16(2, packet.length);
    view.setUint16(6, 0x4000);
    packet.set([hops, protocol], 8);
    packet.set(source, 12);
    packet.set(destination, 16);
    packet.set(options, V4_BYTES);
    view.setUint16(10, 0xffff ^ sum(packet.subarray(0, header)));
  }
  packet.set(payload, header);
  return packet;
}
