import { chacha20 } from '@noble/ciphers/chacha.js';
import { concatBytes } from '@noble/hashes/utils.js';
import type { Keying } from '../../core/terms.js';
import { CHALLENGE_BYTES, KEY_FILE_BYTES, TYPE } from '../../protocol/classic/constants.js';
import type { Random } from '../../protocol/classic/session-key.js';
import { handshake, type Parties, type Sent } from '../classic.js';
import { Recorder } from '../random.js';
import type { Tools } from '../tools.js';
import { BAD_PADDINGS, blockWithEnd, cbcBare } from './ciphers.js';
import { type Draft, type DraftGroup, type DraftTest, flipped, invalid, type Maker, valid } from './draft.js';
import { model, openssl, program, zlib } from './oracles.js';

const LENGTHS = [...Array.from({ length: 18 }, (_, i) => 14 + i), 60, 61, 64, 590, 1451, 1459, 1514, 9216];
const COUNTERS = [
  1n,
  2n,
  255n,
  256n,
  65_536n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n + 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];

const NOTES = {
  Length: 'Frames of many lengths.',
  Counter: 'Counters of many sizes: they have 64 bits.',
  Window: 'Counters that are late, but by no more than 8128, and that did not come before.',
  Replayed: 'A counter that came before; 0 never comes.',
  TooOld: 'A counter that is further behind the highest one than the window reaches.',
  Cut: 'The end of the datagram is missing.',
  BitFlip: 'One bit of the datagram is not what it was.',
  BadPadding: 'What is decrypted does not end in a padding.',
  BadChecksum: 'The checksum is that of something else.',
  BadLength: 'No sender can have made a datagram of this length.',
  WrongKey: 'The datagram was sealed under another key.',
  Handshake: 'A client logs in at a server, which accepts it; a frame goes each way.',
  Refused: 'A client logs in at a server, which refuses it.',
  Response: 'The client answers a challenge.',
} as const;

const HEADER = [
  'Datagrams are whole UDP payloads. key is the content of a key file. Reasons are those of the receiving end;',
  'where a datagram could be refused for several, what was cheapest to see is named.',
];

/** Seals frames of one session. */
function sealer(tools: Tools, keying: Keying) {
  return (frame: Uint8Array, counter = 1n): Uint8Array =>
    tools.session((session) => {
      tools.core.keySession(session, keying);
      tools.nextCounter = counter;
      return tools.seal(session, frame);
    });
}

function wellMade(random: Random, keying: Keying, tools: Tools): DraftTest[] {
  const seal = sealer(tools, keying);
  const counted = keying.suite !== 'plain';
  const test = (
    comment: string,
    flag: keyof typeof NOTES,
    frame: Uint8Array,
    counter: bigint,
    before?: Uint8Array[],
  ) =>
    valid(comment, flag, {
      frame,
      counter: counted ? counter : undefined,
      before,
      datagram: seal(frame, counter),
    });
  const tests = LENGTHS.map((length) => test(`a frame of ${length} bytes`, 'Length', random(length), 1n));
  if (!counted) return tests;
  const [first, late] = [random(60), random(60)];
  return [
    ...tests,
    ...COUNTERS.map((counter) => test(`counter ${counter}`, 'Counter', random(20), counter)),
    test('8128 behind', 'Window', late, 1n, [seal(first, 8129n)]),
    test('between two that came', 'Window', late, 2n, [seal(first, 1n), seal(first, 3n)]),
  ];
}

/**
 * What came before, or is too old, or is shorter than anything: the same in both generations.
 * @param forge makes a datagram with a counter that is never sent
 */
function badlyCounted(
  random: Random,
  seal: ReturnType<typeof sealer>,
  forge: (frame: Uint8Array, counter: bigint) => Uint8Array,
): DraftTest[] {
  const frame = random(60);
  const first = seal(frame, 1n);
  const replayed = (comment: string, datagram: Uint8Array, before: Uint8Array[]) =>
    invalid(comment, 'Replayed', 'replayed', { before, datagram });
  const old = (comment: string, datagram: Uint8Array, before: Uint8Array[]) =>
    invalid(comment, 'TooOld', 'too old', { before, datagram });
  return [
    replayed('the same again', first, [first]),
    replayed('again, behind others', first, [first, seal(frame, 2n), seal(frame, 100n)]),
    replayed('another frame under the same counter', seal(random(60), 1n), [first]),
    replayed('again, as far behind as the window reaches', first, [first, seal(frame, 8129n)]),
    replayed('counter 0', forge(frame, 0n), []),
    old('8129 behind', first, [seal(frame, 8130n)]),
    old('far behind', first, [seal(frame, 2n ** 63n)]),
    ...[0, 1].map((length) =>
      invalid(`${length} bytes`, 'Cut', 'bad length', { datagram: first.slice(0, length) }),
    ),
  ];
}

