// The properties of test/fuzz/, again and again with fresh seeds, for as long as it is told: npm run fuzz -- --minutes N.
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
const WHERE = ['test/fuzz/', '--project', 'quick'];
const inDirectory = (name) => join(DIRECTORY, name);
const read = (name) => readFileSync(inDirectory(name), 'utf8');

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

rmSync(DIRECTORY, { recursive: true, force: true });
mkdirSync(DIRECTORY, { recursive: true });
const list = spawnSync(
  process.execPath,
  [...VITEST, 'list', ...WHERE, `--json=${inDirectory('list.json')}`],
  {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  },
);
if (list.status !== 0) fail(1, 'vitest cannot list the properties: see what it said above');
const count = JSON.parse(read('list.json')).length;
const share = (60_000 * minutes) / count;
const seed = randomInt(2 ** 31);
console.log(
  `fuzz: ${minutes} minutes for ${count} properties, ${(share / 1000).toFixed(1)} s each; seeds from ${seed} on`,
);

const options = [
  '--no-file-parallelism',
  '--bail=1',
  `--testTimeout=${Math.ceil(share) + PATIENCE_MS}`,
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${inDirectory('report.json')}`,
];
const began = performance.now();
const run = spawn(process.execPath, [...VITEST, 'run', ...WHERE, ...options], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
  detached: true, // a process group of its own: ^C does not kill it in the middle of something
  env: {
    ...process.env,
    CRYPTCAB_SEED: `${seed}`,
    CRYPTCAB_FUZZ_MS: `${share}`,
    CRYPTCAB_FUZZ_DIR: DIRECTORY,
  },
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => writeFileSync(inDirectory('stop'), ''));

// A loop that does not end does not let a test's own time limit work either.
const watch = setInterval(() => {
  const at = inDirectory('at');
  if (existsSync(at) && Date.now() - statSync(at).mtimeMs > PATIENCE_MS) process.kill(-run.pid, 'SIGKILL');
}, 1_000);

run.on('exit', (status) => {
  clearInterval(watch);
  const took = ((performance.now() - began) / 60_000).toFixed(1);
  if (!existsSync(inDirectory('report.json')))
    fail(1, existsSync(inDirectory('at')) ? `did not come back from: ${read('at')}` : 'did not start');
  const tests = JSON.parse(read('report.json')).testResults.flatMap((file) => file.assertionResults);
  for (const { meta, fullName } of tests.filter(({ meta }) => meta.runs > 0))
    console.log(`${String(meta.runs).padStart(9)} runs, seeds to ${meta.lastSeed}: ${fullName}`);
  const failed = tests.filter((test) => test.status === 'failed');
  for (const { fullName, meta } of failed) {
    console.log(`fuzz: it does not hold that ${fullName}`);
    if (meta.repeat) console.log(`fuzz: repeat it with: ${meta.repeat}`);
  }
  const runs = tests.reduce((sum, { meta }) => sum + (meta.runs ?? 0), 0);
  console.log(`fuzz: ${runs} runs in ${took} minutes, ${failed.length} of ${count} properties failed`);
  process.exit(status === 0 ? 0 : 1);
});
