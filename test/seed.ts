/**
 * Seeded randomness for tests: the seed is printed, and CRYPTCAB_SEED=N repeats a run.
 */
export const seed = Number(process.env.CRYPTCAB_SEED ?? Math.floor(Math.random() * 2 ** 31));
console.log(`seed ${seed} (repeat with CRYPTCAB_SEED=${seed})`);

/** A small generator (mulberry32): numbers in [0, 1), the same for the same seed. */
export function generator(from = seed): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

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
