// Two clients with one key: told from one that moves.
import { expect, test } from 'vitest';
import { TwoPlaces } from '../../../src/ends/peers/two-places.js';
import type { Peer } from '../../../src/protocol/secure/peer.js';

/** When something is said of a peer that is at these places, one after the other. */
function says(places: string, spacing: number): number[] {
  const two = new TwoPlaces();
  const peer = {} as Peer;
  return [...places].flatMap((place, i) => (two.moved(i * spacing, peer, place) === undefined ? [] : [i]));
}

test.each([
  ['two that take turns', 'abababab', 15_000, [5, 6, 7]],
  ['one that moves on', 'abcdefgh', 1_000, []],
  ['one that comes back now and then', 'abababab', 60_000, []],
  ['one between two networks, and then a third', 'ababcabab', 1_000, []],
])('%s', (_, places, spacing, when) => {
  expect(says(places, spacing)).toEqual(when);
});

test('each peer by itself, and with both places', () => {
  const two = new TwoPlaces();
  const [anna, bob] = [{}, {}] as [Peer, Peer];
  for (let i = 0; i < 5; i++) {
    two.moved(i, anna, i % 2 ? 'x' : 'y');
    expect(two.moved(i, bob, `${i}`)).toBeUndefined();
  }
  expect(two.moved(5, anna, 'x')).toMatch(
    /^is in two places in turn, y and x: .* give one of them a key of its own$/,
  );
});
