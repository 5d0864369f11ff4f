// Datagrams that the kernel hands out in one piece, cut into the ring's slots.
import { expect, test } from 'vitest';
import { randomness } from '../../../support/seed.js';
import { hex, layout, makeCore } from './harness.js';

const { ARRIVALS, ARRIVAL_BYTES, ARRIVALS_COUNT, DATAGRAM_MAX, RING_SLOTS, SESSIONS, SLOTS, SLOT_BYTES } =
  layout;
const random = randomness();

/** DATA of `-x`: what comes out is what went in, without its type. */
const data = (length: number) => Uint8Array.of(0x20, ...random.bytes(length - 1));

async function scene() {
  const made = await makeCore();
  const session = made.session('plain');
  const put = (...datagrams: Uint8Array[]) => {
    const piece = Buffer.concat(datagrams);
    made.ring.bytes.set(piece, ARRIVALS);
    return piece.length;
  };
  return { ...made, number: session, put };
}

test('they stand between the slots and the sessions', () => {
  expect(ARRIVALS).toBeGreaterThanOrEqual(SLOTS + RING_SLOTS * SLOT_BYTES);
  expect(ARRIVALS + ARRIVALS_COUNT * ARRIVAL_BYTES).toBeLessThanOrEqual(SESSIONS);
});

test.each([[[100, 100, 100]], [[100, 100, 15]], [[9217]], [[15, 15, 15, 15, 15]]])(
  'datagrams of %j bytes',
  async (sizes) => {
    const { ring, number, put, drain } = await scene();
    const datagrams = sizes.map(data);
    const length = put(...datagrams);
    expect(ring.fill(number, false, ARRIVALS, length, sizes[0] as number)).toBe(length);
    expect(drain().map(({ bytes }) => hex(bytes))).toEqual(datagrams.map((d) => hex(d.subarray(1))));
  },
);

test('stops before one that is no DATA', async () => {
  const { ring, number, put, drain } = await scene();
  const length = put(data(50), data(50), Uint8Array.of(0x4f, ...random.bytes(49)), data(50));
  expect(ring.fill(number, false, ARRIVALS, length, 50)).toBe(100);
  expect(ring.fill(number, false, ARRIVALS + 100, length - 100, 50)).toBe(0);
  expect(ring.fill(number, false, ARRIVALS + 150, length - 150, 50)).toBe(50);
  expect(drain()).toHaveLength(3);
});

test('stops before one that is too long', async () => {
  const { ring, number, put } = await scene();
  for (const [size, taken] of [
    [DATAGRAM_MAX, DATAGRAM_MAX],
    [DATAGRAM_MAX + 1, 0],
  ] as const) {
    expect(ring.fill(number, false, ARRIVALS, put(data(size)), size)).toBe(taken);
  }
});

test('stops when the ring is full, and goes on where it stopped', async () => {
  const { ring, number, put, drain } = await scene();
  const datagrams = Array.from({ length: RING_SLOTS + 40 }, () => data(20));
  const length = put(...datagrams);
  const taken = ring.fill(number, false, ARRIVALS, length, 20);
  expect(taken).toBe(RING_SLOTS * 20);
  const first = drain();
  expect(ring.fill(number, false, ARRIVALS + taken, length - taken, 20)).toBe(40 * 20);
  expect([...first, ...drain()].map(({ bytes }) => hex(bytes))).toEqual(
    datagrams.map((d) => hex(d.subarray(1))),
  );
});
