// Keys in the text form of `wg`: 32 bytes, 44 characters of base64 (secure.md §3.1).
import { hexToBytes } from '@noble/hashes/utils.js';
import type { Random } from '../protocol/classic/session-key.js';
import { copyKey, secretRoom } from '../protocol/secret.js';

const KEY_BYTES = 32;

const TEXT_BYTES = 44;
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const PADDING = 61; // =
const NONE = 255;
/** What each character stands for. */
const VALUES = new Uint8Array(256).fill(NONE);
for (let i = 0; i < DIGITS.length; i++) VALUES[DIGITS.charCodeAt(i)] = i;

/** A key that need not be kept secret, as text. */
export function keyText(key: Uint8Array): string {
  return Buffer.from(key).toString('base64');
}

/** A key as the bytes of its text, which can be wiped as a string cannot. */
export function keyTextBytes(key: Uint8Array): Uint8Array {
  const text = secretRoom(TEXT_BYTES).fill(PADDING);
  // 256 bits are 42 digits of six bits, and one of four.
  for (let i = 0; i < TEXT_BYTES - 1; i++) {
    const at = (6 * i) >> 3;
    const bits = ((key[at] as number) << 8) | (key[at + 1] ?? 0);
    text[i] = DIGITS.charCodeAt((bits >> (10 - ((6 * i) & 7))) & 63);
  }
  return text;
}

const LINE_FEED = 10;

/** A line with the text of a key, to be wiped when it is written. @param before what stands before it, in ASCII */
export function keyLine(key: Uint8Array, before = ''): Uint8Array {
  const line = secretRoom(before.length + TEXT_BYTES + 1).fill(LINE_FEED);
  const text = keyTextBytes(key);
  for (let i = 0; i < before.length; i++) line[i] = before.charCodeAt(i);
  line.set(text, before.length);
  text.fill(0);
  return line;
}

const isSpace = (byte: number | undefined) => byte === 32 || (byte !== undefined && byte >= 9 && byte <= 13);

/** A text without the white space around it; the same memory. */
export function trimmed(text: Uint8Array): Uint8Array {
  let from = 0;
  let to = text.length;
  while (isSpace(text[from])) from++;
  while (to > from && isSpace(text[to - 1])) to--;
  return text.subarray(from, to);
}

/** The key that the bytes of a text are; undefined if they are none. White space around it does not matter. */
export function decodeKey(bytes: Uint8Array): Uint8Array | undefined {
  const text = trimmed(bytes);
  if (text.length !== TEXT_BYTES || text[TEXT_BYTES - 1] !== PADDING) return undefined;
  const key = secretRoom(KEY_BYTES);
  let bits = 0;
  let have = 0;
  let at = 0;
  for (const digit of text.subarray(0, -1)) {
    const value = VALUES[digit] as number;
    if (value === NONE) break;
    bits = ((bits << 6) | value) & 0xffff;
    have += 6;
    if (have < 8) continue;
    have -= 8;
    key[at++] = bits >> have;
  }
  // All of it, and the two bits that are left over are zero, as in what is written.
  if (at === KEY_BYTES && have === 2 && (bits & 3) === 0) return key;
  key.fill(0);
  return undefined;
}

/** The key that a text is; undefined if it is none. White space around it does not matter. */
export function parseKey(text: string): Uint8Array | undefined {
  if (typeof text !== 'string') return undefined; // a caller without types
  const bytes = secretRoom(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i) > 127 ? 0 : text.charCodeAt(i);
  const key = decodeKey(bytes);
  bytes.fill(0);
  return key;
}

/** Hexadecimal digits of the shortest key of the classic protocol. */
const HEX_KEY = /^(?:[\da-f]{2}){24,}$/i;

/** The key of the classic protocol that a text is, two hexadecimal digits a byte; undefined if it is none. */
export function parseHexKey(text: string): Uint8Array | undefined {
  const trimmed = text.trim();
  return HEX_KEY.test(trimmed) ? copyKey(hexToBytes(trimmed)) : undefined;
}

function bytes(random: Random): Uint8Array {
  const drawn = random(KEY_BYTES);
  const key = copyKey(drawn);
  drawn.fill(0);
  return key;
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
