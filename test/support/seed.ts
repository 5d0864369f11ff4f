import { generator } from '../../lab/generator.js';
import { newSeed } from './new-seed.js';

/**
 * Seeded randomness for tests: the seed is printed, once for a run where vitest.config.ts has chosen it, and
 * CRYPTCAB_SEED=N repeats a run.
 */
const { CRYPTCAB_SEED: given = newSeed() } = process.env;
export const seed = Number(given);

/** Random bytes, integers and picks of one generator. */
export function randomness(from = seed) {
  const next = generator(from);
  const below = (most: number) => Math.floor(next() * most);
  return {
    next,
    /** An integer from 0 to one less. */
    below,
    /** Elements in any order. */
    shuffled: <T>(list: readonly T[]): T[] =>
      list
        .map((element) => ({ element, place: below(2 ** 31) }))
        .sort((a, b) => a.place - b.place)
        .map(({ element }) => element),
    bytes: (length: number) => {
      const bytes = new Uint8Array(length); // by a loop, which takes a fifth of the time that Uint8Array.from() does
      for (let i = 0; i < length; i++) bytes[i] = next() * 256;
      return bytes;
    },
  };
}
