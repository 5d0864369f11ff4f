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
  return {
    next,
    /** An integer from 0 to below - 1. */
    below: (below: number) => Math.floor(next() * below),
    bytes: (length: number) => Uint8Array.from({ length }, () => Math.floor(next() * 256)),
  };
}
