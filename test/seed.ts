import { generator } from '../lab/generator.js';

/**
 * Seeded randomness for tests: the seed is printed, and CRYPTCAB_SEED=N repeats a run.
 */
export const seed = Number(process.env.CRYPTCAB_SEED ?? Math.floor(Math.random() * 2 ** 31));
console.log(`seed ${seed} (repeat with CRYPTCAB_SEED=${seed})`);

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
