import { describe, expect, it } from 'vitest';
import { KnownRemotes, Pace } from '../../../src/protocol/handshake-pace.js';
import { MESSAGE, PACE } from '../../../src/protocol/secure/constants.js';

const HERE = { address: '192.0.2.1', port: 7667 };
const { INITIATION, RESPONSE } = MESSAGE;

describe('the pace of datagrams that are no link’s', () => {
  it('a flood from everywhere leaves room for where peers are, and is bounded', () => {
    const pace = new Pace();
    let looked = 0;
    for (let i = 0; i < 500_000; i++) {
      const now = i / 50;
      if (pace.allows(now, INITIATION, false)) looked++;
      if (i % 250_000 === 1000) expect(pace.allows(now, INITIATION, true)).toBe(true);
    }
    expect(looked).toBeGreaterThanOrEqual(10 * PACE.rate);
    expect(looked).toBeLessThanOrEqual(10 * PACE.rate + PACE.burst);
  });

  it('a flood from where a peer is leaves room for everywhere else, and one of a type for the other types', () => {
    const pace = new Pace();
    for (let i = 0; i < 50_000; i++) pace.allows(i / 50, INITIATION, true);
    while (pace.allows(1000, INITIATION, true));
    expect(pace.allows(1000, INITIATION, false)).toBe(true);
    expect(pace.allows(1000, RESPONSE, true)).toBe(true);
  });

  it('a peer that moves, or is new, is known within a quarter of a second', () => {
    const remotes = [HERE];
    const known = new KnownRemotes(() => remotes);
    expect(known.has(0, HERE)).toBe(true);
    const there = { address: '2001:db8::7', port: 9 };
    remotes.push(there);
    expect([known.has(249, there), known.has(250, there)]).toEqual([false, true]);
    remotes.pop();
    expect([known.has(499, there), known.has(500, there)]).toEqual([true, false]);
  });
});
