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

/** Programs of operations against the core, which want many runs, have a process of their own, beside the properties. */
const PROGRAMS = 'test/quick/programs/programs.test.ts';
const seed = randomInt(2 ** 31);
const began = performance.now();

/** Tries some of the properties, for as long as there is time. */
class Run {
  /**
   * @param name of its directory
   * @param where what vitest gets to find the files
   */
  constructor(name, where) {
    this.directory = join(DIRECTORY, name);
    mkdirSync(this.directory, { recursive: true });
    this.where = [...where, '--project', 'quick'];
    const args = [...VITEST, 'list', ...this.where, `--json=${this.path('list.json')}`];
    const list = spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
    if (list.status !== 0) fail(1, 'vitest cannot list the properties: see what it said above');
    this.count = JSON.parse(this.read('list.json')).length;
    this.share = (60_000 * minutes) / this.count;
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
        CRYPTCAB_SEED: `${seed}`,
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
const runs = [new Run('programs', [PROGRAMS]), new Run('properties', ['test/quick/fuzz/'])];
const count = runs.reduce((sum, run) => sum + run.count, 0);
console.log(`fuzz: ${minutes} minutes for ${count} properties; seeds from ${seed} on`);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    for (const run of runs) run.stop();
  });

const results = await Promise.all(
  runs.map(async (run) => {
    const result = await run.start();
    if (!result.held) for (const other of runs) other.stop(); // one fault is enough for now
    return result;
  }),
);
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
