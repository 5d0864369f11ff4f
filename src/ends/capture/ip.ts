// A datagram as the IP packet that it is on the wire. Nobody sees the real one's header here: what is not known of it is zero.

import { addressBytes } from '../../network/address.js';
import { sum } from '../../protocol/host/checksum.js';

const UDP = 17;
const HOPS = 64;
const UDP_BYTES = 8;

interface Side {
  readonly address: string;
  readonly port: number;
}

const V4_NOBODY = new Uint8Array(4);
const V6_NOBODY = new Uint8Array(16);

/**
 * A datagram with the headers of UDP and IP before it. An address that is not known, or of the other family, is written as
 * the unspecified one.
 */
export function ipPacket(from: Side, to: Side, datagram: Uint8Array): Uint8Array {
  const source = addressBytes(from.address);
  const target = addressBytes(to.address);
  const isKnown = (bytes: Uint8Array | undefined) => bytes?.some((byte) => byte !== 0) === true;
  const known = isKnown(source) ? source : target;
  const six = known?.length === 16;
  const asKnown = (bytes: Uint8Array | undefined) => {
    const nobody = six ? V6_NOBODY : V4_NOBODY;
    return bytes?.length === nobody.length ? bytes : nobody;
  };
  const header = six ? 40 : 20;
  const packet = new Uint8Array(header + UDP_BYTES + datagram.length);
  const view = new DataView(packet.buffer);
  const length = UDP_BYTES + datagram.length;
  if (six) {
    packet[0] = 0x60;
    view.setUint16(4, length);
    packet.set([UDP, HOPS], 6);
    packet.set(asKnown(source), 8);
    packet.set(asKnown(target), 24);
  } else {
    packet[0] = 0x45;
    view.setUint16(2, packet.length);
    packet.set([HOPS, UDP], 8);
    packet.set(asKnown(source), 12);
    packet.set(asKnown(target), 16);
    view.setUint16(10, 0xffff ^ sum(packet.subarray(0, header)));
  }
  view.setUint16(header, from.port);
  view.setUint16(header + 2, to.port);
  view.setUint16(header + 4, length);
  packet.set(datagram, header + UDP_BYTES);
  // With IPv4 a checksum of zero says that there is none; with IPv6 there has to be one.
  if (six) view.setUint16(header + 6, 0xffff ^ sum(packet.subarray(8), length + UDP) || 0xffff);
  return packet;
}
