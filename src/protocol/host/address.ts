// IP addresses as bytes: 4 of IPv4, 16 of IPv6.
import { sameBytes } from '../bytes.js';
import type { Prefix } from './terms.js';

export type Family = 4 | 6;

export function familyOf(address: Uint8Array): Family {
  return address.length === 4 ? 4 : 6;
}

/** An address as the key of a map. */
export function addressKey(address: Uint8Array): string {
  return address.join();
}

export function isUnspecified(address: Uint8Array): boolean {
  return address.every((byte) => byte === 0);
}

export function isMulticast(address: Uint8Array): boolean {
  const [first = 0] = address;
  return address.length === 4 ? first >> 4 === 0xe : first === 0xff;
}

export function isLinkLocal([first = 0, second = 0]: Uint8Array): boolean {
  return first === 0xfe && second >> 6 === 0b10;
}

/** Whether a station of a network can have an address: no multicast, loopback, reserved or unspecified one. */
export function isStation(address: Uint8Array): boolean {
  const [first = 0] = address;
  if (address.length === 4) return first !== 0 && first !== 127 && first < 224;
  return first !== 0xff && !address.subarray(0, 15).every((byte) => byte === 0);
}

/** Whether it is an IPv4 address in the form of IPv6 (RFC 4291 §2.5.5.2), which no packet of a network has. */
export function isMapped(address: Uint8Array): boolean {
  return address.length === 16 && address.subarray(0, 12).every((byte, i) => byte === (i < 10 ? 0 : 0xff));
}

/** Whether an address is in a network. */
export function within(address: Uint8Array, { address: network, bits }: Prefix): boolean {
  if (address.length !== network.length) return false;
  const whole = bits >> 3;
  if (!sameBytes(address.subarray(0, whole), network.subarray(0, whole))) return false;
  const rest = bits & 7;
  return rest === 0 || ((address[whole] as number) ^ (network[whole] as number)) >> (8 - rest) === 0;
}

/** Whether it is all of IPv4's stations, or all of a network's. */
export function isBroadcast(address: Uint8Array, networks: readonly Prefix[]): boolean {
  if (address.length !== 4) return false;
  if (address.every((byte) => byte === 0xff)) return true;
  return networks.some((network) => network.bits < 31 && sameBytes(address, lastOf(network)));
}

/** The last address of an IPv4 network. */
function lastOf({ address, bits }: Prefix): Uint8Array {
  return address.map((byte, i) => byte | (0xff >> Math.min(8, Math.max(0, bits - 8 * i))));
}

/** The group that stations ask for an IPv6 address at (RFC 4291 §2.7.1). */
export function solicitedNode(address: Uint8Array): Uint8Array {
  return Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...address.subarray(13));
}

export const NOBODY_4 = new Uint8Array(4);
export const NOBODY_6 = new Uint8Array(16);
/** ff02::1 and ff02::2. */
export const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
export const ALL_ROUTERS = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2);
/** All link-local IPv6 addresses. */
export const LINK_LOCAL: Prefix = {
  address: Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
  bits: 10,
};
