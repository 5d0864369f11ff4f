import { describe, expect, test } from 'vitest';
import { RateLimit } from '../../../src/protocol/rate-limit.js';

const SOURCE = { rate: 10, burst: 5 };
const NO_BOUND = { rate: 1e9, burst: 1e9 };

/** How many of so many events are let through. */
const allowed = (limit: RateLimit, now: number, source: string, count = 100) =>
  Array.from({ length: count }, () => limit.allow(now, source)).filter(Boolean).length;

describe('a rate limit', () => {
  test('lets a burst through, then so many a second, and saves no more than a burst', () => {
    const limit = new RateLimit(SOURCE, NO_BOUND, 10);
    expect(allowed(limit, 0, 'a')).toBe(5);
    expect(allowed(limit, 99, 'a')).toBe(0);
    expect(allowed(limit, 100, 'a')).toBe(1);
    expect(allowed(limit, 400, 'a')).toBe(3);
    expect(allowed(limit, 60_000, 'a')).toBe(5);
  });

  test('loses no part of an event to being asked often', () => {
    const limit = new RateLimit(SOURCE, NO_BOUND, 10);
    allowed(limit, 0, 'a');
    let count = 0;
    for (let now = 1; now <= 10_000; now++) count += allowed(limit, now, 'a', 1);
    expect(count).toBeGreaterThanOrEqual(99); // of 100; fractions may round
    expect(count).toBeLessThanOrEqual(100);
  });

  test('holds back each source for itself', () => {
    const limit = new RateLimit(SOURCE, NO_BOUND, 10);
    expect(allowed(limit, 0, 'a')).toBe(5);
    expect(allowed(limit, 0, 'b')).toBe(5);
    expect(allowed(limit, 0, 'a')).toBe(0);
  });

  test('holds back all together', () => {
    const limit = new RateLimit(SOURCE, { rate: 10, burst: 12 }, 10);
    const all = (now: number) => ['a', 'b', 'c', 'd'].map((source) => allowed(limit, now, source));
    expect(all(0)).toEqual([5, 5, 2, 0]);
    expect(all(1_000)).toEqual([5, 5, 0, 0]);
  });

  test('gives nothing for a clock that stands still or goes back', () => {
    const limit = new RateLimit(SOURCE, NO_BOUND, 10);
    expect(allowed(limit, 1_000, 'a')).toBe(5);
    expect(allowed(limit, 1_000, 'a')).toBe(0);
    expect(allowed(limit, 500, 'a')).toBe(0);
    expect(allowed(limit, 600, 'a')).toBe(1); // and takes nothing
  });

  test('forgets the oldest source when there are too many', () => {
    const limit = new RateLimit(SOURCE, NO_BOUND, 3);
    for (const source of ['a', 'b', 'c', 'a']) allowed(limit, 0, source);
    allowed(limit, 0, 'd'); // pushes a out
    expect(allowed(limit, 0, 'b')).toBe(0);
    expect(allowed(limit, 0, 'c')).toBe(0);
    expect(allowed(limit, 0, 'a')).toBe(5);
  });

  test('that is used up by all takes nothing from a source, nor a source that is used up from all', () => {
    const limit = new RateLimit({ rate: 0, burst: 5 }, { rate: 10, burst: 7 }, 3);
    expect([allowed(limit, 0, 'a'), allowed(limit, 0, 'a'), allowed(limit, 0, 'b')]).toEqual([5, 0, 2]);
    expect(allowed(limit, 1_000, 'b')).toBe(3);
    expect(allowed(limit, 1_000, 'c')).toBe(4);
  });

  test('of a source that comes in ever new clothes is the one for all', () => {
    const limit = new RateLimit(SOURCE, { rate: 10, burst: 50 }, 3);
    let count = 0;
    for (let i = 0; i < 10_000; i++) count += allowed(limit, 0, `source ${i}`, 1);
    expect(count).toBe(50);
  });
});
