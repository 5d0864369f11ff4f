import { describe, expect, it } from 'vitest';
import { same } from '../../../support/same.js';
import { randomness } from '../../../support/seed.js';
import { hex, layout, makeCore, type TestCore } from './harness.js';
import { Cable, parseStream, streamOf } from './twins.js';

const { FRAME_MAX, RING_BATCH, RING_SLOTS } = layout;
const { bytes, below } = randomness();
const framesOf = (lengths: readonly number[]): Uint8Array[] => lengths.map((length) => bytes(length));

/** Frames that are refused beside ones that are carried. */
const EDGES = [0, 13, 14, 1514, FRAME_MAX, FRAME_MAX + 1, 65535, 60, 0, 0, 65535, 9215, 1, 14];
/** The length of a random frame: mostly small, sometimes an edge. */
const anyLength = (): number => (below(6) === 0 ? (EDGES[below(EDGES.length)] as number) : below(300));

/** What a plain session made of frames: without its type byte, each is the frame again. Some are refused. */
const framesIn = (results: ReturnType<TestCore['drain']>): string[] =>
  results.flatMap(({ status, sealed, bytes: datagram }) => {
    if (status === 'frame too short' || status === 'frame too long') {
      same(sealed, true);
      same(datagram.length, 0);
      return [];
    }
    same(status, 'ok');
    same(sealed, true);
    same(datagram[0], 0x20);
    return [hex(datagram.subarray(1))];
  });

const drained = ({ drain }: TestCore): string[] => framesIn(drain());

/** Feeds pieces; whatever a full ring leaves is fed again once the ring has been emptied. */
function feed(test: TestCore, session: number, pieces: readonly Uint8Array[]): string[] {
  const frames: string[] = [];
  for (const piece of pieces) {
    let rest = piece;
    while (rest.length > 0) {
      const part = rest.subarray(0, test.core.pieceMax);
      const taken = test.core.readStream(session, part);
      if (taken < part.length) expect(test.ring.room).toBe(0);
      rest = rest.subarray(taken);
      frames.push(...drained(test));
    }
  }
  return frames;
}

const refusedFrames = ({ core }: TestCore, session: number): number =>
  Number(core.counts(session).refused['frame too short'] ?? 0n) +
  Number(core.counts(session).refused['frame too long'] ?? 0n);

/** A stream cut into pieces of random length. */
function pieces(stream: Uint8Array, longest: number): Uint8Array[] {
  const list: Uint8Array[] = [];
  for (let at = 0; at < stream.length; ) {
    const piece = stream.subarray(at, at + 1 + below(longest));
    list.push(piece);
    at += piece.length;
  }
  return list;
}

