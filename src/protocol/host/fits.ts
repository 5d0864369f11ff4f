// What becomes of a packet that is too large for the way to the device: its sender gets an error, and TCP a smaller segment size before (secure.md §6.7).
import { isStation } from './address.js';
import { sum } from './checksum.js';
import { ICMPV6, icmpv6Of, icmpv6Type } from './icmpv6.js';
import { type Packet, PROTOCOL, packetOf } from './ip.js';

const HOPS = 64;
const [SYN, OPTION_END, OPTION_NOTHING, OPTION_MSS] = [0x02, 0, 1, 2];
const TCP_BYTES = 20;
/** An error of ICMP repeats so much of what it is about, at most (RFC 1812 §4.3.2.3, RFC 4443 §3.2). */
const REPEATED = { 4: 576 - 28, 6: 1280 - 48 } as const;

/**
 * The answer to a packet for one station that does not fit: IPv4's "fragmentation needed" (RFC 1191), IPv6's "packet too big" (RFC 8201). It
 * comes from the packet's own destination.
 * @param mtu the largest packet that fits, bytes
 * @returns undefined where none may be sent (RFC 1122 §3.2.2, RFC 4443 §2.4)
 */
export function tooBig(packet: Packet, mtu: number): Uint8Array | undefined {
  const { family, source, destination, bytes, protocol, part, payload } = packet;
  if (part === 'later' || !isStation(source)) return undefined;
  const repeated = bytes.subarray(0, REPEATED[family]);
  if (family === 6) {
    if ((icmpv6Type(packet) ?? 128) < 128) return undefined;
    const message = new Uint8Array(8 + repeated.length);
    message[0] = ICMPV6.TOO_BIG;
    new DataView(message.buffer).setUint32(4, mtu);
    message.set(repeated, 8);
    return icmpv6Of(destination, source, message, { hops: HOPS });
  }
  if (protocol === PROTOCOL.ICMP && [3, 4, 5, 11, 12].includes(payload[0] ?? 0)) return undefined;
  const message = Uint8Array.of(3, 4, 0, 0, 0, 0, mtu >> 8, mtu & 0xff, ...repeated);
  const its = 0xffff ^ sum(message);
  message.set([its >> 8, its & 0xff], 2);
  return packetOf({
    source: destination,
    destination: source,
    protocol: PROTOCOL.ICMP,
    hops: HOPS,
    payload: message,
  });
}

/**
 * Makes the MSS of a SYN no larger than what fits, in place, with its checksum (RFC 1624). Changes no other packet.
 * @param mtu the largest packet that fits, bytes
 */
export function clampMss({ family, protocol, part, payload }: Packet, mtu: number): void {
  if (protocol !== PROTOCOL.TCP || part === 'later' || payload.length < TCP_BYTES) return;
  if (((payload[13] as number) & SYN) === 0) return;
  const most = mtu - (family === 4 ? 20 : 40) - TCP_BYTES;
  const end = Math.min(payload.length, 4 * ((payload[12] as number) >> 4));
  for (let at = TCP_BYTES; at + 1 < end && payload[at] !== OPTION_END; ) {
    if (payload[at] === OPTION_NOTHING) {
      at++;
      continue;
    }
    const length = payload[at + 1] as number;
    if (length < 2 || at + length > end) return;
    if (payload[at] === OPTION_MSS && length === 4) lower(payload, at + 2, most);
    at += length;
  }
}

/** Makes a number of 16 bits at most as large as another, and the checksum of TCP fit. */
function lower(tcp: Uint8Array, at: number, most: number): void {
  const view = new DataView(tcp.buffer, tcp.byteOffset, tcp.length);
  const before = view.getUint16(at);
  if (before <= most) return;
  view.setUint16(at, most);
  // At an odd place the two bytes are in two words of the sum.
  const [removed, added] = at % 2 === 0 ? [before, most] : [swapped(before), swapped(most)];
  let total = (0xffff ^ view.getUint16(16)) + (0xffff ^ removed) + added;
  while (total > 0xffff) total = (total & 0xffff) + (total >> 16);
  view.setUint16(16, 0xffff ^ total);
}

const swapped = (word: number) => ((word & 0xff) << 8) | (word >> 8);
