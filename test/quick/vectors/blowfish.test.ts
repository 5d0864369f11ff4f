import { describe, expect, it } from 'vitest';
import cbc from '../../../vectors/foreign/blowfish-cbc.json' with { type: 'json' };
import ecb from '../../../vectors/foreign/blowfish-ecb.json' with { type: 'json' };
import checksums from '../../../vectors/foreign/crc32.json' with { type: 'json' };
import { hex, makePrimitives, unhex } from '../unit/core/harness.js';
import { Blowfish, crc32 } from '../unit/core/twins.js';

// The core is tested with these by verify.test.ts. A twin is only worth something if it is right itself.
const { crc32: coreCrc32 } = await makePrimitives();

describe('the twins, by the published vectors', () => {
  it('there are all of them', () => {
    expect(ecb.testGroups.map(({ tests }) => tests.length)).toEqual([34, 21]);
  });

  it.each(ecb.testGroups.flatMap(({ tests }) => tests))(
    'Blowfish: key $key, clear $msg',
    ({ key, msg, ct }) => {
      const twin = new Blowfish(unhex(key));
      expect(hex(twin.encrypt(unhex(msg)))).toBe(ct);
      expect(hex(twin.decrypt(unhex(ct)))).toBe(msg);
    },
  );

  it.each(cbc.testGroups.flatMap(({ tests }) => tests))('CBC', ({ key, iv, msg, ct }) => {
    const twin = new Blowfish(unhex(key));
    expect(hex(twin.cbcEncrypt(unhex(iv), unhex(msg)))).toBe(ct);
    expect(hex(twin.cbcDecrypt(unhex(iv), unhex(ct)))).toBe(msg);
  });

  it.each(checksums.testGroups.flatMap(({ tests }) => tests))('CRC-32: $comment', ({ msg, crc }) => {
    expect(crc32(unhex(msg)).toString(16).padStart(8, '0')).toBe(crc);
  });
});

describe('CRC-32', () => {
  // What Ethernet receivers rely on, and independent of any table.
  it('leaves the residue behind its own value', () => {
    const bytes = Buffer.from('123456789\x26\x39\xf4\xcb', 'latin1');
    expect(coreCrc32(bytes)).toBe(0x2144df1c);
  });
});
