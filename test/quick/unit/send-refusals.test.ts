import { expect, test } from 'vitest';
import { Refusals, TROUBLE } from '../../../src/protocol/send-refusals.js';

test('what is refused now and then is no trouble, however often', () => {
  const refusals = new Refusals();
  for (let now = 0; now < 60_000; now += 10) {
    if (now % 200 === 0) refusals.sent();
    else expect(refusals.refused(now)).toBe(false);
  }
});

test('what goes on for a second is, until something is sent', () => {
  const refusals = new Refusals();
  for (let now = 0; now < TROUBLE.after; now += 100) expect(refusals.refused(5_000 + now)).toBe(false);
  expect(refusals.lasting(5_000 + TROUBLE.after - 1)).toBe(false);
  expect(refusals.lasting(5_000 + TROUBLE.after)).toBe(true);
  expect(refusals.refused(9_000)).toBe(true);
  refusals.sent();
  expect(refusals.lasting(9_001)).toBe(false);
  expect(refusals.refused(9_001)).toBe(false);
});

test('two of a quiet cable, far apart, are not; a third one is', () => {
  const refusals = new Refusals();
  expect([0, 25_000, 50_000].map((now) => refusals.refused(now))).toEqual([false, false, true]);
});

test('a burst is none, however large', () => {
  const refusals = new Refusals();
  expect([0, 1, 2].map((now) => refusals.refused(now, 64))).toEqual([false, false, false]);
});