function response(
  random: Random,
  keying: Keying,
  tools: Tools,
  others: (datagram: Uint8Array) => readonly [string, keyof typeof NOTES, Uint8Array][],
): DraftGroup {
  const challenge = random(CHALLENGE_BYTES);
  const counter = keying.suite === 'chacha20' ? 1n : undefined;
  tools.nextCounter = 1n;
  const datagram = tools.core.sealResponse(keying, challenge);
  const refused = others(datagram).map(([comment, flag, other]) =>
    invalid(comment, flag, 'wrong key', { challenge, datagram: other }),
  );
  return {
    type: 'ClassicResponseTest',
    name: 'responses',
    fields: fieldsOf(keying),
    tests: [
      valid('the response', 'Response', { challenge, counter, datagram }),
      invalid('to another challenge', 'Response', 'wrong key', {
        challenge: flipped(challenge, 1023),
        datagram,
      }),
      ...refused,
    ],
  };
}

const fieldsOf = (keying: Keying): Record<string, unknown> => ({ ...keying });

type Ends = Pick<Parties, 'suite' | 'clientKey' | 'serverKey' | 'serverBlock'>;

function handshakes(
  random: Random,
  tools: Tools,
  all: readonly [string, string | undefined, Ends][],
): DraftGroup {
  const tests = all.map(([comment, reason, ends]) => {
    const [client, server] = [new Recorder(random), new Recorder(random)];
    const frames: Sent[] = [
      { from: 'client', bytes: random(42) },
      { from: 'server', bytes: random(60) },
      { from: 'client', bytes: random(98) },
    ];
    const done = handshake(tools, { ...ends, clientRandom: client.draw, serverRandom: server.draw, frames });
    if (done.refused !== reason) throw new RangeError(`${comment}: ${done.refused}`);
    const listed = (name: string, sent: readonly Sent[]) =>
      sent.map(({ from, bytes }) => ({ from, [name]: bytes }));
    const fields = {
      ...ends,
      clientRandom: client.drawn,
      serverRandom: server.drawn,
      frames: listed('frame', frames),
      datagrams: listed('datagram', done.datagrams),
    };
    return reason === undefined
      ? valid(comment, 'Handshake', fields)
      : invalid(comment, 'Refused', reason, fields);
  });
  return { type: 'ClassicHandshakeTest', name: 'handshakes', tests };
}

const data = (name: string, keying: Keying, tests: readonly DraftTest[]): DraftGroup => ({
  type: 'ClassicDataTest',
  name,
  fields: fieldsOf(keying),
  tests,
});

/** Has a datagram of random bytes be what it should be: some would pass by chance. */
function until(make: () => Uint8Array, holds: (datagram: Uint8Array) => boolean): Uint8Array {
  for (let i = 0; i < 100; i++) {
    const datagram = make();
    if (holds(datagram)) return datagram;
  }
  throw new RangeError('no such datagram');
}

function becomes(tools: Tools, keying: Keying, reason: string) {
  return (datagram: Uint8Array): boolean =>
    tools.session((session) => {
      tools.core.keySession(session, keying);
      return tools.open(session, datagram).status === reason;
    });
}

