// Writes assembly/blowfish-tables.ts: the 1042 words of Blowfish's initial state, which are the
// fractional part of pi (Schneier, "Description of a New Variable-Length Key, 64-Bit Block Cipher", 1993).
// They are computed, not copied, so that nobody has to trust 4168 bytes of hexadecimal.
import { writeFileSync } from 'node:fs';

const WORDS = 18 + 4 * 256;
const GUARD = 64n;
const BITS = BigInt(WORDS * 32) + GUARD;

/** arctan(1/x) · 2^BITS, by its Taylor series. */
function arctanInverse(x) {
  const square = x * x;
  let power = (1n << BITS) / x;
  let sum = power;
  for (let n = 3n, sign = -1n; power > 0n; n += 2n, sign = -sign) {
    power /= square;
    sum += (sign * power) / n;
  }
  return sum;
}

/** The words of pi's fractional part, most significant first. */
export function piWords() {
  const pi = 4n * (4n * arctanInverse(5n) - arctanInverse(239n)); // Machin, 1706
  const fraction = (pi & ((1n << BITS) - 1n)) >> GUARD;
  const words = [];
  for (let i = WORDS - 1; i >= 0; i--) words.push(Number((fraction >> BigInt(32 * i)) & 0xffffffffn));
  return words;
}

/** @param {string} path the file to write */
export function writeTables(path) {
  const hex = piWords().map((word) => `0x${word.toString(16).padStart(8, '0')}`);
  const lines = [];
  for (let i = 0; i < hex.length; i += 8) lines.push(`  ${hex.slice(i, i + 8).join(', ')},`);
  writeFileSync(
    path,
    `// Made by scripts/make-tables.mjs; not kept in git.\n// P (18 words), then S0..S3 (256 words each).\nexport const PI_WORDS: usize = memory.data<u32>([\n${lines.join('\n')}\n]);\n`,
  );
}
