// The secure cable's part of the core: the AEAD, transport messages, payloads and fragments.
import { describe, expect, it } from 'vitest';
import type { TransportKeys } from '../../../../src/core/terms.js';
import { instantiate } from '../../../../src/core/wasm.js';
import aead from '../../../../vectors/foreign/chacha20-poly1305.json' with { type: 'json' };
import poly from '../../../../vectors/foreign/poly1305.json' with { type: 'json' };
import { rounds } from '../../../support/rounds.js';
import { randomness } from '../../../support/seed.js';
import { hex, layout, makeCore, unhex } from './harness.js';
import {
  aeadOpen,
  aeadSeal,
  evened,
  type Fragment,
  framesOf,
  parsePayload,
  payload,
  poly1305,
  Transport,
} from './secure-twins.js';
import { chacha20, parseStream, streamOf, Window } from './twins.js';

const { bytes, below } = randomness();
const { FRAME_MAX, RING_SLOTS, RING_BATCH } = layout;

/** Elements in any order. */
function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((element) => ({ element, place: below(2 ** 31) }))
    .sort((a, b) => a.place - b.place)
    .map(({ element }) => element);
}

const wasm = await instantiate();
const memory = new Uint8Array(wasm.memory.buffer);
const [KEY, NONCE, TAG, DATA] = [0, 32, 64, 128].map((offset) => layout.STAGE_IN + offset) as [
  number,
  number,
  number,
  number,
];

/** The core's Poly1305, of whole blocks, taken in pieces. */
function corePoly(key: Uint8Array, message: Uint8Array, cut = message.length): Buffer {
  memory.set(key, KEY);
  memory.set(message, DATA);
  wasm.functions.polyBegin(KEY);
  wasm.functions.polyBlocks(DATA, cut);
  wasm.functions.polyBlocks(DATA + cut, message.length - cut);
  wasm.functions.polyEnd(TAG);
  return Buffer.from(memory.slice(TAG, TAG + 16));
}

function coreSeal(key: Uint8Array, nonce: Uint8Array, plain: Uint8Array, offset = 0): Buffer {
  memory.set(key, KEY);
  memory.set(nonce, NONCE);
  memory.set(plain, DATA + offset);
  wasm.functions.aeadSeal(DATA + offset, plain.length, KEY, NONCE);
  return Buffer.from(memory.slice(DATA + offset, DATA + offset + plain.length + 16));
}

describe('ChaCha20-Poly1305', () => {
  it('RFC 8439 §2.5.2 and A.3: Poly1305 of the twin', () => {
    const tests = poly.testGroups.flatMap((group) => group.tests);
    expect(tests).toHaveLength(12);
    for (const { key, msg, tag } of tests) expect(hex(poly1305(unhex(key), unhex(msg)))).toBe(tag);
  });

  it('RFC 8439 §2.8.2 and A.5: the twin, with additional data', () => {
    for (const { key, iv, aad, msg, ct, tag } of aead.testGroups.flatMap((group) => group.tests)) {
      expect(hex(aeadSeal(unhex(key), unhex(iv), unhex(msg), unhex(aad)))).toBe(ct + tag);
      expect(hex(aeadOpen(unhex(key), unhex(iv), unhex(ct + tag), unhex(aad)) as Buffer)).toBe(msg);
    }
  });

  it('Poly1305 as its twin, where carries run far', () => {
    const extreme = () => Uint8Array.from({ length: 16 }, () => [0, 1, 0xfb, 0xff, 0xff][below(5)] as number);
    for (let i = 0; i < rounds(500); i++) {
      const key = Buffer.concat([extreme(), extreme()]);
      const blocks = 1 + below(8);
      const message = Buffer.concat(Array.from({ length: blocks }, extreme));
      expect(hex(corePoly(key, message, 16 * below(blocks + 1)))).toBe(hex(poly1305(key, message)));
    }
  });

  it('all lengths, at all alignments, as its twin', () => {
    for (const length of [...Array(300).keys(), 447, 448, 449, 1412, 1420, FRAME_MAX + 3]) {
      const [key, nonce, plain] = [bytes(32), bytes(12), bytes(length)];
      const sealed = coreSeal(key, nonce, plain, below(16));
      expect(hex(sealed)).toBe(hex(aeadSeal(key, nonce, plain)));
    }
  });
});

