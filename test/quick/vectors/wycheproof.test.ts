// The cases of Project Wycheproof for ChaCha20-Poly1305, those that must fail among them: the core's AEAD, and the
// library's, which seals the handshake.
import { readFileSync } from 'node:fs';
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { describe, expect, it } from 'vitest';
import { instantiate } from '../../../src/core/wasm.js';
import { hex, layout, unhex } from '../unit/core/harness.js';

interface Case {
  readonly tcId: number;
  readonly comment: string;
  readonly key: string;
  readonly iv: string;
  readonly aad: string;
  readonly msg: string;
  readonly ct: string;
  readonly tag: string;
  readonly result: 'valid' | 'invalid';
}

const { numberOfTests, testGroups } = JSON.parse(
  readFileSync(
    new URL('../../../vectors/foreign/wycheproof-chacha20-poly1305.json', import.meta.url),
    'utf8',
  ),
) as { numberOfTests: number; testGroups: { ivSize: number; tests: Case[] }[] };

const NONCE_BITS = 96;
const TAG_BYTES = 16;
const named = (tests: readonly Case[]) =>
  tests.map((one) => [`${one.tcId} ${one.comment} (${one.result})`, one] as const);
const all = testGroups.flatMap(({ tests }) => tests);
const cases = testGroups.filter(({ ivSize }) => ivSize === NONCE_BITS).flatMap(({ tests }) => tests);
/** No pointer to a nonce has a length: the core reads 12 bytes, of a counter that it has made itself. */
const otherNonces = testGroups.filter(({ ivSize }) => ivSize !== NONCE_BITS).flatMap(({ tests }) => tests);

const { memory, functions } = await instantiate();
const bytes = new Uint8Array(memory.buffer);
const [KEY, NONCE, DATA] = [0, 32, 64].map((offset) => layout.STAGE_IN + offset) as [number, number, number];

const put = (at: number, data: Uint8Array) => bytes.set(data, at);
const get = (at: number, length: number): Buffer => Buffer.from(bytes.slice(at, at + length));
const padded = (data: Uint8Array): Buffer =>
  Buffer.concat([data, Buffer.alloc(-data.length & (TAG_BYTES - 1))]);

/** The tag with additional data (RFC 8439 §2.8), of which the core's AEAD takes none, from its parts. */
function tagOf(data: Uint8Array, cipher: Uint8Array): Buffer {
  put(DATA, Buffer.alloc(32));
  functions.chacha20(DATA, 32, KEY, NONCE, 0);
  functions.polyBegin(DATA);
  const lengths = Buffer.alloc(16);
  lengths.writeBigUInt64LE(BigInt(data.length), 0);
  lengths.writeBigUInt64LE(BigInt(cipher.length), 8);
  const message = Buffer.concat([padded(data), padded(cipher), lengths]);
  put(DATA + 32, message);
  functions.polyBlocks(DATA + 32, message.length);
  functions.polyEnd(DATA);
  return get(DATA, TAG_BYTES);
}

/** Ciphertext and tag by the core. */
function seal(plain: Uint8Array, data: Uint8Array): Buffer {
  put(DATA, plain);
  functions.aeadSeal(DATA, plain.length, KEY, NONCE);
  const sealed = get(DATA, plain.length + TAG_BYTES);
  if (data.length === 0) return sealed;
  const cipher = sealed.subarray(0, plain.length);
  return Buffer.concat([cipher, tagOf(data, cipher)]);
}

/** What the core opens; undefined where the tag is another. */
function open(cipher: Uint8Array, tag: Uint8Array, data: Uint8Array): Buffer | undefined {
  if (data.length > 0 && !tagOf(data, cipher).equals(tag)) return undefined;
  put(DATA, Buffer.concat([cipher, tag]));
  const good = functions.aeadVerify(DATA, cipher.length, KEY, NONCE) !== 0;
  // The tag without additional data is another one; its block 0 is what aeadDecrypt relies on.
  if (data.length === 0 && !good) return undefined;
  functions.aeadDecrypt(DATA, cipher.length);
  return get(DATA, cipher.length);
}

describe("Project Wycheproof's chacha20_poly1305", () => {
  it('is all there', () => {
    expect([all.length, cases.length, otherNonces.length]).toEqual([numberOfTests, 293, 7]);
    expect(cases.filter(({ result }) => result === 'invalid').length).toBe(60);
    expect(cases.filter(({ aad }) => aad === '').length).toBeGreaterThan(30);
  });

  it.each(named(cases))('%s', (_, { key, iv, aad, msg, ct, tag, result }) => {
    const [nonce, data, plain, cipher, mac] = [iv, aad, msg, ct, tag].map(unhex) as [
      Buffer,
      Buffer,
      Buffer,
      Buffer,
      Buffer,
    ];
    put(KEY, unhex(key));
    put(NONCE, nonce);
    const opened = open(cipher, mac, data);
    const library = chacha20poly1305(unhex(key), nonce, data);
    const sealed = Buffer.concat([cipher, mac]);
    if (result === 'valid') {
      expect(opened && hex(opened)).toBe(msg);
      expect(hex(seal(plain, data))).toBe(ct + tag);
      expect(hex(library.decrypt(sealed))).toBe(msg);
      expect(hex(library.encrypt(plain))).toBe(ct + tag);
    } else {
      expect(opened).toBeUndefined();
      expect(() => library.decrypt(sealed)).toThrow();
    }
  });

  it.each(named(otherNonces))('%s: a nonce of another length', (_, { key, iv, aad, ct, tag, result }) => {
    expect(result).toBe('invalid');
    const open = () => chacha20poly1305(unhex(key), unhex(iv), unhex(aad)).decrypt(unhex(ct + tag));
    expect(open).toThrow();
  });
});
