// Requests and answers about addresses on a server's network, before a stock WireGuard device gets one:
//
//     {"do":"probe","addresses":["10.0.0.2","fd00::2"]}  →  {"used":["10.0.0.2"]}
//     {"do":"lease","publicKey":"…","name":"phone"}  →  {"leased":"10.0.0.50/24"}
import { addressBytes } from '../network/address.js';
import { parsePrefix } from '../network/host.js';
import type { Prefix } from '../protocol/host/terms.js';
import { objectOf } from './invite.js';

/** Addresses that are looked for at once. */
export const PROBE_MAX = 16;

/** The answer to `probe`: which of the addresses a station has. */
export interface Used {
  readonly used: readonly string[];
}

/** The answer to `lease`: the address that a DHCP server keeps for the device, and its network. */
export interface Leased {
  readonly leased: string;
}

/** The addresses of a request, or text that says what is wrong with them. */
export function readProbe(addresses: unknown): readonly string[] | string {
  const right =
    Array.isArray(addresses) &&
    addresses.length <= PROBE_MAX &&
    addresses.every((one) => typeof one === 'string' && addressBytes(one) !== undefined);
  return right ? addresses : `addresses is no list of IP addresses, ${PROBE_MAX} at most`;
}

/** The answer to `probe`; undefined if it is none. */
export function parseUsed(line: string): Set<string> | undefined {
  const used = readProbe(objectOf(line)?.used);
  return typeof used === 'string' ? undefined : new Set(used);
}

/** The answer to `lease`; undefined if it is none. */
export function parseLeased(line: string): Prefix | undefined {
  const leased = objectOf(line)?.leased;
  return typeof leased === 'string' ? parsePrefix(leased) : undefined;
}