/** A secure session, and the twins of its keypairs. */
async function make(path?: number) {
  const test = await makeCore();
  const number = test.session();
  if (path !== undefined) test.core.setPath(number, path);
  const keypair = (place: number, index = 1 + below(2 ** 32 - 1)) => {
    const keys: TransportKeys = { send: bytes(32), receive: bytes(32), local: index, remote: below(2 ** 32) };
    test.core.installKeypair(number, place, keys);
    return {
      ...keys,
      /** Makes what the core opens, and reads what it seals. */
      toCore: new Transport(keys.receive, keys.local),
      fromCore: new Transport(keys.send, keys.remote),
    };
  };
  const { ring, core } = test;
  const openAll = (...messages: Uint8Array[]) => {
    for (const message of messages) expect(ring.pushTransport(number, message)).toBe(true);
    return test.drain();
  };
  return {
    ...test,
    number,
    keypair,
    open: (message: Uint8Array) => {
      const [result] = openAll(message);
      if (result === undefined) throw new Error('no slot');
      return result;
    },
    /** The frames that come of one batch. */
    unpack: (now: number, ...messages: Uint8Array[]): Buffer[] => {
      for (const message of messages) expect(ring.pushTransport(number, message)).toBe(true);
      const results = test.batch();
      const { frames, refused, rest } = parseStream(core.writeStream(number, results.length, now));
      expect([refused, rest.length]).toEqual([0, 0]);
      for (const { index } of results) ring.release(index);
      return frames;
    },
    refused: () => core.counts(number).refused,
  };
}

