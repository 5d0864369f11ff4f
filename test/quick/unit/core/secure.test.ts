// The secure cable's part of the core: the AEAD and transport messages; secure-payloads.test.ts has what they carry.
import { describe, expect, it } from 'vitest';
import type { TransportKeys } from '../../../../src/core/terms.js';
import { instantiate } from '../../../../src/core/wasm.js';
import aead from '../../../../vectors/foreign/chacha20-poly1305.json' with { type: 'json' };
import poly from '../../../../vectors/foreign/poly1305.json' with { type: 'json' };
import { rounds } from '../../../support/rounds.js';
import { randomness } from '../../../support/seed.js';
import { hex, layout, unhex } from './harness.js';
import { sessionMaker } from './secure-fixture.js';
import { aeadOpen, aeadSeal, payload, poly1305, Transport } from './secure-twins.js';
import { chacha20, Window } from './twins.js';

const random = randomness();
const { bytes, below } = random;
const make = sessionMaker(random);
const { FRAME_MAX, RING_SLOTS } = layout;

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
