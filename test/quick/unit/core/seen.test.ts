// Where frames of a peer came from: the last addresses, how long ago, and that forged ones push none out that is in use.
import { beforeEach, expect, test } from 'vitest';
import { makeCore } from './harness.js';

const FIRST = 2;
/** A multicast address: no frame comes from one. */
const GROUP = 3;
let one: Awaited<ReturnType<typeof makeCore>>;
let session: number;
let now = 0;

beforeEach(async () => {
  one = await makeCore();
  session = one.session('plain');
  now = 0;
});

/** Frames come from addresses that end like this. */
function come(from: readonly number[], first = FIRST, length = 60): void {
  one.core.tellTime(now);
  for (const last of from) {
    const datagram = Buffer.alloc(1 + length);
    if (length >= 12) Buffer.of(first, 0).copy(datagram, 7);
    if (length >= 12) datagram.writeUInt32BE(last, 9);
    one.push(session, datagram);
    one.drain();
  }
}

const seen = () => one.core.seen(session, now).map(({ address }) => Buffer.from(address).readUInt32BE(2));
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

test('an address is known, and how long ago it was seen', () => {
  expect(seen()).toEqual([]);
  come([1]);
  now = 3_000;
  come([2, 2]);
  now = 10_000;
  const all = one.core
    .seen(session, now)
    .map(({ address, ago }) => [Buffer.from(address).toString('hex'), ago]);
  expect(all).toEqual([
    ['020000000002', 7_000],
    ['020000000001', 10_000],
  ]);
  come([1]);
  expect(one.core.seen(session, now)).toMatchObject([{ ago: 0 }, { ago: 7_000 }]);
});

test('what is refused, a group, and no address at all are none', () => {
  come([1], FIRST, 13);
  come([1], GROUP);
  come([0], 0);
  expect(seen()).toEqual([]);
});

test('addresses that are in use stay in a flood of made-up ones', () => {
  const stations = upTo(8);
  come([...stations, ...stations]);
  expect(seen().toSorted((a, b) => a - b)).toEqual(stations);
  for (let i = 0; i < 10_000; i++) {
    come([1_000 + i]);
    if (i % 1_000 === 0) come(stations);
  }
  const after = seen();
  expect(after).toHaveLength(16);
  expect(after.slice(0, 8).toSorted((a, b) => a - b)).toEqual(stations);
  expect(after.slice(8)).toEqual(upTo(8).map((i) => 11_000 - i));
});

test('another peer begins with none', () => {
  come([1]);
  one.core.closeSession(session);
  expect(one.session('plain')).toBe(session);
  expect(seen()).toEqual([]);
});
