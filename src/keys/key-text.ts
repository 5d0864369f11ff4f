// Keys in the text form of `wg`: 32 bytes, 44 characters of base64 (secure-protocol §3).
import type { Random } from '../protocol/session-key.js';

const KEY_BYTES = 32;

/** A key as text. */
export function keyText(key: Uint8Array): string {
  return Buffer.from(key).toString('base64');
}

/** The key that a text is; undefined if it is none. White space around it does not matter. */
export function parseKey(text: string): Uint8Array | undefined {
  const trimmed = text.trim();
  const bytes = new Uint8Array(Buffer.from(trimmed, 'base64'));
  // Buffer takes much for base64 that is not: what was meant reads back the same.
  return bytes.length === KEY_BYTES && keyText(bytes) === trimmed ? bytes : undefined;
}

/** Random bytes that are no Buffer, whose slice() would be no copy: keys are copied, and wiped one by one. */
function bytes(random: Random): Uint8Array {
  return new Uint8Array(random(KEY_BYTES));
}

/** A fresh private key, as `wg genkey` makes it: clamped (RFC 7748 §5). */
export function newPrivateKey(random: Random): Uint8Array {
  const key = bytes(random);
  key[0] = (key[0] as number) & 248;
  key[31] = ((key[31] as number) & 127) | 64;
  return key;
}

/** A fresh preshared key, as `wg genpsk` makes it. */
export function newPresharedKey(random: Random): Uint8Array {
  return bytes(random);
}
