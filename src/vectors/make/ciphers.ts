import type { Random } from '../../protocol/classic/session-key.js';
import type { Tools } from '../tools.js';
import { type Draft, flipped, invalid, type Maker, valid } from './draft.js';
import { openssl, zlib } from './oracles.js';

const KEY_MIN = 4;
const KEY_MAX = 56;
const BLOCK = 8;

export const blowfishEcb: Maker = (random, { primitives }): Draft => {
  const test = (comment: string, flag: string, key: Uint8Array, msg: Uint8Array) =>
    valid(comment, flag, { key, msg, ct: primitives.blowfish(key, msg, 'encrypt') });
  const sizes = Array.from({ length: KEY_MAX - KEY_MIN + 1 }, (_, i) =>
    test(`a key of ${KEY_MIN + i} bytes`, 'KeySize', random(KEY_MIN + i), random(BLOCK * (1 + (i % 4)))),
  );
  const edges = [0x00, 0xff].flatMap((byte) => [
    test(`a key of bytes ${byte}`, 'EdgeCase', new Uint8Array(16).fill(byte), random(BLOCK)),
    test(`a block of bytes ${byte}`, 'EdgeCase', random(16), new Uint8Array(BLOCK).fill(byte)),
  ]);
  const [key, msg] = [random(16), random(BLOCK)];
  const ct = primitives.blowfish(key, msg, 'encrypt');
  return {
    algorithm: 'BLOWFISH-ECB',
    header: ['Blowfish, each block by itself: msg encrypts to ct, and ct decrypts to msg.'],
    oracles: [openssl('bf-ecb, with the legacy provider: each ct')],
    notes: {
      KeySize: 'Keys of every size that Blowfish has, 32 to 448 bits.',
      EdgeCase: 'Keys and blocks of one byte over and over.',
      BadLength: 'A key of a size that Blowfish has not, or blocks that are not whole.',
    },
    groups: [
      {
        type: 'BlockCipherTest',
        name: 'blocks',
        tests: [
          ...sizes,
          ...edges,
          invalid('a key of 3 bytes', 'BadLength', 'bad length', { key: key.slice(0, 3), msg, ct }),
          invalid('a key of 57 bytes', 'BadLength', 'bad length', { key: random(57), msg, ct }),
          invalid('a block cut short', 'BadLength', 'bad length', {
            key,
            msg: msg.slice(0, 7),
            ct: ct.slice(0, 7),
          }),
        ],
      },
    ],
  };
};

/** CBC of whole blocks, as it is without padding. */
export function cbcBare(
  { primitives }: Tools,
  key: Uint8Array,
  iv: Uint8Array,
  blocks: Uint8Array,
): Uint8Array {
  return primitives.cbcSeal(key, iv, blocks).slice(0, blocks.length);
}

/** Paddings that are none: the last bytes of a block. */
export const BAD_PADDINGS: readonly [string, readonly number[]][] = [
  ['a padding of 0 bytes', [0]],
  ['a padding of 9 bytes', [9]],
  ['a padding of 255 bytes', [255]],
  ['a padding of 2 bytes that differ', [1, 2]],
  ['a padding of 8 bytes of which the first differs', [9, 8, 8, 8, 8, 8, 8, 8]],
];

/** A random block with such an end, whose byte before it makes no padding of it. */
export function blockWithEnd(random: Random, end: readonly number[]): Uint8Array {
  const block = random(BLOCK);
  block.set(end, BLOCK - end.length);
  return block;
}

