import { describe, expect, it } from 'vitest';
import { PACE } from '../../../src/protocol/secure/constants.js';
import { Pace } from '../../../src/protocol/secure/pace.js';

const HERE = { address: '192.0.2.1', port: 7667 };
const stranger = (i: number) => ({ address: `198.51.${(i >> 8) & 255}.${i & 255}`, port: i & 65_535 });

describe('the pace of handshakes', () => {
  it('a flood from everywhere leaves room for where peers are, and is bounded', () => {
    const pace = new Pace(() => [HERE]);
    let looked = 0;
    for (let i = 0; i < 500_000; i++) {
      const now = i / 50;
      if (pace.allows(now, stranger(i))) looked++;
      if (i % 250_000 === 1000) expect(pace.allows(now, HERE)).toBe(true);
    }
    expect(looked).toBeGreaterThanOrEqual(10 * PACE.rate);
    expect(looked).toBeLessThanOrEqual(10 * PACE.rate + PACE.burst);
  });

  it('a flood from where a peer is leaves room for everywhere else', () => {
    const pace = new Pace(() => [HERE]);
    for (let i = 0; i < 50_000; i++) pace.allows(i / 50, HERE);
    while (pace.allows(1000, HERE));
    expect(pace.allows(1000, stranger(1))).toBe(true);
  });

  it('a peer that moves, or is new, is known within a quarter of a second', () => {
    const remotes = [HERE];
    const pace = new Pace(() => remotes);
    const full = (now: number, from: typeof HERE) => {
      while (pace.allows(now, from));
    };
    full(0, stranger(1));
    const there = { address: '2001:db8::7', port: 9 };
    remotes.push(there);
    expect(pace.allows(0, there)).toBe(false);
    full(250, stranger(1));
    expect(pace.allows(250, there)).toBe(true);
    remotes.pop();
    full(500, stranger(1));
    expect(pace.allows(500, there)).toBe(false);
  });
});
