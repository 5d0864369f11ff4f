// What the native path asks of the core for the secure cable: pieces of transport messages cut into slots, frames that
// are told of and not copied, frames packed from where a switch has put them, and what the timers need to know.
import { expect, test } from 'vitest';
import { randomness } from '../../../support/seed.js';
import { hex, layout, makeCore } from './harness.js';
import { type Fragment, framesOf, payload, Transport } from './secure-twins.js';

const { ARRIVALS, FETCHED, FETCHED_BYTES, FETCHED_COUNT, FRAMES, INCOMPLETE_COUNT, SESSIONS } = layout;
const random = randomness();
const PATH = 1452;
const LOCAL = 0x80000007; // as a number of 32 bits with a sign it is negative
const [REMOTE, OTHER] = [11, 12];

async function scene(path = PATH) {
  const made = await makeCore();
  const { core, ring } = made;
  const [send, receive] = [random.bytes(32), random.bytes(32)];
  const session = made.session();
  core.setPath(session, path);
  core.installKeypair(session, 1, {
    send: send.slice(),
    receive: receive.slice(),
    local: LOCAL,
    remote: REMOTE,
  });
  core.useKeypair(session, 1);
  const theirs = new Transport(receive, LOCAL);
  const ours = new Transport(send, REMOTE);
  let counter = 0n;
  const message = (bytes: Uint8Array) => theirs.seal(counter++, bytes);
  const put = (...datagrams: Uint8Array[]) => {
    const piece = Buffer.concat(datagrams);
    ring.bytes.set(piece, ARRIVALS);
    return piece.length;
  };
  /** Opens messages, and looks for their frames; the slots stay. */
  const take = (...messages: Uint8Array[]) => {
    for (const one of messages)
      expect(ring.fill(session, true, ARRIVALS, put(one), one.length)).toBe(one.length);
    const slots = made.batch();
    const count = core.frames(session, slots.length, 0);
    const frames = Array.from({ length: count }, (_, i) => {
      const { place, address, length } = core.frame(i);
      return { place, address, bytes: Buffer.from(ring.bytes.slice(address, address + length)) };
    });
    const held = slots.map((_, i) => ring.processed(slots.length - 1 - i).frames);
    return { slots, frames, held };
  };
  return { ...made, session: session as number, ours, message, put, take };
}

const cut = (frame: Uint8Array, id: number, sizes: readonly number[]): Fragment[] => {
  let at = 0;
  return sizes.map((size, index) => {
    at += size;
    return { id, index, count: sizes.length, bytes: Buffer.from(frame.subarray(at - size, at)) };
  });
};

test('what the host puts, and what it is told, stands apart from all else', () => {
  expect(FRAMES).toBeGreaterThanOrEqual(ARRIVALS + layout.ARRIVALS_COUNT * layout.ARRIVAL_BYTES);
  expect(FETCHED).toBeGreaterThan(FRAMES);
  expect(FETCHED + FETCHED_COUNT * FETCHED_BYTES).toBeLessThanOrEqual(SESSIONS);
  expect(layout.FETCHED_FRAME + layout.FRAME_MAX + 1).toBeLessThanOrEqual(FETCHED_BYTES);
});

test('a piece of messages with one index fills slots, up to what is something else', async () => {
  const { ring, session, message, put, drain } = await scene();
  const three = [100, 100, 30].map((length) => message(payload(random.bytes(length))));
  const segment = (three[0] as Buffer).length;
  expect(ring.fill(session, true, ARRIVALS, put(...three), segment)).toBe(Buffer.concat(three).length);
  expect(drain().map(({ status }) => status)).toEqual(['ok', 'ok', 'ok']);
  const good = message(payload(random.bytes(100)));
  const stranger = new Transport(random.bytes(32), OTHER).seal(0n, payload(random.bytes(100)));
  for (const bad of [stranger, Buffer.concat([Buffer.of(0x20), good.subarray(1)]), good.subarray(0, 31)])
    expect(ring.fill(session, true, ARRIVALS, put(good, bad), good.length)).toBe(good.length);
  const long = Buffer.concat([good, Buffer.alloc(layout.DATAGRAM_MAX)]);
  expect(ring.fill(session, true, ARRIVALS, put(long), long.length)).toBe(0);
});

