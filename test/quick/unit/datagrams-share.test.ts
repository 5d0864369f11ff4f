// A peer whose frames its switch does not take, beside one whose switch does: on the native path, with a C library that is a double.
import { afterEach, expect, test, vi } from 'vitest';
import { type End, scene } from './datagrams-scene.js';

/** Frames that wait for a port, and at most, for a moment of 10 ms; and what a batch may bring besides. */
const [WAIT, MOST, BATCH] = [256, 1_024, 64];

afterEach(() => {
  vi.restoreAllMocks();
});

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

test.each([1, 2, 5])(
  'beside %i whose switch takes nothing one loses nothing, and they their own, unopened',
  async (greedy) => {
    const { peers, stop, start, receive, kernel, ring, datagrams, clock } = await scene(1 + greedy);
    const [victim, ...others] = peers as [End, ...End[]];
    stop(...others);
    for (const one of peers) one.send(1);
    receive(); // all have been heard
    for (let i = 0; i < 100; i++) {
      clock.mockReturnValue(i);
      for (const other of others) other.send(50);
      victim.send(40);
      receive();
    }
    expect([kernel.incoming.length, datagrams.staged]).toEqual([0, false]);
    expect(victim.counted()).toMatchObject({ sent: 4_001, taken: 4_001, lost: 0 });
    expect(victim.numbers()).toEqual(numbers(4_001));
    for (const other of others) {
      const { sent, lost, unopened } = other.counted();
      expect(sent - lost).toBeGreaterThanOrEqual(WAIT);
      expect(sent - lost).toBeLessThanOrEqual(MOST + BATCH + 16);
      expect(lost - unopened).toBeLessThanOrEqual(BATCH + 16);
    }
    expect(ring.room).toBeGreaterThanOrEqual(96);
    // What waited comes in order, and unharmed, when the switch takes something again.
    start(...others);
    for (const other of others) {
      const { sent, lost, taken } = other.counted();
      expect(taken).toBe(sent - lost);
      expect(other.numbers()).toEqual([...other.numbers()].sort((a, b) => a - b));
      expect(other.numbers().slice(0, WAIT)).toEqual(numbers(WAIT));
    }
    expect(ring.room).toBe(ring.slots);
  },
);

test('more may wait for a moment, as a switch may not have the processor; not for longer', async () => {
  const { peers, stop, start, receive, clock } = await scene(2);
  const [victim, bursty] = peers as [End, End];
  for (const one of peers) one.send(1);
  receive();
  for (let burst = 0; burst < 3; burst++) {
    clock.mockReturnValue(100 * burst);
    stop(bursty);
    bursty.send(MOST - BATCH);
    receive();
    clock.mockReturnValue(100 * burst + 9);
    bursty.send(10);
    receive();
    expect(bursty.counted().lost).toBe(0);
    start(bursty);
  }
  expect(bursty.counted().taken).toBe(bursty.counted().sent);
  stop(bursty);
  bursty.send(WAIT + BATCH);
  receive();
  bursty.send(1);
  receive();
  clock.mockReturnValue(1_000);
  bursty.send(100);
  victim.send(100);
  receive();
  expect([bursty.counted().unopened, victim.counted().lost]).toEqual([100, 0]);
});

test('of what has waited, that of one who brings few goes first, and its answer is looked for at once', async () => {
  const { peers, receive, kernel, datagrams, pump, clock } = await scene(2);
  const [victim, greedy] = peers as [End, End];
  for (const one of peers) one.send(1);
  receive(); // both have been heard
  const before = victim.counted().taken;
  let now = 10;
  clock.mockImplementation(() => {
    now += 0.15; // each look at the clock
    return now;
  });
  greedy.send(15, Date.now() - 1_000);
  victim.send(1, Date.now());
  datagrams.receive();
  pump();
  expect(victim.counted().taken).toBe(before + 1);
  expect(datagrams.staged).toBe(true);
  expect(greedy.counted().taken).toBeLessThan(5);
  receive();
  expect([kernel.incoming.length, datagrams.staged]).toEqual([0, false]);
  expect(greedy.numbers()).toEqual(numbers(16));
});

test('one that has the thread for itself waits for its switch, and loses nothing', async () => {
  const { peers, stop, start, receive, kernel, ring, clock, datagrams } = await scene(2);
  const [quiet, lone] = peers as [End, End];
  quiet.send(1);
  receive();
  clock.mockReturnValue(10_001);
  stop(lone);
  lone.send(1_000);
  receive();
  expect(lone.counted()).toMatchObject({ taken: 0, lost: 0 });
  expect([ring.room, datagrams.staged]).toEqual([0, true]);
  expect(kernel.incoming.length).toBeGreaterThan(700);
  for (let i = 0; i < 10; i++) {
    start(lone);
    receive();
  }
  expect(lone.counted()).toMatchObject({ taken: 1_000, lost: 0 });
  expect(lone.numbers()).toEqual(numbers(1_000));
});

test('frames for a port that is being opened make way', async () => {
  const { peers, receive, ring } = await scene(2);
  const [victim, opening] = peers as [End, End];
  victim.send(1);
  opening.send(1);
  receive();
  opening.side.plug(undefined, 0);
  for (let i = 0; i < 20; i++) {
    opening.send(20);
    victim.send(20);
    receive();
  }
  expect(victim.counted()).toMatchObject({ taken: 401, lost: 0 });
  expect(ring.room).toBeGreaterThanOrEqual(96);
});

test.each([
  ['late', 2, true],
  ['not late', 1, false],
])('when datagrams are %s, one that floods loses its own: %i ms, %s', async (_how, waited, loses) => {
  const { peers, receive, clock } = await scene(2);
  const [victim, flood] = peers as [End, End];
  const system = vi.spyOn(Date, 'now');
  for (const one of peers) one.send(1);
  receive();
  for (let i = 0; i < 100; i++) {
    clock.mockReturnValue(i);
    system.mockReturnValue(1e12 + i + 0.5);
    flood.send(100, 1e12 + i - waited);
    victim.send(4, 1e12 + i - waited);
    flood.send(100, 1e12 + i - waited);
    receive();
  }
  expect(victim.counted()).toMatchObject({ sent: 401, taken: 401, lost: 0 });
  expect(flood.counted().unopened > 1_000).toBe(loses);
  if (!loses) expect(flood.counted().lost).toBe(0);
});

test('the switches are read after a millisecond of datagrams, where there is more than one peer', async () => {
  const { peers, receive, clock, datagrams, kernel } = await scene(2);
  const [one, other] = peers as [End, End];
  let now = 0;
  clock.mockImplementation(() => {
    now += 0.3;
    return now;
  });
  other.send(16);
  datagrams.receive();
  expect(datagrams.staged).toBe(false);
  one.send(1);
  receive();
  other.send(16);
  datagrams.receive();
  expect([datagrams.staged, kernel.incoming.length]).toEqual([true, 0]);
  receive();
  expect([datagrams.staged, other.counted().taken, other.counted().lost]).toEqual([false, 32, 0]);
});
