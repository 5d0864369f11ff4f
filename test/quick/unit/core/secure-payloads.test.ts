// What the core packs into transport messages, and unpacks: payloads, records and fragments.
import { describe, expect, it } from 'vitest';
import { rounds } from '../../../support/rounds.js';
import { randomness } from '../../../support/seed.js';
import { hex, layout, makeCore } from './harness.js';
import { sessionMaker } from './secure-fixture.js';
import { evened, type Fragment, framesOf, parsePayload, payload, Transport } from './secure-twins.js';
import { parseStream, streamOf } from './twins.js';

const random = randomness();
const { bytes, below, shuffled } = random;
const make = sessionMaker(random);
const { FRAME_MAX, RING_SLOTS, RING_BATCH } = layout;

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
