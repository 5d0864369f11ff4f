import { concatBytes } from '@noble/hashes/utils.js';
import type { Random } from '../../protocol/classic/session-key.js';
import { keyed, payloadOf, transportMessage } from '../secure.js';
import { inStream, type Tools } from '../tools.js';
import { type Draft, type DraftGroup, type DraftTest, flipped, invalid, type Maker, valid } from './draft.js';
import { model, openssl } from './oracles.js';

const COUNTERS = [0n, 1n, 255n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 60n, 2n ** 64n - 2n ** 13n - 2n];

/** A record of a frame, or of a fragment of one (secure.md §2.3). */
function record(
  bytes: Uint8Array,
  fragment?: readonly [id: number, index: number, count: number],
): Uint8Array {
  const [high, low] = [bytes.length >> 8, bytes.length & 255];
  if (fragment === undefined) return concatBytes(Uint8Array.of(high, low), bytes);
  const [id, index, count] = fragment;
  return concatBytes(Uint8Array.of(high | 0x80, low, id >> 8, id & 255, index, count), bytes);
}

const payload = (...records: Uint8Array[]) => concatBytes(Uint8Array.of(1), ...records);

function transports(random: Random): DraftGroup {
  const [key, index] = [random(32), 0x01020304];
  const make = (counter: bigint, body: Uint8Array) => transportMessage(key, index, counter, body);
  const good = (
    comment: string,
    flag: string,
    counter: bigint,
    body: Uint8Array,
    frames?: Uint8Array[],
    before?: Uint8Array[],
  ) => valid(comment, flag, { counter, payload: body, frames, before, message: make(counter, body) });
  const bad = (comment: string, flag: string, reason: string, message: Uint8Array, before?: Uint8Array[]) =>
    invalid(comment, flag, reason, { before, message });
  const withFrames = [14, 15, 60, 590, 1417, 1514, 9216].map((length) => {
    const frame = random(length);
    return good(`a frame of ${length} bytes`, 'Frames', 0n, payload(record(frame)), [frame]);
  });
  const three = [random(60), random(61), random(98)];
  const body = random(40);
  const first = make(0n, body);
  const far = 2n ** 64n - 2n ** 13n - 1n;
  const end = 8 * first.length;
  return {
    type: 'SecureTransportTest',
    name: 'transport messages',
    fields: { key, index },
    tests: [
      good('a keepalive', 'Frames', 0n, new Uint8Array()),
      ...withFrames,
      good('three frames', 'Frames', 7n, payload(...three.map((frame) => record(frame))), three),
      ...[1, 15, 16, 17, 63, 64, 65, 191, 192, 193, 256].map((length) =>
        good(`a payload of ${length} bytes`, 'Length', 5n, random(length)),
      ),
      ...COUNTERS.map((counter) => good(`counter ${counter}`, 'Counter', counter, new Uint8Array())),
      good('8128 behind', 'Window', 1n, random(20), undefined, [make(8129n, body)]),
      good('between two that came', 'Window', 1n, random(20), undefined, [first, make(2n, body)]),
      bad('the same again', 'Replayed', 'replayed', first, [first]),
      bad('again, behind others', 'Replayed', 'replayed', first, [first, make(1n, body), make(100n, body)]),
      bad('another payload under the same counter', 'Replayed', 'replayed', make(0n, random(40)), [first]),
      bad('8129 behind', 'TooOld', 'too old', make(1n, body), [make(8130n, body)]),
      bad('far behind', 'TooOld', 'too old', first, [make(2n ** 40n, body)]),
      bad('a counter that is never reached', 'Exhausted', 'counter exhausted', make(far, body)),
      bad('the last counter of all', 'Exhausted', 'counter exhausted', make(2n ** 64n - 1n, body)),
      bad('another index', 'Index', 'unknown receiver index', transportMessage(key, index + 1, 0n, body)),
      bad('one bit of the type', 'BitFlip', 'unknown receiver index', flipped(first, 1)),
      bad('one bit of the index', 'BitFlip', 'unknown receiver index', flipped(first, 32)),
      bad('one bit of the counter', 'BitFlip', 'decrypt failed', flipped(first, 64)),
      bad('the first bit of the payload', 'BitFlip', 'decrypt failed', flipped(first, 128)),
      bad('the last bit of the payload', 'BitFlip', 'decrypt failed', flipped(first, end - 129)),
      bad('the first bit of the tag', 'BitFlip', 'decrypt failed', flipped(first, end - 128)),
      bad('the last bit of the tag', 'BitFlip', 'decrypt failed', flipped(first, end - 1)),
      bad(
        'sealed under another key',
        'WrongKey',
        'decrypt failed',
        transportMessage(random(32), index, 0n, body),
      ),
      bad('without its last byte', 'Cut', 'decrypt failed', first.slice(0, -1)),
      bad('a byte too long', 'Cut', 'decrypt failed', concatBytes(first, Uint8Array.of(0))),
      ...[31, 16, 15, 4].map((length) => bad(`${length} bytes`, 'Cut', 'bad length', first.slice(0, length))),
    ],
  };
}

