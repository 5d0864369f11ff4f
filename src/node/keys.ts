// Keys of the secure cable (secure-protocol §3), drawn by the system's generator.
import { randomBytes } from 'node:crypto';
import * as keys from '../keys/key-text.js';

export { keyText, parseKey } from '../keys/key-text.js';
export { publicKeyOf } from '../keys/public-key.js';

/**
 * A fresh private key, as `wg genkey` makes it: clamped (RFC 7748 §5).
 * @returns 32 bytes
 */
export function newPrivateKey(): Uint8Array {
  return keys.newPrivateKey(randomBytes);
}

/**
 * A fresh preshared key, as `wg genpsk` makes it.
 * @returns 32 bytes
 */
export function newPresharedKey(): Uint8Array {
  return keys.newPresharedKey(randomBytes);
}
