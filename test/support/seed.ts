import { newSeed } from './new-seed.js';
import { randomnessOf } from './randomness.js';

/**
 * The seed of a run: printed, once for a run where vitest.config.ts has chosen it, and CRYPTCAB_SEED=N repeats a run. Tests that import
 * this, themselves or by what they share, are those that `npm run seeds` tries with many.
 */
const { CRYPTCAB_SEED: given = newSeed() } = process.env;
export const seed = Number(given);

/** Randomness that is another one with another seed of the run; randomnessOf(number) is always the same. */
export const randomness = () => randomnessOf(seed);