test('frames are told of where they stand, in order, and how many lie in each slot', async () => {
  const { message, take } = await scene();
  const frames = [60, 61, 1300, 14, 700].map((length) => random.bytes(length));
  const [a, b, c, d, e] = frames as [Uint8Array, Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const seen = take(
    message(payload(a, b)),
    message(new Uint8Array()),
    message(payload(c)),
    message(payload(d, e)),
  );
  expect(seen.frames.map(({ bytes }) => hex(bytes))).toEqual(frames.map(hex));
  expect(seen.held).toEqual([2, 0, 1, 2]);
  const { slots } = seen;
  expect(seen.frames.map(({ place }) => slots.findIndex(({ index }) => index === place))).toEqual([
    0, 0, 2, 3, 3,
  ]);
});

test('a frame in fragments stands in a buffer of its own, in whatever order they came, until it is given back', async () => {
  const { core, session, message, take } = await scene();
  for (const order of [
    [0, 1, 2, 3],
    [3, 2, 1, 0],
    [1, 0, 3, 2],
  ]) {
    const frame = random.bytes(4000);
    const whole = random.bytes(100);
    const parts = cut(frame, order[0] as number, [1300, 1300, 1300, 100]);
    const messages = order.map((i) => message(payload(parts[i] as Fragment, whole)));
    const { frames, held } = take(...messages);
    expect(held).toEqual([1, 1, 1, 1]);
    expect(frames.map(({ bytes }) => hex(bytes))).toEqual([whole, whole, whole, frame, whole].map(hex));
    const { place, address } = frames[3] as (typeof frames)[0];
    expect(place).toBeLessThan(0);
    // What comes meanwhile does not overwrite it.
    take(...cut(random.bytes(2000), 99, [1000, 1000]).map((part) => message(payload(part))));
    expect(hex(core.ring.bytes.slice(address, address + 4000))).toBe(hex(frame));
    core.releaseFrame(place);
  }
  expect(core.counts(session)).toMatchObject({ opened: 18n, refused: {} });
});

test('buffers that are all in use take no more frames in fragments, and do when some are given back', async () => {
  const { core, ring, session, message, take } = await scene();
  const places: number[] = [];
  const two = (id: number) => cut(random.bytes(60), id, [30, 30]);
  const give = (id: number) => {
    const { frames, slots } = take(...two(id).map((part) => message(payload(part))));
    for (const { index } of slots) ring.release(index);
    return frames;
  };
  for (let id = 0; id < INCOMPLETE_COUNT; id++) places.push(...give(id).map(({ place }) => place));
  expect(new Set(places).size).toBe(INCOMPLETE_COUNT);
  expect(give(INCOMPLETE_COUNT)).toEqual([]);
  expect(core.counts(session).refused).toEqual({ 'incomplete frame': 2n });
  core.releaseFrame(places[17] as number);
  expect(give(INCOMPLETE_COUNT + 1).map(({ place }) => place)).toEqual([places[17]]);
});

test('frames from a switch are packed from where they were put; those that are none are refused', async () => {
  const { core, ring, session, ours, drain } = await scene();
  const sizes = [60, 13, 61, 1414, 9216, 9217, 100, 1500];
  const frames = sizes.map((size) => random.bytes(size));
  for (const [i, frame] of frames.entries()) {
    ring.bytes.set(frame, core.fetchedAt(i));
    core.setFetched(i, frame.length);
  }
  expect(core.pack(session, frames.length)).toBe(frames.length);
  const results = drain();
  expect(results.map(({ status }) => status).filter((status) => status !== 'ok')).toEqual([
    'frame too short',
    'frame too long',
  ]);
  const messages = results.filter(({ status }) => status === 'ok').map(({ bytes }) => bytes);
  for (const { length } of messages) expect(length).toBeLessThanOrEqual(PATH);
  const carried = framesOf(messages.map((one) => ours.open(one).payload));
  expect(carried.map(hex)).toEqual(frames.filter(({ length }) => length > 13 && length < 9217).map(hex));
});

test('news are what came since the other kind, in order, and told once', async () => {
  const { core, ring, session, message, take, drain } = await scene();
  const open = (bytes: Uint8Array = new Uint8Array()) => {
    for (const { index } of take(message(bytes)).slots) ring.release(index);
  };
  const seal = (data: boolean) => {
    if (data) {
      core.setFetched(0, 60);
      core.pack(session, 1);
    } else {
      core.sealControl(session, new Uint8Array());
    }
    drain();
  };
  const data = payload(random.bytes(60));
  const told = () => core.news(session).map(({ sealed, data }) => `${sealed ? 'sealed' : 'opened'} ${data}`);
  expect(told()).toEqual([]);
  open(data);
  open();
  expect(told()).toEqual(['opened true']);
  expect(told()).toEqual([]);
  seal(false);
  open(data);
  expect(told()).toEqual(['sealed false', 'opened true']);
  open(data);
  seal(true);
  expect(told()).toEqual(['opened true', 'sealed true']);
  seal(true);
  open(data);
  seal(false); // an answer without a payload: none has been sent since something came
  expect(told()).toEqual(['opened true', 'sealed false']);
  seal(true);
  open(data);
  seal(true);
  open();
  expect(told()).toEqual(['sealed true', 'opened false']);
});
