import { codeOf } from '../error.js';
import type { Remote } from '../protocol/remote.js';
import { cannotOpen } from './udp.js';

const MAPPED = '::ffff:';

/** All addresses of this machine: of both families, or of IPv4 alone. */
export const ANY = { both: '::', ipv4: '0.0.0.0' } as const;

/** An address as the socket for both families takes it. */
export function mapped(address: string): string {
  return address.includes(':') ? address : MAPPED + address;
}

/** On the socket for both families an IPv4 address shows in its mapped form. */
export function unmapped({ address, port }: Remote): Remote {
  return { address: address.startsWith(MAPPED) ? address.slice(MAPPED.length) : address, port };
}

/**
 * Opens a socket for both families; for IPv4 alone where there is no IPv6.
 * @throws CryptcabError that says why the port cannot be had
 */
export async function openDual<T>(
  port: number,
  open: (host: (typeof ANY)[keyof typeof ANY]) => Promise<T>,
): Promise<T> {
  try {
    try {
      return await open(ANY.both);
    } catch (error) {
      if (!['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL'].includes(codeOf(error) ?? '')) throw error;
      return await open(ANY.ipv4);
    }
  } catch (error) {
    throw cannotOpen(port, error);
  }
}
