// How an I/O thread has itself scheduled: by whether it serves, what it may, and whether it is behind.
import { expect, test } from 'vitest';
import { ERRNO } from '../../../src/cable/native/linux/libc.js';
import { Turns } from '../../../src/cable/native/thread/schedule.js';
import { Kernel } from './kernel.js';

const [BATCH, SLICE] = [3, 100_000];
const as = (nice: number) => ({ policy: BATCH, nice, slice: SLICE });

function turnsOf(serves: boolean, nice = 0, refuses: (count: number) => boolean = () => false) {
  const kernel = new Kernel();
  kernel.nice = nice;
  kernel.fails = (call, count) => (call === 'syscall' && refuses(count) ? ERRNO.PERM : 0);
  const turns = new Turns(kernel.libc, serves);
  const look = (behind: boolean, time: number) => turns.look(behind, () => time);
  return { turns, look, scheduled: kernel.scheduled };
}

test('a server goes before others while it is behind, and for a second more', () => {
  const { turns, look, scheduled } = turnsOf(true);
  expect(turns.lacks).toEqual([]);
  look(false, 0);
  look(true, 10);
  look(true, 500);
  look(false, 1_499);
  expect(scheduled).toEqual([as(0), as(-10)]);
  look(false, 1_500);
  look(false, 9_000);
  look(true, 9_001);
  expect(scheduled).toEqual([as(0), as(-10), as(0), as(-10)]);
});

test.each([
  ['a client', false, 0],
  ['a server with a nice value of its own', true, 5],
  ['a server that goes before others already', true, -15],
])('%s stays what it is', (_who, serves, nice) => {
  const { look, scheduled } = turnsOf(serves, nice);
  look(true, 10);
  expect(scheduled).toEqual([as(nice)]);
});

test('a server that may not go before others tries once', () => {
  const { turns, look, scheduled } = turnsOf(true, 0, (count) => count > 0);
  for (let time = 0; time < 100; time++) look(true, time);
  expect(scheduled).toEqual([as(0)]);
  expect(turns.lacks).toEqual([]);
});

test('what is refused altogether is said', () => {
  const { turns, look, scheduled } = turnsOf(true, 0, () => true);
  look(true, 10);
  expect(turns.lacks).toEqual([`sched_setattr refused: error ${ERRNO.PERM}`]);
  expect(scheduled).toEqual([]);
});