describe('reading the stream of a plug', () => {
  it('a short stream, cut at every byte and fed byte by byte', async () => {
    const test = await makeCore();
    const session = test.session('plain');
    const stream = streamOf(framesOf([14, 0, 60, 13, 15, 1, 300, 0, 14]));
    const expected = parseStream(stream);
    const check = (...cut: Uint8Array[]): void => {
      const before = refusedFrames(test, session);
      expect(feed(test, session, cut)).toEqual(expected.frames.map(hex));
      expect(refusedFrames(test, session) - before).toBe(expected.refused);
    };
    for (let at = 0; at <= stream.length; at++) check(stream.subarray(0, at), stream.subarray(at));
    check(...Array.from(stream, (_, at) => stream.subarray(at, at + 1)));
  });

  it('frames too long are skipped and counted, wherever the cut is', async () => {
    const test = await makeCore();
    const session = test.session('plain');
    for (const length of [FRAME_MAX + 1, 65535]) {
      const stream = streamOf(framesOf([20, length, 30]));
      const [header, end] = [22, 24 + length];
      for (const place of [header, end]) {
        for (let cut = place - 3; cut <= place + 3; cut++) {
          const before = refusedFrames(test, session);
          const frames = feed(test, session, [stream.subarray(0, cut), stream.subarray(cut)]);
          expect(frames).toEqual(parseStream(stream).frames.map(hex));
          expect(refusedFrames(test, session) - before).toBe(1);
        }
      }
    }
  });

  it.each([1, 7, 100, 5000, layout.STAGE_IN_BYTES])(
    'a long stream, cut at random into up to %d',
    async (longest) => {
      const test = await makeCore();
      const session = test.session('plain');
      const count = longest < 100 ? 60 : 400;
      const lengths = [...(longest < 100 ? [] : EDGES), ...Array.from({ length: count }, anyLength)];
      const stream = streamOf(framesOf(longest < 100 ? lengths.filter((length) => length < 9000) : lengths));
      const expected = parseStream(stream);
      expect(expected.rest).toHaveLength(0);
      expect(feed(test, session, pieces(stream, longest))).toEqual(expected.frames.map(hex));
      expect(refusedFrames(test, session)).toBe(expected.refused);
      expect(Number(test.core.counts(session).sealed)).toBe(expected.frames.length);
    },
  );

  it('frames of the full length, in pieces of the full length', async () => {
    const test = await makeCore();
    const session = test.session('plain');
    const stream = streamOf(framesOf([...EDGES, ...Array<number>(40).fill(FRAME_MAX)]));
    const most = test.core.pieceMax;
    const whole = Array.from({ length: Math.ceil(stream.length / most) }, (_, i) =>
      stream.subarray(i * most, (i + 1) * most),
    );
    expect(whole[0]).toHaveLength(2 ** 16);
    expect(feed(test, session, whole)).toEqual(parseStream(stream).frames.map(hex));
  });

  it('stops where the ring is full, and goes on from there', async () => {
    const test = await makeCore();
    const session = test.session('plain');
    const frames = framesOf(Array.from({ length: RING_SLOTS + 44 }, () => 14 + below(100)));
    const stream = streamOf(frames);
    const fitting = streamOf(frames.slice(0, RING_SLOTS));
    expect(test.core.readStream(session, stream)).toBe(fitting.length);
    expect(test.core.readStream(session, stream.subarray(fitting.length))).toBe(0);
    const first = drained(test);
    const rest = feed(test, session, [stream.subarray(fitting.length)]);
    expect([...first, ...rest]).toEqual(frames.map(hex));
  });

  // With 256 slots filled, a 257th frame of which a part is held must wait for its last byte.
  it('a frame in parts waits for a full ring without loss, at every byte', async () => {
    const test = await makeCore();
    const session = test.session('plain');
    const filler = streamOf(framesOf(Array<number>(RING_SLOTS).fill(14)));
    const [late, next] = framesOf([20, 15]) as [Uint8Array, Uint8Array];
    const tail = streamOf([late, next]);
    for (let cut = 0; cut <= 22; cut++) {
      expect(test.core.readStream(session, filler)).toBe(filler.length);
      let taken = test.core.readStream(session, tail.subarray(0, cut));
      expect(taken).toBe(cut === 22 ? 0 : cut);
      // It takes what it can hold, and never the frame's last byte.
      taken += test.core.readStream(session, tail.subarray(taken));
      expect(taken).toBeLessThan(22);
      expect(drained(test)).toHaveLength(RING_SLOTS);
      expect(feed(test, session, [tail.subarray(taken)])).toEqual([hex(late), hex(next)]);
    }
  });

  it('a random stream through a ring that is emptied a few slots at a time', async () => {
    const test = await makeCore();
    const session = test.session('plain');
    const lengths = Array.from({ length: 900 }, () => below(120));
    const stream = streamOf(framesOf(lengths));
    const frames: string[] = [];
    const held: number[] = [];
    let at = 0;
    let full = 0;
    while (at < stream.length) {
      const piece = stream.subarray(at, at + 1 + below(9000));
      const taken = test.core.readStream(session, piece);
      at += taken;
      if (taken < piece.length) full++;
      const results = test.batch();
      frames.push(...framesIn(results));
      held.push(...results.map(({ index }) => index));
      for (const index of held.splice(0, below(40))) test.ring.release(index);
    }
    for (let results = test.batch(); results.length > 0; results = test.batch()) {
      frames.push(...framesIn(results));
    }
    expect(full).toBeGreaterThan(3);
    expect(frames).toEqual(parseStream(stream).frames.map(hex));
  });

  it('each session has a stream of its own, whatever becomes of its key', async () => {
    const test = await makeCore();
    const { core, session, drain } = test;
    const streams = [0, 1, 2].map(() => streamOf(framesOf(Array.from({ length: 50 }, () => 14 + below(80)))));
    const senders = streams.map((stream) => ({
      number: session('plain'),
      parts: pieces(stream, 90),
      frames: [] as string[],
    }));
    while (senders.some(({ parts }) => parts.length > 0)) {
      for (const { number, parts } of senders) {
        const part = parts.shift() ?? Buffer.of();
        expect(core.readStream(number, part)).toBe(part.length);
        // A new key in the middle of a frame.
        core.keySession(number, { suite: 'plain' });
      }
      for (const { session: number, bytes: datagram } of drain()) {
        senders.find((sender) => sender.number === number)?.frames.push(hex(datagram.subarray(1)));
      }
    }
    expect(senders.map(({ frames }) => frames)).toEqual(
      streams.map((stream) => parseStream(stream).frames.map(hex)),
    );
  });

  it('the longest part that is held stays in its own record', async () => {
    const { core, session, seal, drain, setNextCounter, snapshot } = await makeCore();
    const cable = new Cable(bytes(24));
    const [before, holding, after] = [session(), session(cable.key), session()];
    const records = () => {
      const at = (number: number) => layout.SESSIONS + number * layout.SESSION_BYTES;
      const memory = snapshot();
      return [before, after].map((number) => hex(memory.subarray(at(number), at(number + 1))));
    };
    const untouched = records();
    const frame = bytes(FRAME_MAX);
    const stream = streamOf([frame]);
    expect(core.readStream(holding, stream.subarray(0, -1))).toBe(stream.length - 1);
    expect(records()).toEqual(untouched);
    // Nor has it touched the session's own key: after another session's turn, the record's copy is used.
    setNextCounter(1n);
    expect(seal(session(bytes(24)), bytes(14)).status).toBe('ok');
    expect(core.readStream(holding, stream.subarray(-1))).toBe(1);
    expect(drain().map((result) => hex(result.bytes))).toEqual([hex(cable.data(frame, 2n))]);
  });

  it('a reset forgets what came of a frame, at every byte', async () => {
    const test = await makeCore();
    const session = test.session('plain');
    const frames = framesOf([20, 30]);
    for (const broken of [
      streamOf(framesOf([40])),
      streamOf(framesOf([100, 3])),
      streamOf(framesOf([9300])),
    ]) {
      for (let length = 0; length < 24; length++) {
        feed(test, session, [broken.subarray(0, length)]);
        test.core.resetStream(session);
        expect(feed(test, session, [streamOf(frames)])).toEqual(frames.map(hex));
      }
    }
  });
});

