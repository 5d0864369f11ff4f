import { setTimeout as sleep } from 'node:timers/promises';
import { CryptcabError, TemporaryError } from '../error.js';

/** Waits between attempts, ms: doubled each time, from the first to the last; half of each to half as much again, at random. */
const WAIT_MS = { first: 1_000, last: 10_000 } as const;

/** Waits; ends at once, and throws, when the signal is aborted. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<void>;

export const pause: Pause = (ms, signal) => sleep(ms, undefined, { signal });

export interface Trying {
  readonly signal: AbortSignal;
  /** From 0 to 1: clients that failed together do not come back together. */
  readonly random: () => number;
  /** Told each time that it failed and is tried again. */
  readonly failed: (error: TemporaryError) => void;
  /** Told when it has succeeded after all. */
  readonly goesOn: () => void;
  readonly pause?: Pause;
}

/**
 * Tries again as long as what is wrong may pass by itself.
 * @throws what the attempt threw that is no TemporaryError, and when the signal is aborted
 */
export async function keepTrying<T>(
  attempt: () => Promise<T>,
  { signal, random, failed, goesOn, pause: wait = pause }: Trying,
): Promise<T> {
  for (let ms: number = WAIT_MS.first; ; ms = Math.min(2 * ms, WAIT_MS.last)) {
    try {
      const result = await attempt();
      if (ms > WAIT_MS.first) goesOn();
      return result;
    } catch (error) {
      if (!(error instanceof TemporaryError)) throw error;
      if (signal.aborted) throw new CryptcabError(error.marked);
      failed(error);
    }
    await wait(ms * (0.5 + random()), signal);
  }
}
