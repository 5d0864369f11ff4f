// X25519 (RFC 7748 §5), by the core. Not of a library: those compute with BigInt, whose copies of a private key nobody can wipe, or
// keep keys in objects of their own.
import { multiple, multiples } from '../../core/handshake.js';

const BYTES = 32;
const LENGTH = 'a key has 32 bytes';
const NOTHING = 'this public key agrees on nothing';

function times(secret: Uint8Array, point?: Uint8Array): Uint8Array {
  if (secret.length !== BYTES || (point ?? secret).length !== BYTES) throw new RangeError(LENGTH);
  return multiple(secret, point);
}

/**
 * The public key of a private one (§6.1).
 * @throws RangeError for other lengths than 32 bytes
 */
export function publicKeyOf(secret: Uint8Array): Uint8Array {
  return times(secret);
}

function isZero(bytes: Uint8Array): boolean {
  let any = 0;
  for (const byte of bytes) any |= byte;
  return any === 0;
}

/**
 * What two keys agree on (§6.1), 32 bytes that do not move, so that wiping them wipes all of them.
 * @throws RangeError for other lengths than 32 bytes, and for a public key of small order, whose result would be zero
 */
export function agree(secret: Uint8Array, other: Uint8Array): Uint8Array {
  const shared = times(secret, other);
  if (isZero(shared)) throw new RangeError(NOTHING);
  return shared;
}

/**
 * Two agreements at once, which take less time than one after the other.
 * @throws RangeError as agree() does, where either of them has a reason
 */
export function agreeTwice(
  secrets: readonly [Uint8Array, Uint8Array],
  others: readonly [Uint8Array, Uint8Array],
): [Uint8Array, Uint8Array] {
  if ([...secrets, ...others].some(({ length }) => length !== BYTES)) throw new RangeError(LENGTH);
  const shared = multiples(secrets, others);
  if (!shared.some(isZero)) return shared;
  for (const one of shared) one.fill(0);
  throw new RangeError(NOTHING);
}