export const classicBlowfish: Maker = (random, tools): Draft => {
  const key = random(KEY_FILE_BYTES.blowfish);
  const keying: Keying = { suite: 'blowfish', key };
  const seal = sealer(tools, keying);
  const { primitives } = tools;
  const [cipherKey, iv] = [key.slice(0, 16), key.slice(16)];
  const typed = (body: Uint8Array) => concatBytes(Uint8Array.of(TYPE.DATA), body);
  const frame = random(60);
  // frame ‖ counter ‖ crc is 72 bytes, and a block of padding.
  const datagram = seal(frame);
  const tail = (crcOf: Uint8Array, swap = false, counter = 1n): Uint8Array => {
    const bytes = new Uint8Array(12);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, counter, true);
    view.setUint32(8, primitives.crc32(crcOf), !swap);
    return bytes;
  };
  const counted = concatBytes(frame, tail(frame).slice(0, 8));
  const sealed = (...parts: Uint8Array[]) => typed(primitives.cbcSeal(cipherKey, iv, concatBytes(...parts)));
  const padded = (end: readonly number[]) =>
    typed(cbcBare(tools, cipherKey, iv, concatBytes(frame, tail(counted), blockWithEnd(random, end))));
  const forge = (frame: Uint8Array, counter: bigint) =>
    sealed(frame, tail(concatBytes(frame, tail(frame, false, counter).slice(0, 8)), false, counter));
  const { checksum, padding, length } = {
    checksum: (comment: string, flag: string, other: Uint8Array) =>
      invalid(comment, flag, 'bad checksum', { datagram: other }),
    padding: (comment: string, flag: string, other: Uint8Array) =>
      invalid(comment, flag, 'bad padding', { datagram: other }),
    length: (comment: string, flag: string, other: Uint8Array) =>
      invalid(comment, flag, 'bad length', { datagram: other }),
  };
  const wrong = until(
    () => sealer(tools, { suite: 'blowfish', key: random(KEY_FILE_BYTES.blowfish) })(frame),
    becomes(tools, keying, 'bad padding'),
  );
  const cutFrame = random(66); // with its tail it does not fill its last block except for two bytes
  const malformed = [
    ...BAD_PADDINGS.map(([comment, end]) => padding(comment, 'BadPadding', padded(end))),
    checksum('of the frame alone', 'BadChecksum', sealed(frame, tail(frame))),
    checksum('big-endian', 'BadChecksum', sealed(frame, tail(counted, true))),
    checksum('of nothing', 'BadChecksum', sealed(frame, tail(new Uint8Array()))),
    // The padding's block is the last of ten; a bit before the counter's blocks leaves counter and padding alone.
    ...[8, 15, 100, 300].map((bit) => checksum(`bit ${bit}`, 'BitFlip', flipped(datagram, bit))),
    ...[0, 1, 2, 3, 4, 5, 6, 7].map((bit) =>
      padding(
        `bit ${bit} of the byte that makes the last of the padding`,
        'BitFlip',
        flipped(datagram, 8 * 72 + bit),
      ),
    ),
    length('without its last byte', 'Cut', datagram.slice(0, -1)),
    length('a half block short', 'Cut', datagram.slice(0, -4)),
    padding(
      'without its last block',
      'Cut',
      until(() => seal(random(cutFrame.length)).slice(0, -8), becomes(tools, keying, 'bad padding')),
    ),
    length('three blocks', 'Cut', datagram.slice(0, 25)),
    length('a frame of 13 bytes, with its tail and padding', 'BadLength', sealed(random(13), tail(frame))),
    length('no frame at all', 'BadLength', sealed(tail(new Uint8Array()))),
    padding('sealed under another key', 'WrongKey', wrong),
  ];
  const ends = (serverKey: Uint8Array | undefined): Ends => ({
    suite: 'blowfish',
    clientKey: key,
    serverKey,
    serverBlock: undefined,
  });
  return {
    algorithm: 'VDE-CRYPTCAB-BLOWFISH',
    header: ['The classic protocol, Blowfish generation (up to 2.3.2).', ...HEADER],
    oracles: [
      openssl('bf-cbc, with the legacy provider: the ciphertext of every datagram'),
      zlib('every checksum'),
      program(
        '2.3.2+r586 (Debian)',
        'that such datagrams are its own: foreign/capture-blowfish.json is made the same way',
      ),
      model('counters, and the order of the handshake'),
    ],
    notes: NOTES,
    groups: [
      data('data', keying, wellMade(random, keying, tools)),
      data('malformed data', keying, [...malformed, ...badlyCounted(random, seal, forge)]),
      response(random, keying, tools, (datagram) => [
        ['one bit', 'BitFlip', flipped(datagram, 64)],
        ['without its last block', 'Cut', datagram.slice(0, -8)],
        ['with nothing but its type', 'Cut', datagram.slice(0, 1)],
      ]),
      handshakes(random, tools, [
        ['the same key', undefined, ends(key)],
        ['another key', 'wrong key', ends(random(KEY_FILE_BYTES.blowfish))],
        ['no key at the server', 'no key', ends(undefined)],
      ]),
    ],
  };
};

