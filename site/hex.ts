// What people type, and bytes. What is wrong with it is said in one line, by a CryptcabError.
import { CryptcabError } from '../src/error.js';

const U64_MAX = 2n ** 64n - 1n;
const U32_MAX = 2n ** 32n - 1n;

/**
 * Bytes of hex digits; white space, colons, hyphens and an `0x` before it are no matter.
 * @throws CryptcabError for anything else, and for half a byte
 */
export function bytesOf(text: string): Uint8Array {
  const digits = text.replace(/^\s*0x/i, '').replace(/[\s:-]/g, '');
  const wrong = /[^0-9a-f]/iu.exec(digits)?.[0];
  if (wrong !== undefined) throw new CryptcabError(`'${wrong}' is no hex digit: take 0-9 and a-f`);
  if (digits.length % 2 !== 0)
    throw new CryptcabError(`${digits.length} hex digits are half a byte too many or too few`);
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) =>
    Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16),
  );
}

export function hexOf(bytes: Uint8Array, between = ''): string {
  return Array.from(bytes, hexByte).join(between);
}

export function hexByte(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

/** @throws CryptcabError for anything but six bytes */
export function macOf(text: string): Uint8Array {
  const bytes = bytesOf(text);
  if (bytes.length !== 6)
    throw new CryptcabError(`a MAC address has 6 bytes, as 52:54:00:12:34:56; this has ${bytes.length}`);
  return bytes;
}

function integerOf(text: string, most: bigint, what: string): bigint {
  const trimmed = text.trim();
  if (!/^(0x[0-9a-f]+|[0-9]+)$/i.test(trimmed))
    throw new CryptcabError(`${what} is a whole number, decimal or with 0x before it`);
  const value = BigInt(trimmed);
  if (value > most) throw new CryptcabError(`${what} is at most ${most}`);
  return value;
}

/** @throws CryptcabError for anything but a number of 64 bits */
export const counterOf = (text: string): bigint => integerOf(text, U64_MAX, 'a counter');

/** @throws CryptcabError for anything but a number of 32 bits */
export const indexOf = (text: string): number => Number(integerOf(text, U32_MAX, 'an index'));

/**
 * A key of at least so many bytes; the rest of a longer one is not looked at (classic.md §3.1).
 * @throws CryptcabError for a shorter one
 */
export function keyOf(text: string, bytes: number): Uint8Array {
  const key = bytesOf(text);
  if (key.length < bytes) throw new CryptcabError(`the key has ${bytes} bytes; this has ${key.length}`);
  return key.slice(0, bytes);
}

/** A little-endian number of so many bytes. */
export function littleEndian(value: bigint | number, bytes: number): Uint8Array {
  let left = BigInt(value);
  return Uint8Array.from({ length: bytes }, () => {
    const byte = Number(left & 0xffn);
    left >>= 8n;
    return byte;
  });
}

export function xored(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ (b[i] as number));
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
