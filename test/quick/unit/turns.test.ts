// How an I/O thread has itself scheduled: by whether it serves, what it may, and how often it wakes.
import { expect, test } from 'vitest';
import { ERRNO } from '../../../src/cable/native/linux/libc.js';
import { Turns } from '../../../src/cable/native/thread/schedule.js';
import { Kernel } from './kernel.js';

const [OTHER, BATCH] = [0, 3];
const SLICE = 100_000;

function turnsOf(serves: boolean, nice = 0, refuses: (count: number) => boolean = () => false) {
  const kernel = new Kernel();
  kernel.nice = nice;
  kernel.fails = (call, count) => (call === 'syscall' && refuses(count) ? ERRNO.PERM : 0);
  let time = 1_000;
  const turns = new Turns(kernel.libc, serves, time);
  /** Waits so often, each for so long. */
  const waits = (count: number, ms: number) => {
    for (let i = 0; i < count; i++) {
      time += ms;
      turns.waited(() => time);
    }
  };
  return { turns, waits, scheduled: kernel.scheduled };
}

test.each([
  ['a server', true, 0, -10],
  ['a client', false, 0, 0],
  ['a server with a nice value of its own', true, 5, 5],
  ['a server that goes before others already', true, -15, -15],
])('%s', (_who, serves, nice, has) => {
  const { turns, scheduled } = turnsOf(serves, nice);
  expect(scheduled).toEqual([{ policy: OTHER, nice: has, slice: SLICE }]);
  expect(turns.lacks).toEqual([]);
});

test('a server that may not go before others stays where it is', () => {
  const { turns, scheduled } = turnsOf(true, 0, (count) => count === 0);
  expect(scheduled).toEqual([{ policy: OTHER, nice: 0, slice: SLICE }]);
  expect(turns.lacks).toEqual([]);
});

test('what is refused altogether is said, and not tried again', () => {
  const { turns, waits, scheduled } = turnsOf(true, 0, () => true);
  expect(turns.lacks).toEqual([`sched_setattr refused: error ${ERRNO.PERM}`]);
  waits(1_000, 0);
  expect(scheduled).toEqual([]);
});

test('a thread that wakes often lets others go on, until it wakes seldom', () => {
  const { waits, scheduled } = turnsOf(true);
  const policies = () => scheduled.splice(0).map(({ policy, nice }) => [policy, nice]);
  policies();
  waits(63, 0.1);
  expect(policies()).toEqual([]);
  waits(1, 0.1);
  expect(policies()).toEqual([[BATCH, -10]]);
  waits(640, 0.1);
  waits(64, 0.3); // neither often nor seldom: as before
  expect(policies()).toEqual([]);
  waits(64, 20);
  expect(policies()).toEqual([[OTHER, -10]]);
  waits(64, 0.3);
  expect(policies()).toEqual([]);
});
