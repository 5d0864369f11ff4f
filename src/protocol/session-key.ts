import type { Keying } from '../core/core.js';
import { KEY_FILE_BYTES } from './constants.js';

/** Draws random bytes; the host hands in the runtime's own. */
export type Random = (bytes: number) => Uint8Array;

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

/** The content of a fresh key file. */
export function newKey(random: Random): Uint8Array {
  return random(KEY_FILE_BYTES);
}

/** A copy of a key, to be wiped on its own. (`slice` would not do: a Node Buffer's shares its memory.) */
export function copyKey(key: Uint8Array): Uint8Array {
  return Uint8Array.from(key);
}

/** Overwrites a key that is needed no more. */
export function wipe(keying: Keying): void {
  if (keying.suite === 'blowfish') keying.key.fill(0);
}
