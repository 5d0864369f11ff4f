// What one peer may have of what all share, by the rule alone: no clock, no I/O.
import { describe, expect, test } from 'vitest';
import { FairShares, fairShare, SHARE_MIN } from '../../../src/protocol/fair-share.js';
import { rounds } from '../../support/rounds.js';
import { randomness } from '../../support/seed.js';

describe('a fair share', () => {
  test('is the same for all who want more, and is what the others leave', () => {
    expect(fairShare([100, 100], 100)).toBe(50);
    expect(fairShare([10, 100], 100)).toBe(90);
    expect(fairShare([10, 20, 100, 1000], 100)).toBe(35);
    expect(fairShare([10, 20], 100)).toBe(Number.POSITIVE_INFINITY);
  });

  test('gives away all that there is, whatever is wanted', () => {
    const { below } = randomness();
    for (let i = 0; i < rounds(1_000); i++) {
      const wants = Array.from({ length: 1 + below(20) }, () => below(1_000)).sort((a, b) => a - b);
      const all = 1 + below(5_000);
      const share = fairShare(wants, all);
      const given = wants.reduce((sum, want) => sum + Math.min(want, share), 0);
      const wanted = wants.reduce((sum, want) => sum + want, 0);
      expect(given).toBeCloseTo(Math.min(all, wanted), 6);
    }
  });
});

describe('rounds', () => {
  /**
   * Datagrams come at a rate, per ms and session, and wait in one queue; so many are worked on each ms, and to pass over one
   * costs a tenth of that.
   * @returns of what each session brought, how much was worked on, after the first 100 ms; the longest wait, ms
   */
  function overload(rates: readonly number[], capacity: number, ms = 1_000) {
    const { below } = randomness();
    const shares = new FairShares();
    const queue: { session: number; at: number }[] = [];
    const brought = rates.map(() => 0);
    const done = rates.map(() => 0);
    let longest = 0;
    for (let now = 0; now < ms; now++) {
      const come = rates.flatMap((rate, session) =>
        Array.from({ length: rate }, () => ({ session, at: now })),
      );
      for (let i = come.length - 1; i > 0; i--) {
        const j = below(i + 1);
        [come[i], come[j]] = [come[j] as (typeof come)[0], come[i] as (typeof come)[0]];
      }
      queue.push(...come);
      // What the kernel's queue has no room for is lost.
      if (queue.length > 2_000) queue.splice(2_000);
      for (const { session } of come) if (now >= 100) brought[session] = (brought[session] as number) + 1;
      let left = capacity;
      while (left > 0 && queue.length > 0) {
        const batch = queue.splice(0, 16);
        shares.received(now + 1 - left / capacity, now - (batch[0]?.at ?? now) >= 2);
        for (const { session, at } of batch) {
          const may = shares.left(session) > 0;
          shares.brings(session, 1, may);
          left -= may ? 1 : 0.1;
          if (!may || now < 100) continue;
          done[session] = (done[session] as number) + 1;
          longest = Math.max(longest, now - at);
        }
      }
    }
    return { kept: rates.map((_, i) => (done[i] as number) / (brought[i] as number)), longest };
  }

  test('who brings less than a share loses nothing, beside one and beside four who bring too much', () => {
    for (const rates of [
      [10, 300],
      [10, 100, 100, 100, 100],
    ]) {
      const { kept, longest } = overload(rates, 100);
      expect(kept[0]).toBeGreaterThan(0.9);
      for (const greedy of kept.slice(1)) expect(greedy).toBeLessThan(0.6);
      expect(longest).toBeLessThanOrEqual(7);
    }
  });

  test('all who bring too much get as much', () => {
    const { kept } = overload([100, 200, 400], 100);
    const got = [100, 200, 400].map((rate, i) => rate * (kept[i] as number));
    expect(Math.max(...got) / Math.min(...got)).toBeLessThan(1.5);
  });

  test('nobody loses anything while all can have what they bring', () => {
    const { kept } = overload([40, 50], 100);
    expect(kept).toEqual([1, 1]);
  });

  test('one alone is never held back', () => {
    const shares = new FairShares();
    for (let now = 0; now < 100; now++) {
      shares.received(now, true);
      expect(shares.left(7)).toBe(Number.POSITIVE_INFINITY);
      shares.brings(7, 1_000, true);
    }
  });
});

test('a session is sparse while datagrams wait, and it has brought few in the round', () => {
  const shares = new FairShares();
  shares.received(0, false);
  shares.brings(1, 1, true);
  expect(shares.isSparse(1)).toBe(false);
  shares.received(1, true);
  shares.brings(1, SHARE_MIN, true);
  shares.brings(2, SHARE_MIN + 1, true);
  expect([shares.isSparse(1), shares.isSparse(2)]).toEqual([true, false]);
});

test('it is crowded while another one has been heard within ten seconds', () => {
  const shares = new FairShares();
  const hear = (now: number, session: number) => {
    shares.received(now, false);
    shares.hear(session);
    return shares.crowded;
  };
  expect([hear(0, 1), hear(5_000, 1)]).toEqual([false, false]);
  expect(hear(6_000, 2)).toBe(true);
  expect([hear(6_001, 1), hear(16_000 - 1, 1), hear(16_000, 1)]).toEqual([true, true, false]);
});

test('datagrams that were late for a moment, now and then, do not make what comes later look small', () => {
  const shares = new FairShares();
  let now = 0;
  const receive = (late: boolean, ms: number, counts: readonly number[]) => {
    now += ms;
    shares.received(now, late);
    for (const [session, count] of counts.entries()) {
      shares.hear(session);
      shares.brings(session, count, true);
    }
  };
  for (let blip = 0; blip < 1_000; blip++) {
    receive(true, 100, [40, 4]);
    receive(false, 0.5, [1, 1]);
  }
  // An overload: in two rounds there is a share.
  for (let i = 0; i < 6; i++) receive(true, 1, [100, 4]);
  expect(shares.left(2)).toBeLessThan(200);
});
