import type { Keying } from '../core/terms.js';

/**
 * The longest frame whose sealed form is a datagram of at most so many bytes (classic.md §6).
 * @param datagram bytes of UDP payload, at least 32
 */
export function longestFrame(suite: Keying['suite'], datagram: number): number {
  switch (suite) {
    case 'plain':
      return datagram - 1;
    case 'blowfish':
      // Counter and CRC are 12 bytes; at least one byte of padding fills the last block of 8.
      return 8 * Math.floor((datagram - 1) / 8) - 12 - 1;
    case 'chacha20':
      return datagram - 1 - 12;
  }
}

/** Headers of IPv6 and UDP: what a packet has besides the UDP payload, whichever family carries it. */
export const PATH_HEADERS = 48;
/** The MTU of a path, bytes: what every IPv4 host takes, and the largest datagram of ours, with headers. */
export const PATH_MTU = { min: 576, max: 9_299, usual: 1_500 } as const;

/**
 * The longest datagram for which a path takes one packet (secure.md §2.6).
 * @param mtu of the path, bytes of IP packet; less than every host takes counts as that
 * @returns bytes of UDP payload
 */
export function datagramMax(mtu: number): number {
  return Math.max(mtu, PATH_MTU.min) - PATH_HEADERS;
}
