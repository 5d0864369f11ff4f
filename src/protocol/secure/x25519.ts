// X25519 (RFC 7748 §5), by the core. Not of a library: those compute with BigInt, whose copies of a private key nobody can wipe, or
// keep keys in objects of their own.
import { multiple } from '../../core/handshake.js';

const BYTES = 32;

function times(secret: Uint8Array, point?: Uint8Array): Uint8Array {
  if (secret.length !== BYTES || (point ?? secret).length !== BYTES)
    throw new RangeError('a key has 32 bytes');
  return multiple(secret, point);
}

/**
 * The public key of a private one (§6.1).
 * @throws RangeError for other lengths than 32 bytes
 */
export function publicKeyOf(secret: Uint8Array): Uint8Array {
  return times(secret);
}

/**
 * What two keys agree on (§6.1), 32 bytes that do not move, so that wiping them wipes all of them.
 * @throws RangeError for other lengths than 32 bytes, and for a public key of small order, whose result would be zero
 */
export function agree(secret: Uint8Array, other: Uint8Array): Uint8Array {
  const shared = times(secret, other);
  let any = 0;
  for (const byte of shared) any |= byte;
  if (any === 0) throw new RangeError('this public key agrees on nothing');
  return shared;
}
