import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { isLinkLocal } from '../protocol/address-scope.js';

/** Addresses that are of a site alone: RFC 1918, RFC 6598, RFC 4193. */
const PRIVATE =
  /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|f[cd][\da-f]{2}:)/i;

/** Whether an address is of a site alone. */
export function isPrivate(address: string): boolean {
  return PRIVATE.test(address);
}

/** Whether an address means nothing elsewhere: RFC 3927, RFC 4291. */
function isOfALink(address: string): boolean {
  return address.startsWith('169.254.') || isLinkLocal(address);
}

/**
 * Addresses at which others may reach a socket of this machine: those that the whole internet has first, IPv4 before IPv6.
 * @param local the socket's own address; `::` or `0.0.0.0` for all
 */
export function ownAddresses(local: string, interfaces = networkInterfaces()): string[] {
  if (local !== '::' && local !== '0.0.0.0') return isOfALink(local) ? [] : [local];
  const all = Object.values(interfaces)
    .flatMap((one) => one ?? [])
    .filter(({ internal, address }) => !internal && !isOfALink(address))
    .map(({ address }) => address)
    .filter((address) => local === '::' || isIPv4(address));
  const rank = (address: string) => (isPrivate(address) ? 2 : 0) + (isIPv4(address) ? 0 : 1);
  return [...new Set(all)].sort((one, other) => rank(one) - rank(other));
}
