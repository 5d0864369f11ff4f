// The MAC addresses of a host peer, and what follows from them (secure.md §6.2).
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { blake2s } from '../../core/handshake.js';
import { LABEL_MAC } from './constants.js';

/** Every station's. */
export const BROADCAST_MAC: Uint8Array = new Uint8Array(6).fill(0xff);

/**
 * The MAC address that a device has on every server: locally administered, unicast.
 * @param publicKey 32 bytes
 * @returns 6 bytes
 */
export function macOf(publicKey: Uint8Array): Uint8Array {
  const mac = blake2s(utf8ToBytes(LABEL_MAC), publicKey).slice(0, 6);
  mac[0] = ((mac[0] as number) & 0xfc) | 0x02;
  return mac;
}

/** The link-local IPv6 address of a MAC address (RFC 4291, appendix A). */
export function linkLocalOf(mac: Uint8Array): Uint8Array {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac;
  return Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 0x02, b, c, 0xff, 0xfe, d, e, f);
}

/** The MAC address of a multicast group (RFC 1112 §6.4, RFC 2464 §7). @param group 4 or 16 bytes */
export function multicastMac(group: Uint8Array): Uint8Array {
  if (group.length === 16) return Uint8Array.of(0x33, 0x33, ...group.subarray(12));
  const [, b = 0, c = 0, d = 0] = group;
  return Uint8Array.of(0x01, 0x00, 0x5e, b & 0x7f, c, d);
}
