// All tests, on a machine that may have nothing but Node, npm and root: installs, builds, checks, tests.
// The last line is "N passed, N failed".
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { isStopped, run } from './children.mjs';
import { filesToRepeat, outcomes, readReport } from './reports.mjs';
import { asRoot, prepare, root, TEST_PROGRAMS } from './setup.mjs';

function end(passed, failed) {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

async function step(name, command) {
  if (isStopped()) return false;
  console.log(`test: ${name}`);
  return (await run(command, { shown: true })).status === 0;
}

if (!prepare('test', TEST_PROGRAMS)) end(0, 1);

const bin = (module) => [process.execPath, join(root, 'node_modules', module)];
const checks = [
  await step('lint and format', [...bin('@biomejs/biome/bin/biome'), 'check', '--error-on-warnings', '.']),
  await step('types', [...bin('typescript/bin/tsc'), '--noEmit']),
  await step('types of the page', [...bin('typescript/bin/tsc'), '--noEmit', '-p', 'site']),
];

/**
 * A run of vitest on some of its projects, with all rounds of what is tried many times, and where it leaves its report. Namespaces
 * and taps need root.
 */
function vitest(project, name, files = process.argv.slice(2)) {
  const report = join(root, `build/test-report-${name}.json`);
  rmSync(report, { force: true });
  const reporters = ['--reporter=test/support/reporter.ts', '--reporter=json', `--outputFile=${report}`];
  const chosen = ['--project', project, '--passWithNoTests', ...files];
  const command = asRoot(
    'env',
    'CRYPTCAB_ROUNDS=all',
    ...bin('vitest/vitest.mjs'),
    'run',
    ...reporters,
    ...chosen,
  );
  return { report, command };
}

mkdirSync(join(root, 'build'), { recursive: true });
const [patient, others] = [vitest('patient', 'patient'), vitest('!patient', 'others')];
const waiting = run(patient.command); // ten minutes in which it does next to nothing
// The quick tests on other runtimes take processor time that others leave; what needs the machine comes after all that is here.
const runtimes = process.argv.length === 2 ? startRuntimes() : undefined;
const tested = [await step('all tests', others.command)];
console.log('test: the patient ones, which ran beside them');
tested.push(shown(await waiting));
const again = await repeatAlone([others, patient]);
if (runtimes !== undefined) {
  console.log('test: all runtimes');
  runtimes.goOn();
  checks.push(shown(await runtimes.ended));
}

let passed = again.length;
let failed = checks.filter((good) => !good).length - again.length;
[others, patient].forEach(({ report }, i) => {
  const { numPassedTests = 0, numTotalTests = 0 } = readReport(report) ?? {};
  passed += numPassedTests;
  failed += numTotalTests - numPassedTests;
  // A file that could not be loaded has no tests to count.
  if (!tested[i] && numPassedTests === numTotalTests) failed += 1;
});
for (const name of again) console.log(`test: failed beside others, and passed by itself: ${name}`);
if (passed === 0) failed += 1;
end(passed, failed);

/**
 * Starts the tests on all runtimes.
 * @returns quiet resolves when the quick ones are done, which take processor time, or all has ended; goOn has the others begin
 */
function startRuntimes() {
  let goOn;
  const may = new Promise((resolve) => {
    goOn = resolve;
  });
  let whenWaiting;
  const waiting = new Promise((resolve) => {
    whenWaiting = () => {
      resolve();
      return may;
    };
  });
  const ended = run([process.execPath, join(root, 'scripts/runtimes.mjs'), '--beside'], { whenWaiting });
  return { quiet: Promise.race([waiting, ended]), goOn, ended };
}

/** Shows what a run has printed; returns whether it did well. */
function shown({ status, output }) {
  process.stdout.write(output);
  return status === 0;
}

/**
 * Runs the files of tests that failed once more, one after the other and with nothing beside them: where three run at once on two
 * processors, one may take from another the time that it needs.
 * @returns the tests that passed then; they are counted as passed, and named
 */
async function repeatAlone(runs) {
  const failures = new Set(runs.flatMap(({ report }) => outcomes(readReport(report), 'failed')));
  const files = filesToRepeat(failures);
  const passed = [];
  if (files.length > 0) await runtimes?.quiet;
  for (const file of files) {
    const { report, command } = vitest('*', 'again', [file]);
    await step(`${file}, by itself`, command);
    passed.push(...outcomes(readReport(report), 'passed').filter((name) => failures.has(name)));
  }
  return passed;
}
