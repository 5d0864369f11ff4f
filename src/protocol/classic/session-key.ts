import type { Keying } from '../../core/terms.js';
import { KEY_FILE_BYTES, RESPONSE_BYTES } from './constants.js';

/** Draws random bytes; the host hands in the runtime's own. */
export type Random = (bytes: number) => Uint8Array;

/** The ciphers of the two generations (classic.md §3). */
export const CIPHERS = ['blowfish', 'chacha20'] as const;
/** One of them. */
export type Cipher = (typeof CIPHERS)[number];

/** What a client can use: a cipher, or `auto`, to find out which one its server speaks. */
export const CIPHER_CHOICES = ['auto', ...CIPHERS] as const;
/** One of them. */
export type CipherChoice = (typeof CIPHER_CHOICES)[number];

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

/** Whether a C client made this id (§1.3). */
export function isOriginalId(id: string): boolean {
  return /^vde_[A-Za-z0-9]{6}$/.test(id);
}

/** The content of a fresh key file; one of 44 bytes does for both generations (§4.2). */
export function newKey(random: Random, cipher: CipherChoice): Uint8Array {
  return random(KEY_FILE_BYTES[cipher === 'auto' ? 'chacha20' : cipher]);
}

/** The bytes that a pre-shared key has at least; with 44 it does for both generations. */
export function leastKeyBytes(cipher: CipherChoice): number {
  return KEY_FILE_BYTES[cipher === 'auto' ? 'blowfish' : cipher];
}

/** The ways in which a client can seal with this secret, in the order in which it tries them (§3.6). */
export function keyingsOf(secret: Secret, cipher: CipherChoice): [Keying, ...Keying[]] {
  if (secret === 'none') return [{ suite: 'plain' }];
  const blowfish: Keying = { suite: 'blowfish', key: secret };
  // A ChaCha20 server begins its key stream at a block that depends on its build.
  const twelve: Keying = { suite: 'chacha20', key: secret, block: 12 };
  const zero: Keying = { suite: 'chacha20', key: secret, block: 0 };
  if (cipher === 'chacha20') return [twelve, zero];
  return cipher === 'auto' && secret.length >= KEY_FILE_BYTES.chacha20
    ? [blowfish, twelve, zero]
    : [blowfish];
}

/**
 * The ways in which a RESPONSE of this length can have been sealed (§3.6): the length shows the generation, and
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

/** Overwrites a key that is needed no more. */
export function wipe(secret: Secret): void {
  if (secret !== 'none') secret.fill(0);
}
