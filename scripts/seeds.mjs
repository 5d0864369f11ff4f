// The quick tests that draw on a seed, with one seed after the other: npm run seeds -- [--count N] [--from SEED] [--minutes N].
// The properties have many seeds of their own (npm run fuzz). The last line says what came of it.
import { randomInt } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { isStopped, run } from './children.mjs';
import { build, npmPackages, root, SetupError } from './setup.mjs';

const DEFAULTS = { count: '300', minutes: '120' };
/** One seed takes half a minute of a processor's time; what takes so much longer hangs. */
const PATIENCE_MS = 900_000;
const VITEST = join(root, 'node_modules/vitest/vitest.mjs');
const SEEDED = ['related', '--run', 'test/support/seed.ts', '--project', 'quick'];
const WITHOUT = ['--exclude', 'test/quick/{fuzz,programs}/**'];
const ALONE = ['--no-isolate', '--maxWorkers=1'];

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

/** Runs the tests with a seed; returns what is wrong, as text. */
async function wrongWith(seed) {
  const { status, output } = await run([process.execPath, VITEST, ...SEEDED, ...WITHOUT, ...ALONE], {
    env: { NO_COLOR: '1', CRYPTCAB_SEED: `${seed}` },
    timeout: PATIENCE_MS,
  });
  return status === 0 ? '' : `${output}\n(status ${status})`;
}

const failed = [];
let next = 0;
let done = 0;
async function work() {
  while (next < count && !isStopped() && performance.now() < end) {
    const seed = from + next++;
    const wrong = await wrongWith(seed);
    if (isStopped()) return;
    done++;
    if (done % 10 === 0) console.log(`seeds: ${done} tried`);
    if (wrong === '') continue;
    failed.push(seed);
    console.log(`seeds: ${seed} fails:\n${wrong}`);
    console.log(`seeds: repeat it with: CRYPTCAB_SEED=${seed} npx vitest run --project quick FILE`);
  }
}

console.log(`seeds: ${count} of them, from ${from} on`);
await Promise.all(Array.from({ length: availableParallelism() }, work));
const what = failed.length === 0 ? 'none failed' : `failed: ${failed.join(', ')}`;
console.log(`seeds: ${done} of ${count} seeds tried, ${what}`);
process.exit(failed.length === 0 && done === count ? 0 : 1);
