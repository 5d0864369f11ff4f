// The quick tests that draw on a seed, with one seed after the other: npm run seeds -- [--count N] [--from SEED] [--minutes N].
// The properties have many seeds of their own (npm run fuzz). The last line says what came of it.
import { randomInt } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isStopped, run } from './children.mjs';
import { build, npmPackages, root, SetupError } from './setup.mjs';

const DEFAULTS = { count: '300', minutes: '120' };
/** Seeds of one process at most, which takes seconds to load what it tests. */
const TOGETHER = 10;
/** From one seed to the next: tests take up to a hundred numbers from the seed of the run on. */
const STEP = 1_000;
/** One seed takes a quarter of a minute of a processor's time; what takes so much longer hangs. */
const PATIENCE_MS = 300_000;
const VITEST = join(root, 'node_modules/vitest/vitest.mjs');
const SEEDED = ['related', '--run', 'test/support/seed.ts', '--config', 'vitest.seeds.config.ts'];
const REPORTS = join(root, 'build/seeds');

function fail(status, why) {
  console.error(`seeds: ${why}`);
  process.exit(status);
}

function asked(args) {
  const usage = `say npm run seeds -- --count ${DEFAULTS.count} [--from SEED] [--minutes ${DEFAULTS.minutes}]`;
  try {
    const text = { type: 'string' };
    const { values } = parseArgs({ args, options: { count: text, from: text, minutes: text } });
    const { count, minutes, from } = { ...DEFAULTS, from: `${randomInt(2 ** 30)}`, ...values };
    for (const [name, value] of Object.entries({ count, minutes, from }))
      if (!/^\d{1,10}$/.test(value)) fail(2, `--${name} ${JSON.stringify(value)} is no number: ${usage}`);
    return { count: Number(count), from: Number(from), end: performance.now() + 60_000 * Number(minutes) };
  } catch (error) {
    return fail(2, `${error.message.split(/[.\n]/)[0]}: ${usage}`);
  }
}

const { count, from, end } = asked(process.argv.slice(2));
try {
  npmPackages();
  build();
} catch (error) {
  fail(1, error instanceof SetupError ? error.message : 'the build failed: see what it said above');
}
rmSync(REPORTS, { recursive: true, force: true });
mkdirSync(REPORTS, { recursive: true });

/** The tests that failed in a run, each after its seed; undefined if it wrote no report. */
function failuresIn(report) {
  try {
    return JSON.parse(readFileSync(report, 'utf8'))
      .testResults.flatMap((file) => file.assertionResults)
      .filter(({ status }) => status === 'failed')
      .map(({ ancestorTitles }) => ancestorTitles[0]);
  } catch {
    return undefined;
  }
}

/** Runs the tests with some seeds; returns those that failed, or all if that cannot be said, and what was printed. */
async function failing(seeds) {
  const report = join(REPORTS, `${seeds[0]}.json`);
  const reporters = ['--reporter=test/support/reporter.ts', '--reporter=json', `--outputFile=${report}`];
  const { status, output } = await run([process.execPath, VITEST, ...SEEDED, ...reporters], {
    env: { NO_COLOR: '1', CRYPTCAB_SEEDS: `${seeds}` },
    timeout: PATIENCE_MS * seeds.length,
  });
  if (status === 0) return { wrong: [], output };
  const failures = new Set(failuresIn(report));
  const wrong = seeds.filter((seed) => failures.has(`seed ${seed}`));
  return { wrong: wrong.length > 0 ? wrong : seeds, output: `${output}\n(status ${status})` };
}

const failed = [];
let next = 0;
let done = 0;
async function work(most) {
  while (next < count && !isStopped() && performance.now() < end) {
    const seeds = Array.from({ length: Math.min(most, count - next) }, (_, i) => from + STEP * (next + i));
    next += seeds.length;
    const { wrong, output } = await failing(seeds);
    if (isStopped()) return;
    done += seeds.length;
    console.log(`seeds: ${done} tried`);
    if (wrong.length === 0) continue;
    failed.push(...wrong);
    console.log(`seeds: ${wrong.join(', ')} failed:\n${output}`);
    console.log(`seeds: repeat it with: CRYPTCAB_SEED=${wrong[0]} npx vitest run --project quick FILE`);
  }
}

console.log(`seeds: ${count} of them, from ${from} on, each ${STEP} more than the last`);
const processes = availableParallelism();
const most = Math.min(TOGETHER, Math.ceil(count / processes));
await Promise.all(Array.from({ length: processes }, () => work(most)));
const what = failed.length === 0 ? 'none failed' : `failed: ${failed.join(', ')}`;
console.log(`seeds: ${done} of ${count} seeds tried, ${what}`);
process.exit(failed.length === 0 && done === count ? 0 : 1);
