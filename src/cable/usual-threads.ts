import { availableParallelism } from 'node:os';

/** Most I/O threads that a server has without `--threads`. */
const THREADS_USUAL = 4;

/** How many I/O threads a server has without `--threads`: half of the processors, because the switch needs some as well. */
export function usualThreads(): number {
  return Math.max(1, Math.min(THREADS_USUAL, availableParallelism() >> 1));
}
