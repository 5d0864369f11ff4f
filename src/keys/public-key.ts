import { isBytes } from '../is-bytes.js';
import { keyPair } from '../protocol/secure/noise.js';

/** The public key of a private one, as `wg pubkey` prints it. */
export function publicKeyOf(privateKey: Uint8Array): Uint8Array {
  if (!isBytes(privateKey)) throw new TypeError('a private key is a Uint8Array of 32 bytes');
  return keyPair(privateKey).public;
}