describe('a transport message', () => {
  it('is sealed as its twin opens it, and the other way round', async () => {
    const { core, number, keypair, seal, open } = await make();
    const { fromCore, toCore } = keypair(1);
    core.useKeypair(number, 1);
    for (const [i, length] of [14, 15, 60, 1399, 1400, 1417].entries()) {
      const frame = bytes(length);
      expect(core.keypairSealed(number, 1)).toBe(BigInt(i));
      const sealed = seal(number, frame);
      expect(sealed.sealed).toBe(true);
      expect(hex(sealed.bytes)).toBe(hex(fromCore.seal(BigInt(i), payload(frame))));
      const opened = open(toCore.seal(BigInt(2 * i), payload(frame)));
      expect([opened.status, opened.sealed, hex(opened.bytes)]).toEqual(['ok', false, hex(payload(frame))]);
    }
    expect(core.counts(number)).toMatchObject({ sealed: 6n, sealedBytes: 4305n, opened: 0n });
  });

  it('an empty one is a keepalive', async () => {
    const { core, number, keypair, unpack, refused } = await make();
    const { fromCore, toCore } = keypair(0);
    expect(core.sealControl(number, new Uint8Array())).toBe('no key'); // nobody has said that it seals
    core.useKeypair(number, 0);
    const sealed = core.sealControl(number, new Uint8Array());
    expect(sealed).toHaveLength(32);
    expect(hex(sealed as Uint8Array)).toBe(hex(fromCore.seal(0n, new Uint8Array())));
    expect(unpack(0, toCore.seal(0n, new Uint8Array()))).toEqual([]);
    expect(core.counts(number)).toMatchObject({ sealed: 0n, opened: 0n });
    expect(refused()).toEqual({ 'no key': 1n });
  });

  it('finds its keypair by the index that it bears, whichever place that has', async () => {
    const { core, number, keypair, open, ring, seal } = await make();
    const pairs = [0, 1, 2].map((place) => keypair(place, 7 + place));
    const frame = bytes(60);
    for (const place of [1, 0, 2]) {
      const pair = pairs[place] as (typeof pairs)[0];
      ring.pushTransport(number, pair.toCore.seal(5n, payload(frame)));
      expect(ring.process()).toBe(1);
      expect(ring.processed(0)).toMatchObject({ status: 0, keypair: place, sealed: false });
      ring.release(ring.processed(0).index);
      core.useKeypair(number, place);
      expect(hex(seal(number, frame).bytes)).toBe(hex(pair.fromCore.seal(0n, payload(frame))));
    }
    const [first, second] = pairs as [(typeof pairs)[0], (typeof pairs)[0]];
    // Another keypair's key does not open it, nor is an unknown index taken.
    expect(open(new Transport(first.receive, second.local).seal(9n, payload(frame))).status).toBe(
      'decrypt failed',
    );
    expect(open(new Transport(first.receive, 99).seal(9n, payload(frame))).status).toBe(
      'unknown receiver index',
    );
    core.dropKeypair(number, 0);
    expect(open(first.toCore.seal(9n, payload(frame))).status).toBe('unknown receiver index');
    expect(open(second.toCore.seal(9n, payload(frame))).status).toBe('ok');
    core.dropKeypair(number, 2);
    expect(seal(number, frame).status).toBe('no key');
    core.dropKeypair(number, 1);
    expect(open(second.toCore.seal(10n, payload(frame))).status).toBe('no key');
    // The index 0 of an empty place is nobody's.
    expect(open(new Transport(new Uint8Array(32), 0).seal(0n, payload(frame))).status).toBe('no key');
  });

  it('is refused whatever bit is turned, and however it is cut; nothing is written, no window moves', async () => {
    const { core, number, keypair, ring, view, bodyOf, open } = await make();
    const { toCore } = keypair(0);
    const message = toCore.seal(3n, payload(bytes(40)));
    const record = layout.SESSIONS + number * layout.SESSION_BYTES + layout.SESSION_KEYPAIRS;
    const keypairs = () => hex(ring.bytes.subarray(record, record + layout.KEYPAIRS * layout.KEYPAIR_BYTES));
    const before = keypairs();
    const refuse = (bad: Uint8Array, statuses: string[]) => {
      const body = bodyOf(view.getUint32(layout.RING_HEAD, true) % RING_SLOTS) - layout.TRANSPORT_HEADER;
      ring.bytes.fill(0xa5, body, body + 256);
      const result = open(bad);
      expect(statuses).toContain(result.status);
      expect(result.bytes).toHaveLength(0);
      expect(hex(ring.bytes.subarray(body, body + bad.length))).toBe(hex(bad));
      expect(ring.bytes.subarray(body + bad.length, body + 256).every((byte) => byte === 0xa5)).toBe(true);
      expect(keypairs()).toBe(before);
    };
    for (let bit = 0; bit < 8 * message.length; bit++) {
      const bad = Buffer.from(message);
      bad[bit >> 3] = (bad[bit >> 3] as number) ^ (1 << (bit & 7));
      refuse(bad, [bit < 64 ? 'unknown receiver index' : 'decrypt failed']);
    }
    for (let length = 0; length < message.length; length++) {
      refuse(message.subarray(0, length), length < 32 ? ['bad length'] : ['decrypt failed']);
    }
    refuse(Buffer.concat([message, Buffer.alloc(1)]), ['decrypt failed']);
    expect(core.counts(number).opened).toBe(0n);
    expect(open(message).status).toBe('ok');
    // A repetition is refused before it is decrypted.
    const after = keypairs();
    const body = bodyOf(view.getUint32(layout.RING_HEAD, true) % RING_SLOTS) - layout.TRANSPORT_HEADER;
    expect(open(message).status).toBe('replayed');
    expect(hex(ring.bytes.subarray(body, body + message.length))).toBe(hex(message));
    expect(keypairs()).toBe(after);
  });

  it('keys stand in their session, and nowhere else; dropped, nowhere', async () => {
    const { core, number, keypair, snapshot } = await make();
    const count = (key: Uint8Array) => {
      const memory = snapshot();
      const wanted = Buffer.from(key);
      let found = 0;
      for (let at = memory.indexOf(wanted); at >= 0; at = memory.indexOf(wanted, at + 1)) found++;
      return found;
    };
    for (const place of [0, 1, 2]) {
      const { send, receive } = keypair(place);
      expect([count(send), count(receive)]).toEqual([1, 1]);
      core.dropKeypair(number, place);
      expect([count(send), count(receive)]).toEqual([0, 0]);
    }
    // Those of the classic suites come by the same stage.
    const classic = core.openSession() as number;
    const key = bytes(44);
    core.keySession(classic, { suite: 'chacha20', key, block: 0 });
    expect(count(key.subarray(0, 32))).toBe(1);
    core.unkeySession(classic);
    expect(count(key.subarray(0, 32))).toBe(0);
    core.keySession(classic, { suite: 'blowfish', key });
    expect([count(key.subarray(0, 16)), count(key.subarray(16, 24))]).toEqual([0, 1]);
    core.closeSession(classic);
    expect(count(key.subarray(16, 24))).toBe(0);
  });

  it('the window reaches 8128 back, and begins with 0', async () => {
    const { keypair, open } = await make();
    const { toCore } = keypair(2);
    const status = (counter: bigint) => open(toCore.seal(counter, new Uint8Array())).status;
    expect([0n, 0n, 1n].map(status)).toEqual(['ok', 'replayed', 'ok']);
    expect([1n, 2n, 19_999n, 19_999n].map(status)).toEqual(['replayed', 'ok', 'ok', 'replayed']);
    // Wherever the newest is in its word of the bitmap.
    for (let newest = 20_000n; newest < 20_064n; newest++) {
      expect(status(newest)).toBe('ok');
      expect([8129n, 8128n, 8128n].map((behind) => status(newest - behind))).toEqual([
        'too old',
        'ok',
        'replayed',
      ]);
    }
    expect([1n, 2n].map(status)).toEqual(['too old', 'too old']);
  });

  it('the window, as other implementations of RFC 6479 try theirs', async () => {
    const wide = 8129; // counters: the newest, and 8128 behind it
    type Answer = 'ok' | 'replayed' | 'too old';
    const fresh = async () => {
      const { keypair, open } = await make();
      const { toCore } = keypair(0);
      const sealed = new Map<number, Buffer>(); // the twin takes its time
      return (counter: number) => {
        const message = sealed.get(counter) ?? toCore.seal(BigInt(counter), new Uint8Array());
        sealed.set(counter, message);
        return open(message).status;
      };
    };
    // To and fro: near 0, to the edges of the window, by leaps.
    const walk: [number, Answer][] = [
      ...([0, 1] as const).map((counter): [number, Answer] => [counter, 'ok']),
      [1, 'replayed'],
      [9, 'ok'],
      [8, 'ok'],
      [7, 'ok'],
      [7, 'replayed'],
      [wide, 'ok'],
      [wide - 1, 'ok'],
      [wide - 1, 'replayed'],
      [wide - 2, 'ok'],
      [2, 'ok'],
      [2, 'replayed'],
      [wide + 16, 'ok'],
      [3, 'too old'],
      [wide + 16, 'replayed'],
      [4 * wide, 'ok'],
      [4 * wide - (wide - 1), 'ok'],
      [10, 'too old'],
      [4 * wide - wide, 'too old'],
      [4 * wide - (wide + 1), 'too old'],
      [4 * wide - (wide - 2), 'ok'],
      [4 * wide + 1 - wide, 'replayed'],
      [0, 'too old'],
    ];
    const status = await fresh();
    for (const [counter, answer] of walk) expect([counter, status(counter)]).toEqual([counter, answer]);

    // One by one to its whole width, from 0 and from 1, forwards and backwards.
    const upwards = [...Array(wide).keys()];
    const orders = [upwards.map((i) => i + 1), upwards.toReversed(), upwards];
    for (const counters of orders.slice(0, rounds(3, 1))) {
      const status = await fresh();
      expect(new Set(counters.map(status))).toEqual(new Set(['ok']));
      expect(new Set(counters.map(status))).toEqual(new Set(['replayed']));
      if (!counters.includes(0)) expect(status(0)).toBe('too old');
    }
    // A gap that is filled late, and one that was left too long.
    for (const leap of [64, wide - 1, wide, 2 ** 20]) {
      const status = await fresh();
      expect([status(1), status(1 + leap), status(1)]).toEqual([
        'ok',
        'ok',
        leap < wide ? 'replayed' : 'too old',
      ]);
      expect([status(leap), status(leap)]).toEqual(['ok', 'replayed']);
      expect(status(2)).toBe(leap - 1 < wide ? 'ok' : 'too old');
    }
  });

  it('the window as its twin, over counters that jump', async () => {
    const { keypair, open } = await make();
    const { toCore } = keypair(0);
    const window = new Window();
    let highest = 1n;
    for (let i = 0; i < rounds(3_000); i++) {
      if (below(3) === 0) highest += BigInt(below([2, 64, 9000, 2 ** 31][below(4)] as number));
      const counter = highest - BigInt(below([3, 200, 8200][below(3)] as number));
      if (counter < 1n) continue;
      expect(open(toCore.seal(counter, new Uint8Array())).status).toBe(window.accept(counter));
    }
  });

  it('counters end 2^13 + 1 before 2^64, both ways', async () => {
    const { core, view, number, keypair, seal, open } = await make();
    const { toCore, fromCore } = keypair(1);
    core.useKeypair(number, 1);
    const last = 2n ** 64n - 2n ** 13n - 2n;
    const at =
      layout.SESSIONS + number * layout.SESSION_BYTES + layout.SESSION_KEYPAIRS + layout.KEYPAIR_BYTES;
    view.setBigUint64(at + layout.KEYPAIR_COUNTER, last, true);
    const frame = bytes(60);
    expect(hex(seal(number, frame).bytes)).toBe(hex(fromCore.seal(last, payload(frame))));
    expect(seal(number, frame).status).toBe('counter exhausted');
    expect(core.keypairSealed(number, 1)).toBe(last + 1n);
    expect(core.counts(number).sealed).toBe(1n);
    expect(open(toCore.seal(last + 1n, payload(frame))).status).toBe('counter exhausted');
    expect(open(toCore.seal(last, payload(frame))).status).toBe('ok');
  });

  it('leaves no trace of its keys, nor of key stream, when the keypair is dropped, or the session closed', async () => {
    const { core, number, keypair, snapshot, seal, open } = await make();
    const pairs = [keypair(0), keypair(1)];
    const [first, second] = pairs as [(typeof pairs)[0], (typeof pairs)[0]];
    const traces = ({ send, receive }: TransportKeys) =>
      [send, receive].map((key) => snapshot().includes(Buffer.from(key.subarray(0, 16))));
    /** Whether the key stream of a message is there that was opened: its first and its last whole block. */
    const streams = ({ receive }: TransportKeys, counter: number) =>
      [64, 64 * 22].map((at) => {
        const nonce = Buffer.alloc(12);
        nonce.writeUInt32LE(counter, 4);
        return snapshot().includes(chacha20(receive, nonce, at / 64, new Uint8Array(64)));
      });
    core.useKeypair(number, 0);
    seal(number, bytes(60));
    open(first.toCore.seal(0n, payload(bytes(1412))));
    expect([traces(first), traces(second), streams(first, 0)]).toEqual([
      [true, true],
      [true, true],
      [true, true],
    ]);
    core.dropKeypair(number, 0);
    expect([traces(first), traces(second), streams(first, 0)]).toEqual([
      [false, false],
      [true, true],
      [false, false],
    ]);
    open(second.toCore.seal(7n, payload(bytes(1412))));
    expect(streams(second, 7)).toEqual([true, true]);
    core.closeSession(number);
    expect([traces(second), streams(second, 7)]).toEqual([
      [false, false],
      [false, false],
    ]);
  });

  it('and the classic operations do not reach into each other', async () => {
    const { core, number, keypair, ring, drain, session } = await make();
    const { toCore } = keypair(0);
    core.useKeypair(number, 0);
    ring.push(number, bytes(100));
    expect(drain()[0]?.status).toBe('no key');
    const classic = session('plain');
    ring.pushTransport(classic, toCore.seal(0n, new Uint8Array()));
    expect(drain().map(({ status }) => status)).toEqual(['no key']);
    expect(core.sealControl(classic, new Uint8Array())).toBe('no key');
  });

  it('keys and paths of a wrong size are refused', async () => {
    const { core, number } = await make();
    const keys = { send: bytes(32), receive: bytes(32), local: 1, remote: 2 };
    expect(() => core.installKeypair(number, 0, { ...keys, send: bytes(31) })).toThrow(RangeError);
    expect(() => core.installKeypair(number, 0, { ...keys, receive: bytes(33) })).toThrow(RangeError);
    for (const path of [507, core.datagramMax + 1, Number.NaN])
      expect(() => core.setPath(number, path)).toThrow(RangeError);
    core.setPath(number, core.datagramMax);
    core.setPath(number, 508);
  });
});