export const blowfishCbc: Maker = (random, tools): Draft => {
  const { primitives } = tools;
  const [key, iv] = [random(16), random(BLOCK)];
  const test = (comment: string, flag: string, key: Uint8Array, iv: Uint8Array, msg: Uint8Array) =>
    valid(comment, flag, { key, iv, msg, ct: primitives.cbcSeal(key, iv, msg) });
  const lengths = [...Array(41).keys(), 63, 64, 65, 127, 128, 129, 255, 256, 257, 1449, 1518];
  const msg = random(24);
  const ct = primitives.cbcSeal(key, iv, msg);
  const refused = (comment: string, flag: string, reason: string, ct: Uint8Array) =>
    invalid(comment, flag, reason, { key, iv, msg, ct });
  return {
    algorithm: 'BLOWFISH-CBC-PKCS5',
    header: ['Blowfish-CBC with the padding of PKCS#5 and PKCS#7.'],
    oracles: [openssl('bf-cbc, with the legacy provider: each ct, and that it refuses what is invalid')],
    notes: {
      Length: 'Messages of many lengths.',
      KeySize: 'Keys of many sizes.',
      BadPadding: 'What is decrypted does not end in a padding.',
      Cut: 'The end of the ciphertext is missing.',
      BitFlip:
        'One bit of the ciphertext is not what it was. Where it does not hit the padding, CBC cannot tell.',
    },
    groups: [
      {
        type: 'IndCpaTest',
        name: 'cbc',
        fields: { ivSize: 64 },
        tests: [
          ...lengths.map((length) =>
            test(`${length} bytes`, 'Length', random(16), random(BLOCK), random(length)),
          ),
          ...[4, 5, 15, 17, 32, 55, 56].map((size) =>
            test(`a key of ${size} bytes`, 'KeySize', random(size), random(BLOCK), random(20)),
          ),
          ...BAD_PADDINGS.map(([comment, end]) => {
            const blocks = new Uint8Array(16);
            blocks.set(random(BLOCK));
            blocks.set(blockWithEnd(random, end), BLOCK);
            return refused(comment, 'BadPadding', 'bad padding', cbcBare(tools, key, iv, blocks));
          }),
          refused('nothing', 'Cut', 'bad length', new Uint8Array()),
          refused('without its last byte', 'Cut', 'bad length', ct.slice(0, -1)),
          refused('its first byte alone', 'Cut', 'bad length', ct.slice(0, 1)),
          // msg ends with its third block, so that the fourth is a padding of 8 bytes: whatever bit is flipped, it is none.
          ...Array.from({ length: BLOCK }, (_, i) =>
            refused(`bit ${i} of the padding's last byte`, 'BitFlip', 'bad padding', flipped(ct, 8 * 23 + i)),
          ),
        ],
      },
    ],
  };
};

const hex32 = (value: number) => value.toString(16).padStart(8, '0');

export const crc32: Maker = (random, { primitives }): Draft => {
  const test = (comment: string, flag: string, msg: Uint8Array) =>
    valid(comment, flag, { msg, crc: hex32(primitives.crc32(msg)) });
  const msg = random(60);
  const crc = hex32(primitives.crc32(msg));
  const backwards = (crc.match(/../g) as string[]).reverse().join('');
  const refused = (comment: string, flag: string, msg: Uint8Array, crc: string) =>
    invalid(comment, flag, 'bad checksum', { msg, crc });
  return {
    algorithm: 'CRC-32',
    header: ['CRC-32 of IEEE 802.3, reflected, as zlib has it; its most significant digit comes first.'],
    oracles: [zlib('each crc')],
    notes: {
      Length: 'Messages of many lengths.',
      EdgeCase: 'Messages of one byte over and over.',
      BitFlip: 'One bit of the message is not what it was.',
      BadChecksum: 'The checksum is another one.',
    },
    groups: [
      {
        type: 'ChecksumTest',
        name: 'checksums',
        tests: [
          ...[...Array(65).keys(), 255, 256, 257, 1514].map((length) =>
            test(`${length} bytes`, 'Length', random(length)),
          ),
          ...[0x00, 0x01, 0x80, 0xff].map((byte) =>
            test(`40 bytes of ${byte}`, 'EdgeCase', new Uint8Array(40).fill(byte)),
          ),
          ...[0, 7, 255, 256, 479].map((bit) =>
            refused(`bit ${bit} of the message`, 'BitFlip', flipped(msg, bit), crc),
          ),
          refused('its bytes the other way round', 'BadChecksum', msg, backwards),
          refused('its complement', 'BadChecksum', msg, hex32(~primitives.crc32(msg) >>> 0)),
        ],
      },
    ],
  };
};
