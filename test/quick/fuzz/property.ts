import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { test } from 'vitest';
import { allRounds, rounds } from '../../support/rounds.js';
import { seed } from '../../support/seed.js';

declare module 'vitest' {
  interface TaskMeta {
    /** How many examples a property was tried with, and the last of its seeds. */
    runs?: number;
    lastSeed?: number;
    /** The command that repeats a failure. */
    repeat?: string;
  }
}

// `npm run fuzz` sets these: how long each property is tried, ms, and a directory by which the two talk. There
// `stop` ends it, and `at` holds the command for what is being tried.
const { CRYPTCAB_FUZZ_MS: budget, CRYPTCAB_FUZZ_DIR: directory = '' } = process.env;
const stop = join(directory, 'stop');
const at = join(directory, 'at');

/** A seed for randomness(), where what is tried is too large to be written as one example. */
export const anySeed = fc.noShrink(fc.noBias(fc.integer({ min: 0, max: 2 ** 31 - 1 })));

function shows(covered: () => void): boolean {
  try {
    covered();
    return true;
  } catch {
    return false;
  }
}

/**
 * One property, run in two ways: the suite tries it with one seed, `npm run fuzz` with that one and the
 * next ones until its time is over.
 * @param runs examples for each seed, or a share of them (support/rounds.ts)
 * @param covered throws when the examples so far have not shown what they are there for
 * @param each how many runs one example is counted as
 */
export function property<Ts>(
  name: string,
  runs: number,
  made: fc.IProperty<Ts> | fc.IAsyncProperty<Ts>,
  covered = () => {},
  each = 1,
): void {
  test(name, async ({ task }) => {
    const fuzzing = budget !== undefined;
    const end = performance.now() + Number(budget);
    const goesOn = (from: number) => (fuzzing ? performance.now() < end && !existsSync(stop) : from === seed);
    task.meta.runs = 0;
    for (let from = seed; goesOn(from); from++) {
      const pattern = name.replaceAll(/[^\w ,]/g, '.');
      const all = allRounds ? ' CRYPTCAB_ROUNDS=all' : '';
      const repeat = `CRYPTCAB_SEED=${from}${all} npx vitest run --project quick ${task.file.name} -t '${pattern}'`;
      if (fuzzing) writeFileSync(at, repeat);
      let found = await fc.check(made, { seed: from, numRuns: rounds(runs) });
      // Where the first ones have not shown what they are there for, all do.
      if (!found.failed && !allRounds && !shows(covered))
        found = await fc.check(made, { seed: from, numRuns: runs });
      task.meta.runs += each * found.numRuns;
      task.meta.lastSeed = from;
      if (found.failed) {
        task.meta.repeat = repeat;
        const { errorInstance: cause } = found;
        const [why] = (cause instanceof Error ? cause.message : String(cause)).split('\n');
        const example = await fc.asyncDefaultReportMessage(found);
        throw new Error(`${why}\nRepeat with: ${repeat}\n${example}`, { cause });
      }
      covered();
      await setImmediate(); // to vitest, which wants to hear of its workers
    }
  });
}
