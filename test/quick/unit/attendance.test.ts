// Who has been up since when, and how much is carried per second.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { SessionCounts } from '../../../src/core/terms.js';
import { Attendance } from '../../../src/ends/report/attendance.js';
import type { Watcher } from '../../../src/ends/running.js';
import { SeldomLog } from '../../../src/log.js';

const START = Date.UTC(2026, 0);
const alice = { peer: 'alice', publicKey: 'A' };
const up = { ...alice, address: '192.0.2.1:1', cipher: 'secure' } as const;

let counts: SessionCounts;
let told: string[];
let attendance: Attendance;

const carry = (frames: bigint) => {
  const { opened, openedBytes } = counts;
  counts = { ...counts, opened: opened + frames, openedBytes: openedBytes + 100n * frames };
};

beforeEach(() => {
  vi.useFakeTimers({ now: START, toFake: ['Date', 'performance', 'setInterval', 'clearInterval'] });
  counts = {
    ...{ sealed: 0n, sealedBytes: 0n, opened: 0n, openedBytes: 0n },
    ...{ refused: { replayed: 2n }, droppedBySwitch: 1n, droppedUnopened: 0n },
  };
  told = [];
  const watcher = new Proxy({} as Watcher, {
    get: (_, what) => (_peer: object, why: unknown) => told.push([what, why].filter(Boolean).join(' ')),
  });
  attendance = new Attendance(watcher, () => [counts]);
  attendance.begin();
});

afterEach(() => {
  attendance.close();
  vi.useRealTimers();
});

test('is up since then, down since then, and why', () => {
  expect(attendance.presence(alice)).toBeUndefined();
  vi.advanceTimersByTime(1_000);
  attendance.up(up, () => counts);
  expect(attendance.presence(alice)).toMatchObject({ up: true, since: START + 1_000, why: undefined });
  vi.advanceTimersByTime(1_000);
  attendance.unplugged(alice, 'the switch is gone');
  expect(attendance.presence(alice)).toMatchObject({ up: false, since: START + 2_000, why: 'no port' });
  expect(attendance.plug).toEqual({ open: false, trouble: 'the switch is gone' });
  vi.advanceTimersByTime(1_000);
  attendance.plugged(alice);
  expect(attendance.presence(alice)).toMatchObject({ up: true, since: START + 3_000 });
  vi.advanceTimersByTime(1_000);
  attendance.down(alice, 'expired');
  expect(attendance.presence(alice)).toMatchObject({ up: false, since: START + 4_000, why: 'silent' });
  attendance.up(up, () => counts);
  attendance.interrupted(alice, 'removed');
  expect(told).toEqual(['up', 'unplugged the switch is gone', 'plugged', 'down expired', 'up']);
});

test('measures over 5 s and 60 s', () => {
  attendance.up(up, () => counts);
  const rates = () => attendance.rates(alice, counts);
  for (let i = 0; i < 10; i++) {
    carry(10n);
    vi.advanceTimersByTime(1_000);
  }
  expect(rates().over5s.in).toEqual({ frames: 10, bytes: 1_000 });
  expect(rates().over60s.in).toEqual({ frames: 10, bytes: 1_000 });
  vi.advanceTimersByTime(5_000);
  expect(rates().over5s.in.frames).toBe(0);
  expect(rates().over60s.in.frames).toBeCloseTo(100 / 15);
  vi.advanceTimersByTime(60_000);
  expect(rates().over60s.in.frames).toBe(0);
  expect(attendance.totalRates(attendance.totals().flow).over60s.in.frames).toBe(0);
});

test('what one who is gone has carried stays in the totals', () => {
  carry(5n);
  const all: SessionCounts[] = [counts];
  const other = new Attendance(undefined, () => all);
  other.up(up, () => counts);
  const before = other.totals();
  expect(before).toMatchObject({ flow: { in: { frames: 5, bytes: 500 } }, refused: { replayed: 2 } });
  other.gone(alice, all.pop());
  expect(other.totals()).toEqual(before);
  expect(other.presence(alice)).toBeUndefined();
});

test('lines that are not repeated are counted', () => {
  const seldom = new SeldomLog();
  let said = 0;
  for (let i = 0; i < 5; i++) seldom.note(i, 'it', () => said++);
  expect({ said, suppressed: seldom.suppressed }).toEqual({ said: 1, suppressed: 4 });
});