function payloadTests(random: Random): DraftGroup {
  const came = (payloads: readonly (readonly [number, Uint8Array])[], frames: readonly Uint8Array[]) => ({
    payloads: payloads.map(([now, body]) => ({ now, payload: body })),
    frames,
  });
  const [a, b] = [random(60), random(98)];
  const whole = random(90);
  const part = (index: number, id = 1, count = 3) =>
    payload(record(whole.slice(30 * index, 30 * index + 30), [id, index, count]));
  const [one, two, three] = [part(0), part(1), part(2)];
  const other = random(40);
  const foreign = [
    payload(record(other.slice(0, 20), [2, 0, 2])),
    payload(record(other.slice(20), [2, 1, 2])),
  ];
  const bad = (
    comment: string,
    flag: string,
    reason: string,
    payloads: readonly (readonly [number, Uint8Array])[],
    frames: readonly Uint8Array[],
  ) => invalid(comment, flag, reason, came(payloads, frames));
  const cut = payload(record(a), record(b).slice(0, -1));
  return {
    type: 'SecurePayloadTest',
    name: 'what comes out of payloads',
    tests: [
      valid('a keepalive', 'Records', came([[0, new Uint8Array()]], [])),
      valid('one frame', 'Records', came([[0, payload(record(a))]], [a])),
      valid('two frames', 'Records', came([[0, payload(record(a), record(b))]], [a, b])),
      valid('no records', 'Records', came([[0, payload()]], [])),
      valid(
        'fragments in order',
        'Fragments',
        came(
          [
            [0, one],
            [1, two],
            [2, three],
          ],
          [whole],
        ),
      ),
      valid(
        'fragments the other way round',
        'Fragments',
        came(
          [
            [0, three],
            [0, two],
            [0, one],
          ],
          [whole],
        ),
      ),
      valid(
        'a whole frame between fragments',
        'Fragments',
        came(
          [
            [0, one],
            [0, two],
            [0, payload(record(a))],
            [0, three],
          ],
          [a, whole],
        ),
      ),
      valid(
        'fragments of two frames mixed',
        'Fragments',
        came(
          [
            [0, one],
            [0, foreign[0] as Uint8Array],
            [0, two],
            [0, foreign[1] as Uint8Array],
            [0, three],
          ],
          [other, whole],
        ),
      ),
      valid(
        'a fragment and a frame in one payload',
        'Fragments',
        came(
          [
            [0, one],
            [0, two],
            [0, concatBytes(three, record(b))],
          ],
          [whole, b],
        ),
      ),
      valid(
        'the last fragment after a second',
        'Fragments',
        came(
          [
            [0, one],
            [0, two],
            [1000, three],
          ],
          [whole],
        ),
      ),
      valid('a frame in one fragment', 'Fragments', came([[0, payload(record(a, [9, 0, 1]))]], [a])),
      bad(
        'the last fragment after more than a second',
        'Incomplete',
        'incomplete frame',
        [
          [0, one],
          [0, two],
          [1001, three],
        ],
        [],
      ),
      bad(
        'the same fragment twice',
        'Incomplete',
        'incomplete frame',
        [
          [0, one],
          [0, one],
          [0, two],
          [0, three],
        ],
        [whole],
      ),
      bad(
        'the same id with another count',
        'Incomplete',
        'incomplete frame',
        [
          [0, one],
          [0, part(1, 1, 4)],
          [0, part(2, 1, 4)],
        ],
        [],
      ),
      bad('a record that is cut', 'Malformed', 'malformed record', [[0, cut]], [a]),
      bad(
        'half a length',
        'Malformed',
        'malformed record',
        [[0, concatBytes(payload(record(a)), Uint8Array.of(0))]],
        [a],
      ),
      bad(
        'an index beyond its count',
        'Malformed',
        'malformed record',
        [[0, payload(record(a, [1, 3, 3]), record(b))]],
        [b],
      ),
      bad(
        'a count of 0',
        'Malformed',
        'malformed record',
        [[0, payload(record(a, [1, 0, 0]), record(b))]],
        [b],
      ),
      bad(
        'an empty fragment',
        'Malformed',
        'malformed record',
        [[0, payload(record(new Uint8Array(), [1, 0, 2]), record(b))]],
        [b],
      ),
      bad(
        'a frame of 13 bytes',
        'Malformed',
        'frame too short',
        [[0, payload(record(random(13)), record(b))]],
        [b],
      ),
      bad(
        'fragments of a frame of 13 bytes',
        'Malformed',
        'frame too short',
        [
          [0, payload(record(random(6), [1, 0, 2]))],
          [0, payload(record(random(7), [1, 1, 2]), record(b))],
        ],
        [b],
      ),
      bad(
        'fragments of more than 9216 bytes',
        'Malformed',
        'frame too long',
        [
          [0, payload(record(new Uint8Array(9000), [1, 0, 2]))],
          [0, payload(record(new Uint8Array(217), [1, 1, 2]))],
        ],
        [],
      ),
      bad('an IPv4 packet', 'Kind', 'ip', [[0, concatBytes(Uint8Array.of(0x45), random(27))]], []),
      bad('an IPv6 packet', 'Kind', 'ip', [[0, concatBytes(Uint8Array.of(0x60), random(47))]], []),
      ...[0x00, 0x03, 0x80, 0xff].map((kind) =>
        bad(
          `a payload that begins with ${kind}`,
          'Kind',
          'unknown payload',
          [[0, concatBytes(Uint8Array.of(kind), random(20))]],
          [],
        ),
      ),
    ],
  };
}