describe('packing', () => {
  /** Seals a piece of stream; what comes of it, opened by the twin. */
  async function pack(path: number | undefined, frames: Uint8Array[]) {
    const test = await make(path);
    const { core, number, keypair, drain } = test;
    const { fromCore } = keypair(0);
    core.useKeypair(number, 0);
    const stream = streamOf(frames);
    const datagrams: Buffer[] = [];
    for (let at = 0; at < stream.length; ) {
      const taken = core.readStream(number, stream.subarray(at, at + core.pieceMax));
      datagrams.push(...drain().map((slot) => slot.bytes));
      at += taken;
    }
    const payloads = datagrams.map((datagram) => fromCore.open(datagram).payload);
    expect(framesOf(payloads).map(hex)).toEqual(frames.map(hex));
    for (const { length } of datagrams) expect(length).toBeLessThanOrEqual(path ?? 1452);
    expect(core.counts(number)).toMatchObject({
      sealed: BigInt(frames.length),
      sealedBytes: BigInt(frames.reduce((sum, { length }) => sum + length, 0)),
    });
    return { datagrams, payloads };
  }

  it('what waits goes into as few datagrams as the path allows', async () => {
    // 1452 - 32 - 1 bytes of records: 22 of 62 bytes fill 1364, the 23rd would need 1426.
    const { datagrams, payloads } = await pack(
      1452,
      Array.from({ length: 50 }, () => bytes(60)),
    );
    expect(payloads.map((one) => parsePayload(one).length)).toEqual([22, 22, 6]);
    expect(datagrams.map(({ length }) => length)).toEqual([1397, 1397, 405]);
    // To the very byte.
    expect((await pack(1452, [bytes(1399), bytes(16)])).datagrams.map(({ length }) => length)).toEqual([
      1452,
    ]);
    expect((await pack(1452, [bytes(1399), bytes(17)])).datagrams.map(({ length }) => length)).toEqual([
      1434, 52,
    ]);
    expect((await pack(1452, [bytes(1417)])).datagrams.map(({ length }) => length)).toEqual([1452]);
  });

  it('a frame larger than the path is cut, and uses what is left of a datagram', async () => {
    const one = await pack(1452, [bytes(1418)]);
    expect(one.payloads.map((p) => parsePayload(p).length)).toEqual([1, 1]);
    expect(one.datagrams.map(({ length }) => length)).toEqual([1452, 44]);
    // 1514 bytes each, of 1413 a fragment: 14 of them need 15.2 datagrams' worth.
    const bulk = await pack(
      1452,
      Array.from({ length: 14 }, () => bytes(1514)),
    );
    expect(bulk.datagrams).toHaveLength(16);
    expect((await pack(1452, [bytes(9216)])).datagrams).toHaveLength(7);
    expect((await pack(508, [bytes(9216)])).datagrams).toHaveLength(20);
    expect((await pack(9251, [bytes(9216), bytes(9216)])).datagrams).toHaveLength(2);
    // Fewer than 64 bytes left are not begun with.
    expect((await pack(1452, [bytes(1350), bytes(1418)])).datagrams).toHaveLength(3);
    expect((await pack(1452, [bytes(1345), bytes(1418)])).datagrams).toHaveLength(2);
  });

  it('any frames on any path, in pieces cut anywhere', async () => {
    for (let round = 0; round < rounds(20); round++) {
      const test = await make(508 + below(round % 2 === 0 ? 1500 : 8744));
      const { core, number, keypair, drain } = test;
      const { fromCore } = keypair(2);
      core.useKeypair(number, 2);
      const frames = Array.from({ length: 60 }, () =>
        bytes(14 + below([20, 1500, FRAME_MAX - 13][below(3)] as number)),
      );
      const stream = streamOf(frames);
      const payloads: Buffer[] = [];
      for (let at = 0; at < stream.length; ) {
        const piece = stream.subarray(at, at + 1 + below(20_000));
        at += core.readStream(number, piece);
        payloads.push(...drain().map((slot) => fromCore.open(slot.bytes).payload));
      }
      expect(framesOf(payloads).map(hex)).toEqual(frames.map(hex));
    }
  });

  it('stops where the ring is full, and goes on with nothing lost or halved', async () => {
    const { core, number, keypair, drain, ring } = await make(508);
    const { fromCore } = keypair(0);
    core.useKeypair(number, 0);
    const other = Buffer.alloc(40);
    const frames = Array.from({ length: rounds(200, 100) }, () => bytes(14 + below(3000)));
    const stream = streamOf(frames);
    const payloads: Buffer[] = [];
    let full = 0;
    for (let at = 0; at < stream.length; ) {
      // All but a few slots are taken by others.
      const others = RING_SLOTS - 8 - below(8);
      const pushed = Array.from({ length: others }, () => ring.pushTransport(number, other));
      expect(pushed).not.toContain(false);
      const piece = stream.subarray(at, at + 65536);
      const taken = core.readStream(number, piece);
      expect(taken).toBeGreaterThan(0);
      if (taken < piece.length) full++;
      at += taken;
      payloads.push(
        ...drain()
          .filter((slot) => slot.sealed)
          .map((slot) => fromCore.open(slot.bytes).payload),
      );
    }
    expect(full).toBeGreaterThan(10);
    expect(framesOf(payloads).map(hex)).toEqual(frames.map(hex));
  });

  it('a frame that the cable does not carry is counted, the next goes on', async () => {
    const { core, number, keypair, drain, refused } = await make();
    const { fromCore } = keypair(0);
    core.useKeypair(number, 0);
    const frame = bytes(60);
    core.readStream(number, streamOf([frame, bytes(13), frame, bytes(FRAME_MAX + 1), frame, frame]));
    const slots = drain();
    expect(slots.map(({ status }) => status)).toEqual([
      'ok',
      'frame too short',
      'ok',
      'frame too long',
      'ok',
    ]);
    const payloads = slots
      .filter(({ status }) => status === 'ok')
      .map((slot) => fromCore.open(slot.bytes).payload);
    expect(framesOf(payloads).map(hex)).toEqual(Array(4).fill(hex(frame)));
    expect(refused()).toEqual({ 'frame too short': 1n, 'frame too long': 1n });
  });
});

