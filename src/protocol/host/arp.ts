// ARP over Ethernet and IPv4 (RFC 826).
import { sameBytes } from '../bytes.js';
import { isGroupMac } from './ethernet.js';

const BYTES = 28;
const ETHERNET_IPV4 = Uint8Array.of(0, 1, 8, 0, 6, 4);

export interface Arp {
  readonly what: 'request' | 'reply';
  readonly senderMac: Uint8Array;
  readonly sender: Uint8Array;
  readonly targetMac: Uint8Array;
  readonly target: Uint8Array;
}

/** @returns undefined for anything else */
export function readArp(payload: Uint8Array): Arp | undefined {
  if (payload.length < BYTES || !sameBytes(payload.subarray(0, 6), ETHERNET_IPV4)) return undefined;
  const operation = ((payload[6] as number) << 8) | (payload[7] as number);
  const senderMac = payload.subarray(8, 14);
  if ((operation !== 1 && operation !== 2) || isGroupMac(senderMac)) return undefined;
  return {
    what: operation === 1 ? 'request' : 'reply',
    senderMac,
    sender: payload.subarray(14, 18),
    targetMac: payload.subarray(18, 24),
    target: payload.subarray(24, 28),
  };
}

export function arpOf({ what, senderMac, sender, targetMac, target }: Arp): Uint8Array {
  const operation = what === 'request' ? 1 : 2;
  return Uint8Array.of(...ETHERNET_IPV4, 0, operation, ...senderMac, ...sender, ...targetMac, ...target);
}
