// Keys of the secure cable (secure.md §3.1), drawn by the system's generator.
import { drawSecret } from '../keys/draw.js';
import * as keys from '../keys/key-text.js';

export { keyText, parseKey } from '../keys/key-text.js';
export { publicKeyOf } from '../keys/public-key.js';

/**
 * A fresh private key, as `wg genkey` makes it: clamped (RFC 7748 §5).
 * @returns 32 bytes
 */
export function newPrivateKey(): Uint8Array {
  return keys.newPrivateKey(drawSecret);
}

/**
 * A fresh preshared key, as `wg genpsk` makes it.
 * @returns 32 bytes
 */
export function newPresharedKey(): Uint8Array {
  return keys.newPresharedKey(drawSecret);
}
