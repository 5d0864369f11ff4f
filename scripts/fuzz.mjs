// The properties of test/quick/fuzz/, again and again with fresh seeds, for as long as it is told: npm run fuzz -- --minutes N.
// The last line says what came of it.
import { spawn, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build, npmPackages, root, SetupError } from './setup.mjs';

const MINUTES = 10;
/** One seed takes a second or so; what it finds may take longer to be shrunk. */
const PATIENCE_MS = 120_000;
const DIRECTORY = join(root, 'build/fuzz');
const VITEST = [join(root, 'node_modules/vitest/vitest.mjs')];

function fail(status, why) {
  console.error(`fuzz: ${why}`);
  process.exit(status);
}

function minutesOf(args) {
  const wrong = (what) => fail(2, `${what}: say for how long, as in npm run fuzz -- --minutes ${MINUTES}`);
  try {
    const { minutes = `${MINUTES}` } = parseArgs({ args, options: { minutes: { type: 'string' } } }).values;
    if (!/^\d+(\.\d+)?$/.test(minutes) || !(minutes > 0 && minutes <= 10_000))
      wrong(`--minutes ${JSON.stringify(minutes)} is not a number from above 0 to 10000`);
    return Number(minutes);
  } catch (error) {
    return wrong(error.message.split(/[.\n]/)[0]);
  }
}

const minutes = minutesOf(process.argv.slice(2));
try {
  npmPackages();
  build();
} catch (error) {
  fail(1, error instanceof SetupError ? error.message : `the build failed: see what it said above`);
}

/**
 * Programs of operations against the core, which want many runs, have a process of their own; and another one, of other seeds,
 * when the properties beside them have had this share of the time.
 */
const PROGRAMS = 'test/quick/programs/programs.test.ts';
const PROPERTIES_SHARE = 0.6;
const SEEDS = 2 ** 31;
const seed = randomInt(SEEDS);
const began = performance.now();

/** Tries some of the properties, for as long as there is time. */
class Run {
  /**
   * @param name of its directory
   * @param where what vitest gets to find the files
   * @param share of the time
   * @param first of its seeds
   */
  constructor(name, where, share, first) {
    this.first = first;
    this.directory = join(DIRECTORY, name);
    mkdirSync(this.directory, { recursive: true });
    this.where = [...where, '--project', 'quick'];
    const args = [...VITEST, 'list', ...this.where, `--json=${this.path('list.json')}`];
    const list = spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
    if (list.status !== 0) fail(1, 'vitest cannot list the properties: see what it said above');
    this.count = JSON.parse(this.read('list.json')).length;
    this.share = (60_000 * minutes * share) / this.count;
  }

  path(name) {
    return join(this.directory, name);
  }

  read(name) {
    return readFileSync(this.path(name), 'utf8');
  }

  /** What came of it: a promise. */
  start() {
    const options = [
      '--no-file-parallelism',
      '--bail=1',
      `--testTimeout=${Math.ceil(this.share) + PATIENCE_MS}`,
      '--reporter=test/support/reporter.ts',
      '--reporter=json',
      `--outputFile.json=${this.path('report.json')}`,
    ];
    const run = spawn(process.execPath, [...VITEST, 'run', ...this.where, ...options], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true, // a process group of its own: ^C does not kill it in the middle of something
      env: {
        ...process.env,
        CRYPTCAB_SEED: `${this.first}`,
        CRYPTCAB_ROUNDS: 'all',
        CRYPTCAB_FUZZ_MS: `${this.share}`,
        CRYPTCAB_FUZZ_DIR: this.directory,
      },
    });
    // A loop that does not end does not let a test's own time limit work either.
    const watch = setInterval(() => {
      const at = this.path('at');
      if (existsSync(at) && Date.now() - statSync(at).mtimeMs > PATIENCE_MS)
        process.kill(-run.pid, 'SIGKILL');
    }, 1_000);
    return new Promise((resolve) => {
      run.on('exit', (status) => {
        clearInterval(watch);
        resolve(this.result(status === 0));
      });
    });
  }

  get stopped() {
    return existsSync(this.path('stop'));
  }

  stop() {
    writeFileSync(this.path('stop'), '');
  }

  result(held) {
    if (!existsSync(this.path('report.json'))) {
      const why = existsSync(this.path('at'))
        ? `did not come back from: ${this.read('at')}`
        : 'did not start';
      return { held: false, why, tests: [] };
    }
    const { testResults } = JSON.parse(this.read('report.json'));
    return { held, tests: testResults.flatMap((file) => file.assertionResults) };
  }
}

rmSync(DIRECTORY, { recursive: true, force: true });
const programs = new Run('programs', [PROGRAMS], 1, seed);
const properties = new Run('properties', ['test/quick/fuzz/'], PROPERTIES_SHARE, seed);
const others = new Run('more-programs', [PROGRAMS], 1 - PROPERTIES_SHARE, (seed + SEEDS / 2) % SEEDS);
const runs = [programs, properties, others];
const count = programs.count + properties.count;
console.log(`fuzz: ${minutes} minutes for ${count} properties; seeds from ${seed} on`);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    for (const run of runs) run.stop();
  });

/** One after the other, as long as nothing fails. */
async function inTurn(...some) {
  const results = [];
  for (const run of some) {
    if (run.stopped) continue;
    const result = await run.start();
    results.push(result);
    if (!result.held) for (const other of runs) other.stop(); // one fault is enough for now
  }
  return results;
}

const results = (await Promise.all([inTurn(programs), inTurn(properties, others)])).flat();
const took = ((performance.now() - began) / 60_000).toFixed(1);
for (const { why } of results) if (why !== undefined) console.error(`fuzz: ${why}`);
const tests = results.flatMap((result) => result.tests);
for (const { meta, fullName } of tests.filter(({ meta }) => meta.runs > 0))
  console.log(`${String(meta.runs).padStart(9)} runs, seeds to ${meta.lastSeed}: ${fullName}`);
const failed = tests.filter((test) => test.status === 'failed');
for (const { fullName, meta } of failed) {
  console.log(`fuzz: it does not hold that ${fullName}`);
  if (meta.repeat) console.log(`fuzz: repeat it with: ${meta.repeat}`);
}
const all = tests.reduce((sum, { meta }) => sum + (meta.runs ?? 0), 0);
console.log(`fuzz: ${all} runs in ${took} minutes, ${failed.length} of ${count} properties failed`);
process.exit(results.every((result) => result.held) ? 0 : 1);
