import { expect, test } from 'vitest';
import type { Peer } from '../../../src/cable/native/thread/peer.js';
import { NAME_WORDS, PeerTable } from '../../../src/cable/native/thread/peer-table.js';
import { rounds } from '../../support/rounds.js';
import { same } from '../../support/same.js';
import { randomness } from '../../support/seed.js';

const { next, below } = randomness();
const word = () => Math.floor(next() * 2 ** 32);

/** Names that are much alike: a few words of a few values. */
function name(): Uint32Array {
  return Uint32Array.from({ length: NAME_WORDS }, (_, i) => (i < 2 ? below(20) : i === 5 ? below(4) : 7));
}

test('peers are found by their whole name, and no longer when they are gone', () => {
  const table = new PeerTable();
  const twin = new Map<string, Peer>();
  const memory = new Uint32Array(NAME_WORDS + 3);
  const find = (words: Uint32Array) => {
    memory.set(words, 3);
    return table.find(memory, 3);
  };
  for (let i = 0; i < rounds(20_000); i++) {
    const words = name();
    const key = words.join();
    const known = twin.get(key);
    same(find(words), known);
    const what = below(3);
    if (what === 0) {
      const peer = { session: i, name: { words, address: 0 } } as Peer;
      table.add(peer); // in the place of another of that name
      twin.set(key, peer);
      same(find(words), peer);
    } else if (what === 1 && known !== undefined) {
      table.remove(known);
      twin.delete(key);
      same(find(words), undefined);
    }
  }
  expect(twin.size).toBeGreaterThan(100);
});

test('a name that differs in any one bit is another', () => {
  const table = new PeerTable();
  const words = Uint32Array.from({ length: NAME_WORDS }, word);
  const peer = { session: 1, name: { words, address: 0 } } as Peer;
  table.add(peer);
  for (let bit = 0; bit < 32 * NAME_WORDS; bit++) {
    const other = words.slice();
    other[bit >> 5] = (other[bit >> 5] as number) ^ (1 << (bit & 31));
    expect(table.find(other, 0)).toBeUndefined();
    expect(table.find(words, 0)).toBe(peer);
  }
});
