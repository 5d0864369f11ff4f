import { keyPair } from '../protocol/secure/noise.js';

/** The public key of a private one, as `wg pubkey` prints it. */
export function publicKeyOf(privateKey: Uint8Array): Uint8Array {
  return keyPair(privateKey).public;
}
