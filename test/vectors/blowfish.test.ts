import { describe, expect, it } from 'vitest';
import { hex, makePrimitives, unhex } from '../unit/core/harness.js';
import { Blowfish, crc32 } from '../unit/core/twins.js';
import vectors from './blowfish.json' with { type: 'json' };

const { setKey, encrypt, decrypt, cbcSeal, cbcOpen, crc32: coreCrc32 } = await makePrimitives();

/** Both ways, in the core and in its twin: the twin is only worth something if it is right itself. */
function check(key: Buffer, clear: Buffer, cipher: Buffer): void {
  const twin = new Blowfish(key);
  setKey(key);
  expect(hex(encrypt(clear))).toBe(hex(cipher));
  expect(hex(decrypt(cipher))).toBe(hex(clear));
  expect(hex(twin.encrypt(clear))).toBe(hex(cipher));
  expect(hex(twin.decrypt(cipher))).toBe(hex(clear));
}

describe('Blowfish, published vectors', () => {
  it('has all of them', () => {
    expect(vectors.ecb).toHaveLength(34);
    expect(vectors.variableKey.ciphers.map(({ length }) => length)).toEqual(
      Array.from({ length: 21 }, (_, i) => i + 4),
    );
  });

  it.each(vectors.ecb)('ECB: key $key, clear $clear', ({ key, clear, cipher }) => {
    check(unhex(key), unhex(clear), unhex(cipher));
  });

  it.each(vectors.variableKey.ciphers)('a key of $length bytes', ({ length, cipher }) => {
    const { key, clear } = vectors.variableKey;
    check(unhex(key).subarray(0, length), unhex(clear), unhex(cipher));
  });

  // The vector is padded with zeros: of our own padding comes one block more, behind it.
  it('CBC', () => {
    const { clear, cipher } = vectors.cbc;
    const [key, iv] = [unhex(vectors.cbc.key), unhex(vectors.cbc.iv)];
    const twin = new Blowfish(key);
    setKey(key);
    const sealed = cbcSeal(iv, unhex(clear));
    expect(sealed).toHaveLength(40);
    expect(hex(sealed.subarray(0, 32))).toBe(cipher);
    expect(hex(cbcOpen(iv, sealed) ?? Buffer.of())).toBe(clear);
    expect(hex(twin.cbcEncrypt(iv, unhex(clear)))).toBe(cipher);
    expect(hex(twin.cbcDecrypt(iv, unhex(cipher)))).toBe(clear);
    // Zeros are no padding of ours.
    expect(cbcOpen(iv, unhex(cipher))).toBeUndefined();
  });
});

describe('CRC-32, check values', () => {
  it.each([
    ['', 0],
    ['123456789', 0xcbf43926],
    ['a', 0xe8b7be43],
    ['abc', 0x352441c2],
    ['The quick brown fox jumps over the lazy dog', 0x414fa339],
    ['\0'.repeat(32), 0x190a55ad],
  ])('of %j', (text, check) => {
    const bytes = Buffer.from(text);
    expect(coreCrc32(bytes)).toBe(check);
    expect(crc32(bytes)).toBe(check);
  });

  // What Ethernet receivers rely on, and independent of any table.
  it('leaves the residue behind its own value', () => {
    const bytes = Buffer.from('123456789\x26\x39\xf4\xcb', 'latin1');
    expect(coreCrc32(bytes)).toBe(0x2144df1c);
  });
});
