// What people read of a peer that does not come up.
import { expect, it } from 'vitest';
import { hintText, ownClock, span } from '../../../src/ends/hints.js';
import type { Peer } from '../../../src/protocol/secure/peer.js';

const HOUR = 3_600_000;
const YEAR = 365.25 * 24 * HOUR;
const peer: Peer = {
  publicKey: new Uint8Array(32),
  name: 'alice',
  enrolled: false,
  guest: false,
  endpoint: undefined,
  sealing: undefined,
  hello: undefined,
  whereabouts: [],
  roundTrip: undefined,
  loss: undefined,
  heardAt: undefined,
};

it.each([
  [1, '1 second'],
  [17, '1 second'],
  [40_000, '40 seconds'],
  [60_000, '1 minute'],
  [90_000, '2 minutes'],
  [HOUR - 10_000, '1 hour'],
  [HOUR + 10_000, '1 hour'],
  [26 * HOUR, '1 day'],
  [20 * YEAR, '20 years'],
])('%d ms are %s', (ms, text) => {
  expect(span(ms)).toBe(text);
});

it('a clock that is behind, and one that was ahead', () => {
  const behind = hintText({ what: 'clock', peer, behind: HOUR, fromOurs: -HOUR });
  expect(behind).toBe(
    'the clock of alice (AAAAAAAA…) is behind by about 1 hour, so that its handshakes are refused as replayed: set it (NTP), or restart this end. Or somebody sends its old handshakes again',
  );
  // Ours is wrong as well, by another time.
  expect(hintText({ what: 'clock', peer, behind: HOUR, fromOurs: 2 * HOUR })).toBe(behind);
  for (const fromOurs of [0, 60_000, -60_000])
    expect(hintText({ what: 'clock', peer, behind: 2 * HOUR, fromOurs })).toMatch(
      /^the clock of alice \(AAAAAAAA…\) was ahead by about 2 hours when it connected last, .* restart this end/,
    );
});

it('each is one line', () => {
  for (const hint of [
    { what: 'clock', peer, behind: HOUR, fromOurs: 0 },
    { what: 'clock', peer, behind: HOUR, fromOurs: HOUR },
    { what: 'preshared key', peer },
    { what: 'unfinished', peer },
  ] as const) {
    expect(hintText(hint)).toContain('alice (AAAAAAAA…)');
    expect(hintText(hint)).not.toMatch(/\p{Cc}/u);
  }
});

it('a clock that is before this program was written is wrong for sure', () => {
  expect(ownClock(0)).toBe('; the clock of this machine says 1970-01-01: set it (NTP)');
  expect(ownClock(Date.UTC(2026, 6))).toMatch(/^; if the clock of this machine was set back /);
});