function packed(tools: Tools, path: number, frames: readonly Uint8Array[]): Uint8Array[] {
  const key = new Uint8Array(32);
  return tools.session((session) => {
    keyed(tools, session, key, 1, path);
    tools.read(session, inStream(frames));
    return tools.drain().map(({ bytes }) => payloadOf(key, bytes));
  });
}

function packing(random: Random, tools: Tools): DraftGroup {
  const test = (comment: string, path: number, lengths: readonly number[]): DraftTest => {
    const frames = lengths.map((length) => random(length));
    return valid(comment, 'Packing', { path, frames, payloads: packed(tools, path, frames) });
  };
  return {
    type: 'SecurePackingTest',
    name: 'frames that wait together',
    tests: [
      test('one', 1452, [60]),
      test('as many as fit', 1452, [60, 61, 98, 590, 500]),
      test('one more than fits', 1452, [700, 700, 14]),
      test('the largest that fits whole', 1452, [1417]),
      test('one byte more', 1452, [1418]),
      test('1514 bytes on the usual path', 1452, [1514]),
      test('two of 1514 bytes', 1452, [1514, 1514]),
      test('the largest of all', 1452, [9216]),
      test('the smallest path', 508, [60, 590, 60]),
      test('a path for everything', 9251, [9216]),
    ],
  };
}

const NOTES = {
  Frames: 'Frames as records, or no payload at all.',
  Length: 'Payloads of many lengths, of no particular kind.',
  Counter: 'Counters of many sizes: they have 64 bits.',
  Window: 'Counters that are late, but by no more than 8128, and that did not come before.',
  Replayed: 'A counter that came before.',
  TooOld: 'A counter that is further behind the highest one than the window reaches.',
  Exhausted: 'A counter of 2^64 - 2^13 - 1 or more.',
  Index: 'The index of nobody.',
  WrongKey: 'The message was sealed under another key.',
  BitFlip: 'One bit of the message is not what it was.',
  Cut: 'The message has another length than it had.',
  Records: 'Frames one behind the other.',
  Fragments: 'Frames in fragments.',
  Incomplete: 'Frames of which fragments are missing, or are given up for others.',
  Malformed: 'What an authentic sender did not make well; what is whole is handed on.',
  Kind: 'Payloads that hold something else than frames.',
  Packing: 'Records in as few datagrams as the path allows.',
};

export const secureTransport: Maker = (random, tools): Draft => ({
  algorithm: 'CRYPTCAB-SECURE-TRANSPORT',
  header: [
    'The transport message of WireGuard, with Ethernet frames as its payload (the secure cable).',
    'key is that of one direction, index the one that the receiver gave out.',
    'Payloads are opened in their order; now is in milliseconds. Frames come out in the order in which they are whole.',
    'path is the largest UDP payload, in bytes; ids of frames in fragments count from 0.',
  ],
  oracles: [
    openssl('chacha20-poly1305: every message'),
    model('counters, records and fragments, by a reader and a writer of its own'),
  ],
  notes: NOTES,
  groups: [transports(random), payloadTests(random), packing(random, tools)],
});
