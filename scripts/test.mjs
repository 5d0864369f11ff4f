// All tests, on a machine that may have nothing but Node, npm and root: installs, builds, checks, tests.
// The last line is "N passed, N failed".
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { asRoot, prepare, root, TEST_PROGRAMS } from './setup.mjs';

const REPORT = join(root, 'build/test-report.json');

function end(passed, failed) {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

function step(name, command) {
  console.log(`test: ${name}`);
  const { status } = spawnSync(command[0], command.slice(1), { cwd: root, stdio: 'inherit' });
  return status === 0;
}

if (!prepare('test', TEST_PROGRAMS)) end(0, 1);

const bin = (module) => [process.execPath, join(root, 'node_modules', module)];
const checks = [
  step('lint and format', [...bin('@biomejs/biome/bin/biome'), 'check', '--error-on-warnings', '.']),
  step('types', [...bin('typescript/bin/tsc'), '--noEmit']),
  step('types of the page', [...bin('typescript/bin/tsc'), '--noEmit', '-p', 'site']),
];

mkdirSync(join(root, 'build'), { recursive: true });
rmSync(REPORT, { force: true });
// Namespaces and taps need root.
const vitest = asRoot(
  ...bin('vitest/vitest.mjs'),
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile=${REPORT}`,
);
const tested = step('all tests', [...vitest, ...process.argv.slice(2)]);

let passed = 0;
let failed = checks.filter((good) => !good).length;
try {
  const report = JSON.parse(readFileSync(REPORT, 'utf8'));
  passed = report.numPassedTests;
  failed += report.numTotalTests - report.numPassedTests;
} catch (error) {
  console.error(`test: no report: ${error.message}`);
}
if (!tested && failed === 0) failed = 1; // a file that could not be loaded has no tests to count
end(passed, failed);