describe('writing the stream of a plug', () => {
  const datagram = (frame: Uint8Array): Buffer => Buffer.concat([Buffer.of(0x20), frame]);
  /** What a frame is in the stream: even, by one zero byte if need be. */
  const even = (frame: Uint8Array): Buffer => Buffer.concat([frame, Buffer.alloc(frame.length % 2)]);

  it('lengths are even and big-endian, an odd frame gets one zero byte', async () => {
    const { core, session, push, ring } = await makeCore();
    const plain = session('plain');
    for (const length of [14, 15, 255, 256, 257, 1513, 1514, FRAME_MAX - 1, FRAME_MAX]) {
      // The zero must be written, not found.
      ring.bytes.fill(0xff, layout.STAGE_OUT, layout.STAGE_OUT + FRAME_MAX + 10);
      const frame = bytes(length);
      push(plain, datagram(frame));
      expect(ring.process()).toBe(1);
      const up = length + (length % 2);
      const header = Buffer.of(up >> 8, up & 255);
      expect(hex(core.writeStream(plain, 1))).toBe(hex(Buffer.concat([header, even(frame)])));
      ring.release(ring.processed(0).index);
    }
  });

  it('a whole batch of the largest frames has room', async () => {
    const { core, session, push, batch, snapshot } = await makeCore();
    const plain = session('plain');
    const frames = framesOf(Array.from({ length: RING_BATCH }, (_, i) => FRAME_MAX - (i % 2)));
    push(plain, ...frames.map(datagram));
    expect(batch()).toHaveLength(RING_BATCH);
    const before = snapshot().subarray(layout.SLOTS);
    expect(hex(core.writeStream(plain, RING_BATCH))).toBe(hex(streamOf(frames.map(even))));
    expect(snapshot().subarray(layout.SLOTS).equals(before)).toBe(true);
  });

  it('only frames of that session, opened, accepted, and among the last ones', async () => {
    const { core, session, push, pushFrames, batch } = await makeCore();
    const key = bytes(24);
    const cable = new Cable(key);
    const [keyed, plain, idle] = [session(key), session('plain'), session(key)];
    const earlier = framesOf([30]);
    const mine = framesOf([20, 21, 22]) as [Uint8Array, Uint8Array, Uint8Array];
    const other = framesOf([40, 41]) as [Uint8Array, Uint8Array];
    push(keyed, ...earlier.map((frame) => cable.data(frame, 1n)));
    batch();
    push(keyed, cable.data(mine[0], 2n));
    push(plain, datagram(other[0]));
    pushFrames(keyed, bytes(50));
    push(keyed, cable.data(bytes(60), 2n), bytes(50), cable.data(mine[1], 3n));
    push(plain, datagram(other[1]));
    push(keyed, cable.data(mine[2], 4n));
    pushFrames(plain, bytes(70));
    expect(batch()).toHaveLength(9);
    const written = (number: number, count: number) => hex(core.writeStream(number, count));
    const stream = (...frames: Uint8Array[]) => hex(streamOf(frames.map(even)));
    expect(written(keyed, 9)).toBe(stream(...mine));
    expect(written(plain, 9)).toBe(stream(...other));
    expect(written(idle, 9)).toBe('');
    expect(written(keyed, 0)).toBe('');
    expect(written(keyed, 2)).toBe(stream(mine[2]));
    expect(written(keyed, 10)).toBe(stream(...earlier, ...mine));
  });

  it('what one end reads, the other writes, padded to even', async () => {
    const { core, session, push, batch, drain, ring } = await makeCore();
    const key = bytes(24);
    const [near, far] = [session(key), session(key)];
    const sent = framesOf(Array.from({ length: 300 }, () => 14 + below(below(8) ? 200 : FRAME_MAX - 13)));
    const received: Buffer[] = [];
    for (const piece of pieces(streamOf(sent), 20_000)) {
      for (let rest = piece; rest.length > 0; ) {
        rest = rest.subarray(core.readStream(near, rest));
        const datagrams = drain().map((result) => result.bytes);
        while (datagrams.length > 0) {
          push(far, ...datagrams.splice(0, RING_BATCH));
          const opened = batch();
          received.push(Buffer.from(core.writeStream(far, opened.length)));
          for (const { index } of opened) ring.release(index);
        }
      }
    }
    const back = parseStream(Buffer.concat(received));
    expect(back.frames.map(hex)).toEqual(sent.map((frame) => hex(even(frame))));
    expect([back.refused, back.rest.length]).toEqual([0, 0]);
  });
});
