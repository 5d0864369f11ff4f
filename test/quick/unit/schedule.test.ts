// How an I/O thread has itself scheduled: by whether it serves, and what it may.
import { expect, test } from 'vitest';
import { ERRNO } from '../../../src/cable/native/linux/libc.js';
import { schedule } from '../../../src/cable/native/thread/schedule.js';
import { Kernel } from './kernel.js';

const [BATCH, SLICE] = [3, 100_000];

function scheduled(serves: boolean, nice = 0, refuses: (count: number) => boolean = () => false) {
  const kernel = new Kernel();
  kernel.nice = nice;
  kernel.fails = (call, count) => (call === 'syscall' && refuses(count) ? ERRNO.PERM : 0);
  return { lacks: schedule(kernel.libc, serves), scheduled: kernel.scheduled };
}

test.each([
  ['a server', true, 0, -10],
  ['a client', false, 0, 0],
  ['a server with a nice value of its own', true, 5, 5],
  ['a server that goes before others already', true, -15, -15],
])('%s', (_who, serves, nice, has) => {
  expect(scheduled(serves, nice)).toEqual({
    lacks: [],
    scheduled: [{ policy: BATCH, nice: has, slice: SLICE }],
  });
});

test('a server that may not go before others stays where it is', () => {
  expect(scheduled(true, 0, (count) => count === 0)).toEqual({
    lacks: [],
    scheduled: [{ policy: BATCH, nice: 0, slice: SLICE }],
  });
});

test('what is refused altogether is said', () => {
  expect(scheduled(true, 0, () => true)).toEqual({
    lacks: [`sched_setattr refused: error ${ERRNO.PERM}`],
    scheduled: [],
  });
});
