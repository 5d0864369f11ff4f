// ICMPv6 (RFC 4443): a message under its checksum.
import { checksum } from './checksum.js';
import { type Packet, PROTOCOL, packetOf } from './ip.js';

export const ICMPV6 = {
  TOO_BIG: 2,
  QUERY: 130,
  REPORT_1: 131,
  DONE: 132,
  ROUTER_SOLICITATION: 133,
  ROUTER_ADVERTISEMENT: 134,
  SOLICITATION: 135,
  ADVERTISEMENT: 136,
  REDIRECT: 137,
  REPORT_2: 143,
} as const;

/** The type of a packet's message; undefined where it has none. */
export function icmpv6Type({ protocol, part, payload }: Packet): number | undefined {
  return protocol === PROTOCOL.ICMPV6 && part !== 'later' ? payload[0] : undefined;
}

/** Whether a type is one of neighbour discovery's (RFC 4861). */
export function isDiscovery(type: number | undefined): boolean {
  return type !== undefined && type >= ICMPV6.ROUTER_SOLICITATION && type <= ICMPV6.REDIRECT;
}

/** Whether the checksum of a packet's message is right. */
export function isIntact({ source, destination, payload }: Packet): boolean {
  return checksum(source, destination, PROTOCOL.ICMPV6, payload) === 0;
}

/** @param message type, code, two bytes for the checksum, and what follows */
export function icmpv6Of(
  source: Uint8Array,
  destination: Uint8Array,
  message: Uint8Array,
  how: { readonly hops: number; readonly alert?: boolean },
): Uint8Array {
  const payload = message.slice();
  const its = checksum(source, destination, PROTOCOL.ICMPV6, payload);
  payload.set([its >> 8, its & 0xff], 2);
  return packetOf({ source, destination, protocol: PROTOCOL.ICMPV6, ...how, payload });
}