describe('unpacking', () => {
  /** Sealed by the twin, one counter after the other. */
  async function receiver() {
    const test = await make();
    const { toCore } = test.keypair(0);
    let counter = 0n;
    return {
      ...test,
      take: (now: number, ...payloads: Uint8Array[]) =>
        test.unpack(now, ...payloads.map((one) => toCore.seal(counter++, one))).map(hex),
    };
  }

  /** A frame cut into fragments of these sizes. */
  function cut(frame: Uint8Array, id: number, sizes: number[]): Fragment[] {
    let at = 0;
    return sizes.map((size, index) => {
      at += size;
      return { id, index, count: sizes.length, bytes: Buffer.from(frame.subarray(at - size, at)) };
    });
  }

  it('frames come out in their order, those of odd length made even', async () => {
    const { take, core, number } = await receiver();
    const frames = [60, 61, 14, 15, 1514, 9216].map(bytes);
    const [a, b, c, d, e, f] = frames as [Uint8Array, ...Uint8Array[]] as Uint8Array[];
    expect(
      take(
        0,
        payload(a as Uint8Array, b as Uint8Array),
        payload(),
        payload(c as Uint8Array, d as Uint8Array, e as Uint8Array),
        payload(f as Uint8Array),
      ),
    ).toEqual(frames.map((frame) => hex(evened(frame))));
    expect(core.counts(number)).toMatchObject({ opened: 6n, openedBytes: 10880n, refused: {} });
  });

  it('IP packets and unknown payloads are counted and dropped', async () => {
    const { take, refused } = await receiver();
    const kinds = Array.from({ length: 256 }, (_, kind) => Buffer.concat([Buffer.of(kind), bytes(30)]));
    expect(take(0, ...kinds.filter((_, kind) => kind !== 1 && kind !== 2).slice(0, 64))).toEqual([]);
    for (let i = 64; i < 255; i += 64)
      expect(take(0, ...kinds.filter((_, kind) => kind !== 1 && kind !== 2).slice(i, i + 64))).toEqual([]);
    expect(refused()).toEqual({ ip: 32n, 'unknown payload': 222n });
  });

  it('a malformed record ends its payload; what came before it is handed on', async () => {
    const { take, refused } = await receiver();
    const frame = bytes(60);
    const whole = payload(frame, bytes(100));
    for (let length = 64; length < whole.length; length++) {
      expect(take(0, whole.subarray(0, length))).toEqual([hex(frame)]);
    }
    expect(refused()).toEqual({ 'malformed record': BigInt(whole.length - 64) });
    const fragment = payload(frame, { id: 1, index: 0, count: 2, bytes: Buffer.from(bytes(20)) });
    for (let length = 64; length < fragment.length; length++) {
      expect(take(0, fragment.subarray(0, length))).toEqual([hex(frame)]);
    }
    expect(refused()).toEqual({ 'malformed record': BigInt(whole.length + fragment.length - 128) });
  });

  it('a record with a wrong inside, but an end, is passed over', async () => {
    const { take, refused } = await receiver();
    const frame = bytes(60);
    const odd = (index: number, count: number, length = 10) => ({
      id: 7,
      index,
      count,
      bytes: Buffer.from(bytes(length)),
    });
    expect(take(0, payload(bytes(13), frame), payload(bytes(0), frame))).toEqual(Array(2).fill(hex(frame)));
    expect(take(0, payload(odd(0, 0), odd(2, 2), odd(255, 255), odd(0, 2, 0), frame))).toEqual([hex(frame)]);
    expect(refused()).toEqual({ 'frame too short': 2n, 'malformed record': 4n });
    // Complete, but no frame.
    expect(take(0, payload(...cut(bytes(13), 9, [6, 7]), frame))).toEqual([hex(frame)]);
    expect(take(0, payload(odd(0, 3, 9000)), payload(odd(1, 3, 300)), payload(odd(2, 3)))).toEqual([]);
    expect(refused()).toMatchObject({ 'frame too short': 3n, 'frame too long': 1n });
  });

  it('fragments make their frame in any order, between others, over many batches', async () => {
    const { take, core, number } = await receiver();
    // A fragment of a whole frame and its header are no longer than a record of the largest frame.
    for (let round = 0; round < rounds(40); round++) {
      const frames = Array.from({ length: 1 + below(20) }, () => bytes(255 + below(FRAME_MAX - 260)));
      const ids = frames.map((_, i) => (65_530 + 20 * round + i) % 65_536);
      const fragments = frames.flatMap((frame, i) => {
        const count = [1, 2, 3, 255][below(4)] as number;
        const cuts = shuffled([...Array(frame.length - 1).keys()].map((place) => place + 1))
          .slice(0, count - 1)
          .sort((a, b) => a - b);
        const sizes = [...cuts, frame.length].map((end, k) => end - (cuts[k - 1] ?? 0));
        return cut(frame, ids[i] as number, sizes);
      });
      const came: string[] = [];
      const list = shuffled(fragments);
      while (list.length > 0) {
        const group = list.splice(0, 1 + below(8));
        const sizes = group.reduce((sum, { bytes }) => sum + bytes.length + 6, 1);
        came.push(
          ...(sizes < 9200
            ? take(round, payload(...group))
            : take(round, ...group.map((one) => payload(one)))),
        );
      }
      expect(came.sort()).toEqual(frames.map((frame) => hex(evened(frame))).sort());
    }
    expect(core.counts(number).refused).toEqual({});
  });

  it('a frame that is not complete within a second is given up', async () => {
    const { take, refused } = await receiver();
    const frame = bytes(300);
    const parts = (id: number) =>
      cut(frame, id, [100, 100, 100]).map((one) => payload(one)) as [Buffer, Buffer, Buffer];
    const [a, b, c] = parts(1);
    expect([take(1000, a), take(1500, b), take(2000, c)]).toEqual([[], [], [hex(frame)]]);
    const [d, e, f] = parts(2);
    expect([take(3000, d), take(3500, e), take(4000.5, f)]).toEqual([[], [], []]);
    expect(refused()).toEqual({ 'incomplete frame': 1n });
    // The late one has started again, and ends by its own time.
    expect([take(4500, d), take(5000, e)]).toEqual([[], [hex(frame)]]);
  });

  it('fragments that are not the last of their frame are counted, whether the frame is whole or not', async () => {
    const { take, core, number } = await receiver();
    const [a, b, c] = cut(bytes(300), 1, [100, 100, 100]).map((one) => payload(one)) as [
      Buffer,
      Buffer,
      Buffer,
    ];
    const [, e] = cut(bytes(200), 2, [100, 100]).map((one) => payload(one)) as [Buffer, Buffer];
    take(0, c);
    expect(core.fragments(number)).toEqual({ leading: 0n, incomplete: 0n });
    take(0, b);
    take(0, a);
    expect(core.fragments(number)).toEqual({ leading: 2n, incomplete: 0n });
    take(0, e);
    take(1_001, payload({ id: 3, index: 2, count: 2, bytes: Buffer.from(bytes(60)) }), e); // the first is none
    expect(core.fragments(number)).toEqual({ leading: 2n, incomplete: 1n });
  });

  it('the ids come round: another frame takes the place of the old', async () => {
    const { take, refused } = await receiver();
    const [old, fresh] = [bytes(200), bytes(300)];
    const [a] = cut(old, 5, [100, 100]) as [Fragment];
    const [b, c] = cut(fresh, 5, [150, 150]) as [Fragment, Fragment];
    expect(take(0, payload(a), payload(b), payload(c))).toEqual([hex(fresh)]);
    const [d, e, f] = cut(fresh, 5, [100, 100, 100]) as [Fragment, Fragment, Fragment];
    expect(take(0, payload(a), payload(e), payload(d), payload(f))).toEqual([hex(fresh)]);
    expect(refused()).toEqual({ 'incomplete frame': 2n });
  });

  it('64 frames wait for their fragments, the oldest is given up for one more', async () => {
    const { take, refused } = await receiver();
    const frames = Array.from({ length: 65 }, () => bytes(100));
    const halves = frames.map(
      (frame, id) => cut(frame, 1000 - id, [50, 50]).map((one) => payload(one)) as [Buffer, Buffer],
    );
    for (const [i, [first]] of halves.entries()) expect(take(i, first)).toEqual([]);
    expect(refused()).toEqual({ 'incomplete frame': 1n });
    for (const [i, [, second]] of halves.entries()) {
      if (i > 0) expect(take(100, second)).toEqual([hex(frames[i] as Uint8Array)]);
    }
    expect(take(100, halves[0]?.[1] as Buffer)).toEqual([]);
  });

  it('buffers are shared by all sessions: the oldest frame of all makes room, a closed session gives its own back', async () => {
    const { core, ring, batch, session } = await makeCore();
    const peers = Array.from({ length: layout.INCOMPLETE_COUNT / 64 + 1 }, () => {
      const number = session();
      const keys = { send: bytes(32), receive: bytes(32), local: 1, remote: 1 };
      core.installKeypair(number, 0, keys);
      return { number, transport: new Transport(keys.receive, 1), counter: 0n };
    });
    const take = (peer: (typeof peers)[0], now: number, one: Fragment) => {
      ring.pushTransport(peer.number, peer.transport.seal(peer.counter++, payload(one)));
      for (const { index, status } of batch()) {
        expect(status).toBe('ok');
        ring.release(index);
      }
      return parseStream(core.writeStream(peer.number, 1, now)).frames.map(hex);
    };
    const given = (peer: (typeof peers)[0]) => core.counts(peer.number).refused['incomplete frame'] ?? 0n;
    const full = peers.slice(0, -1);
    for (const [i, peer] of full.entries())
      for (let id = 0; id < 64; id++)
        expect(
          take(peer, 10 * ((i + 3) % full.length) + id / 100, {
            id,
            index: 0,
            count: 2,
            bytes: Buffer.from(bytes(20)),
          }),
        ).toEqual([]);
    const [last, oldest] = [peers.at(-1), full[full.length - 3]] as [(typeof peers)[0], (typeof peers)[0]];
    const [a, b] = cut(bytes(100), 1, [50, 50]) as [Fragment, Fragment];
    expect(take(last, 500, a)).toEqual([]);
    expect(peers.map(given)).toEqual(peers.map((peer) => (peer === oldest ? 1n : 0n)));
    expect(take(last, 500, b)).toEqual([hex(Buffer.concat([a.bytes, b.bytes]))]);
    expect(take(oldest, 500, { id: 0, index: 1, count: 2, bytes: Buffer.from(bytes(20)) })).toEqual([]);
    core.closeSession((full[0] as (typeof peers)[0]).number);
    for (let id = 0; id < 64; id++)
      expect(take(last, 500, { id, index: 0, count: 2, bytes: Buffer.from(bytes(20)) })).toEqual([]);
    expect(peers.slice(1).map(given)).toEqual(peers.slice(1).map((peer) => (peer === oldest ? 1n : 0n)));
  });

  it('the largest batch fits the stage: tiny odd frames, and fragments that complete large frames', async () => {
    const { take, ring } = await receiver();
    ring.bytes.fill(0x5a, layout.SLOTS, layout.SLOTS + 16);
    const parts = Array.from(
      { length: 64 },
      (_, id) => cut(bytes(FRAME_MAX), id, [FRAME_MAX - 100, 100]) as [Fragment, Fragment],
    );
    for (const [first] of parts) expect(take(0, payload(first))).toEqual([]);
    const tiny = Array.from({ length: 535 }, () => bytes(15));
    const came = take(0, ...parts.map(([, second]) => payload(second, ...tiny)));
    expect(came).toHaveLength(RING_BATCH * 536);
    const stream = came.reduce((sum, frame) => sum + 2 + frame.length / 2, 0);
    expect(stream).toBeLessThanOrEqual(layout.SLOTS - layout.STAGE_OUT);
    expect(stream).toBeGreaterThan(1_150_000);
  });

  it('any bytes at all, under the right key: nothing but whole frames comes out', async () => {
    const { take, core, number } = await receiver();
    for (let i = 0; i < rounds(2_000); i++) {
      const junk = bytes(below(300));
      if (below(3) > 0) junk[0] = 1;
      for (let k = 1; k < junk.length; k += 1 + below(20)) junk[k] = [0, 0, 0x80, 14][below(4)] as number;
      for (const frame of take(i, junk)) expect(frame.length / 2).toBeGreaterThanOrEqual(14);
    }
    const frame = bytes(60);
    expect(take(3000, payload(frame))).toEqual([hex(frame)]);
    expect(core.counts(number).refused['malformed record']).toBeGreaterThan(100n);
  });
});