export const classicChaCha20: Maker = (random, tools): Draft => {
  const key = random(KEY_FILE_BYTES.chacha20);
  const groups = ([12, 0] as const).flatMap((block): DraftGroup[] => {
    const keying: Keying = { suite: 'chacha20', key, block };
    const seal = sealer(tools, keying);
    const frame = random(60);
    const datagram = seal(frame);
    const end = datagram.length;
    const bad = (comment: string, flag: string, other: Uint8Array) =>
      invalid(comment, flag, 'bad checksum', { datagram: other });
    const forge = (frame: Uint8Array, counter: bigint) => {
      const tail = new Uint8Array(12);
      const view = new DataView(tail.buffer);
      view.setUint32(0, tools.primitives.crc32(frame), true);
      view.setBigUint64(4, counter, true);
      const body = chacha20(key.slice(0, 32), tail, frame, undefined, block);
      return concatBytes(Uint8Array.of(TYPE.DATA), body, tail);
    };
    const build = sealer(tools, { suite: 'chacha20', key, block: block === 12 ? 0 : 12 });
    const wrong = sealer(tools, { suite: 'chacha20', key: random(KEY_FILE_BYTES.chacha20), block });
    const malformed = [
      bad('one bit of the frame', 'BitFlip', flipped(datagram, 8)),
      bad('the last bit of the frame', 'BitFlip', flipped(datagram, 8 * 61 - 1)),
      bad(
        'one bit of the checksum, which is part of the nonce',
        'BitFlip',
        flipped(datagram, 8 * (end - 12)),
      ),
      bad(
        'one bit of the counter, which is part of the nonce',
        'BitFlip',
        flipped(datagram, 8 * (end - 8) + 1),
      ),
      bad('the highest bit of the counter', 'BitFlip', flipped(datagram, 8 * end - 1)),
      bad('sealed under another key', 'WrongKey', wrong(frame)),
      bad('of the other build', 'WrongKey', build(frame)),
      // Its counter is then what is a byte before: whatever that is, the checksum is not its own.
      bad(
        'without its last byte',
        'Cut',
        until(() => seal(random(60)).slice(0, -1), becomes(tools, keying, 'bad checksum')),
      ),
      invalid('nothing but a tail', 'Cut', 'bad length', { datagram: datagram.slice(0, 13) }),
      invalid('13 bytes of a frame', 'Cut', 'bad length', { datagram: datagram.slice(0, 26) }),
    ];
    const name = block === 12 ? 'of builds with wolfSSL' : 'of builds with mbedTLS';
    return [
      data(`data ${name}`, keying, wellMade(random, keying, tools)),
      data(`malformed data ${name}`, keying, [...malformed, ...badlyCounted(random, seal, forge)]),
      response(random, keying, tools, (datagram) => [
        ['one bit', 'BitFlip', flipped(datagram, 64)],
        ['without its last byte', 'Cut', datagram.slice(0, -1)],
      ]),
    ];
  });
  const ends = (serverKey: Uint8Array | undefined, serverBlock: 0 | 12 | undefined): Ends => ({
    suite: 'chacha20',
    clientKey: key,
    serverKey,
    serverBlock,
  });
  return {
    algorithm: 'VDE-CRYPTCAB-CHACHA20',
    header: [
      'The classic protocol, ChaCha generation (from 2.3.3 on).',
      'block is the number of the first block of key stream: 12 with wolfSSL, 0 with mbedTLS.',
      ...HEADER,
    ],
    oracles: [
      openssl('chacha20: the ciphertext of every datagram'),
      zlib('every checksum'),
      program(
        '2.3.3 with wolfSSL 5.5.4, and with mbedTLS 2.28',
        'that such datagrams are its own: foreign/capture-chacha-*.json are made the same way',
      ),
      model('counters, and the order of the handshake'),
    ],
    notes: NOTES,
    groups: [
      ...groups,
      handshakes(random, tools, [
        ['the same key', undefined, ends(key, undefined)],
        ['a server of the build that the client tries first', undefined, ends(key, 12)],
        ['a server of the other build', 'wrong key', ends(key, 0)],
        ['another key', 'wrong key', ends(random(KEY_FILE_BYTES.chacha20), undefined)],
        ['no key at the server', 'no key', ends(undefined, undefined)],
      ]),
    ],
  };
};

export const classicPlain: Maker = (random, tools): Draft => {
  const keying: Keying = { suite: 'plain' };
  const short = (length: number) =>
    invalid(`a frame of ${length} bytes`, 'Cut', 'bad length', {
      datagram: concatBytes(Uint8Array.of(TYPE.DATA), random(length)),
    });
  const ends = (serverKey: Uint8Array | undefined): Ends => ({
    suite: 'plain',
    clientKey: undefined,
    serverKey,
    serverBlock: undefined,
  });
  return {
    algorithm: 'VDE-CRYPTCAB-PLAIN',
    header: ['The classic protocol without encryption (-x): no counter, no checksum, no padding.', ...HEADER],
    oracles: [model('each datagram, and the order of the handshake')],
    notes: NOTES,
    groups: [
      data('data', keying, wellMade(random, keying, tools)),
      data('malformed data', keying, [short(0), short(1), short(13)]),
      response(random, keying, tools, (datagram) => [
        ['one bit', 'BitFlip', flipped(datagram, 64)],
        ['without its last byte', 'Cut', datagram.slice(0, -1)],
      ]),
      handshakes(random, tools, [
        ['neither end encrypts', undefined, ends(undefined)],
        ['the server encrypts', 'not encrypted', ends(random(KEY_FILE_BYTES.blowfish))],
      ]),
    ],
  };
};
