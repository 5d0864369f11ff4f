// All tests, on a machine that may have nothing but Node, npm and root: installs, builds, checks, tests.
// The last line is "N passed, N failed".
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { asRoot, prepare, root, TEST_PROGRAMS } from './setup.mjs';

function end(passed, failed) {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

const children = new Set();
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    interrupted = true;
    for (const child of children) child.kill(signal);
  });

/**
 * Runs a program; tells whether it did well.
 * @param {Buffer[]} [printed] keeps what it prints, to be shown later
 */
function run([program, ...args], printed) {
  const output = printed === undefined ? 'inherit' : 'pipe';
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', output, output] });
  children.add(child);
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes) => printed.push(bytes));
  return new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(`test: ${error.message}`);
      resolve(false);
    });
    child.on('close', (status) => {
      children.delete(child);
      resolve(status === 0);
    });
  });
}

async function step(name, command) {
  if (interrupted) return false;
  console.log(`test: ${name}`);
  return run(command);
}

if (!prepare('test', TEST_PROGRAMS)) end(0, 1);

const bin = (module) => [process.execPath, join(root, 'node_modules', module)];
const checks = [
  await step('lint and format', [...bin('@biomejs/biome/bin/biome'), 'check', '--error-on-warnings', '.']),
  await step('types', [...bin('typescript/bin/tsc'), '--noEmit']),
  await step('types of the page', [...bin('typescript/bin/tsc'), '--noEmit', '-p', 'site']),
];

/** A run of vitest on some of its projects, and where it leaves its report. Namespaces and taps need root. */
function vitest(project, name) {
  const report = join(root, `build/test-report-${name}.json`);
  rmSync(report, { force: true });
  const reporters = ['--reporter=test/reporter.ts', '--reporter=json', `--outputFile=${report}`];
  const chosen = ['--project', project, '--passWithNoTests', ...process.argv.slice(2)];
  return { report, command: asRoot(...bin('vitest/vitest.mjs'), 'run', ...reporters, ...chosen) };
}

mkdirSync(join(root, 'build'), { recursive: true });
const [asleep, awake] = [vitest('asleep', 'asleep'), vitest('!asleep', 'awake')];
const printed = [];
const sleeping = run(asleep.command, printed); // ten minutes in which it does next to nothing
const tested = [await step('all tests', awake.command)];
console.log('test: those beside them that sleep');
tested.push(await sleeping);
process.stdout.write(Buffer.concat(printed));
if (process.argv.length === 2)
  checks.push(await step('all runtimes', [process.execPath, 'scripts/runtimes.mjs']));

let passed = 0;
let failed = checks.filter((good) => !good).length;
for (const { report } of [awake, asleep]) {
  if (!existsSync(report)) continue;
  const { numPassedTests, numTotalTests } = JSON.parse(readFileSync(report, 'utf8'));
  passed += numPassedTests;
  failed += numTotalTests - numPassedTests;
}
// A file that could not be loaded has no tests to count.
if (failed === 0 && (passed === 0 || tested.includes(false))) failed = 1;
end(passed, failed);
