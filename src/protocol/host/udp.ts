// UDP over IPv4 (RFC 768), as DHCP has it.
import { checksum } from './checksum.js';
import { type Packet, PROTOCOL, packetOf } from './ip.js';

const BYTES = 8;
const HOPS = 64;

export interface Udp {
  readonly from: number;
  readonly to: number;
  readonly data: Uint8Array;
}

/** @returns undefined for anything else, or where the checksum is wrong */
export function readUdp({ family, protocol, part, payload, source, destination }: Packet): Udp | undefined {
  if (family !== 4 || protocol !== PROTOCOL.UDP || part !== 'whole' || payload.length < BYTES)
    return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const length = view.getUint16(4);
  if (length < BYTES || length > payload.length) return undefined;
  const whole = payload.subarray(0, length);
  if (view.getUint16(6) !== 0 && checksum(source, destination, PROTOCOL.UDP, whole) !== 0) return undefined;
  return { from: view.getUint16(0), to: view.getUint16(2), data: whole.subarray(BYTES) };
}

export function udpOf(source: Uint8Array, destination: Uint8Array, { from, to, data }: Udp): Uint8Array {
  const payload = new Uint8Array(BYTES + data.length);
  const view = new DataView(payload.buffer);
  view.setUint16(0, from);
  view.setUint16(2, to);
  view.setUint16(4, payload.length);
  payload.set(data, BYTES);
  view.setUint16(6, checksum(source, destination, PROTOCOL.UDP, payload) || 0xffff);
  return packetOf({ source, destination, protocol: PROTOCOL.UDP, hops: HOPS, payload });
}
