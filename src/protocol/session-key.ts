import type { Keying } from '../core/core.js';
import { KEY_FILE_BYTES, RESPONSE_BYTES } from './constants.js';

/** Draws random bytes; the host hands in the runtime's own. */
export type Random = (bytes: number) => Uint8Array;

/** The ciphers of the two generations (classic-protocol §3). */
export const CIPHERS = ['blowfish', 'chacha20'] as const;
/** One of them. */
export type Cipher = (typeof CIPHERS)[number];

/** What a key file holds, 24 or 44 bytes; 'none' where nothing is encrypted (`-x`). */
export type Secret = Uint8Array | 'none';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
/** With `vde_` before them. One NUL is left in the 16 bytes: the C server reads them as a string. */
const ID_CHARACTERS = 11;

/** A session id that nobody guesses: the key file on the server is found by it. */
export function newId(random: Random): string {
  let id = 'vde_';
  while (id.length < 4 + ID_CHARACTERS) {
    for (const byte of random(ID_CHARACTERS)) {
      // Bytes above the largest multiple of 62 would make some characters likelier.
      if (byte < 248 && id.length < 4 + ID_CHARACTERS) id += ALPHABET[byte % 62];
    }
  }
  return id;
}

/** Whether a C client made this id (§1). */
export function isOriginalId(id: string): boolean {
  return /^vde_[A-Za-z0-9]{6}$/.test(id);
}

/** The content of a fresh key file. */
export function newKey(random: Random, cipher: Cipher): Uint8Array {
  return random(KEY_FILE_BYTES[cipher]);
}

/**
 * The ways in which a RESPONSE of this length can have been sealed (§3): the length tells the generation, and
 * nothing but the CRC which block counter a build of the ChaCha generation begins with.
 */
export function keyingsFor(secret: Secret, responseLength: number): Keying[] {
  if (secret === 'none') return responseLength === RESPONSE_BYTES.plain ? [{ suite: 'plain' }] : [];
  if (responseLength === RESPONSE_BYTES.blowfish) return [{ suite: 'blowfish', key: secret }];
  if (responseLength !== RESPONSE_BYTES.chacha20 || secret.length < KEY_FILE_BYTES.chacha20) return [];
  return [
    { suite: 'chacha20', key: secret, block: 12 },
    { suite: 'chacha20', key: secret, block: 0 },
  ];
}

/** A copy of a key, to be wiped on its own. (`slice` would not do: a Node Buffer's shares its memory.) */
export function copyKey(key: Uint8Array): Uint8Array {
  return Uint8Array.from(key);
}

/** Overwrites a key that is needed no more. */
export function wipe(secret: Secret): void {
  if (secret !== 'none') secret.fill(0);
}
