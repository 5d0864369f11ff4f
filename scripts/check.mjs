// What to run after each change: npm run check. Builds, then looks at the format and the types while the quick tests run.
// What it prints is each part's own; the last line says what failed.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root } from './setup.mjs';

const bin = (module) => join(root, 'node_modules', module);
const TSC = bin('typescript/bin/tsc');
/** Types that were looked at before are not looked at again where nothing has changed. */
const types = (project, name) => [TSC, '--noEmit', '-p', project, '--incremental', ...known(name)];
const known = (name) => ['--tsBuildInfoFile', join(root, `build/${name}.tsbuildinfo`)];

const WORKERS = '--maxWorkers=100%';
const BUILD = ['build', [join(root, 'scripts/build.mjs'), '--keep-core']];
const CHECKS = [
  ['quick tests', [bin('vitest/vitest.mjs'), 'run', '--project', 'quick', '--no-isolate', WORKERS]],
  ['lint and format', [bin('@biomejs/biome/bin/biome'), 'check', '--error-on-warnings', '.']],
  ['types', types('.', 'types')],
  ['types of the page', types('site', 'types-of-the-page')],
];

const children = new Set();
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => {
    for (const child of children) child.kill(signal);
  });

/** Runs a part; what it prints comes at once, or as a whole at its end. Returns its name where it fails. */
function run([name, args], atOnce) {
  const output = atOnce ? 'inherit' : 'pipe';
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', output, output] });
  children.add(child);
  const printed = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes) => printed.push(bytes));
  return new Promise((resolve) => {
    child.on('close', (status) => {
      children.delete(child);
      if (status !== 0) process.stdout.write(Buffer.concat(printed));
      resolve(status === 0 ? undefined : name);
    });
  });
}

const unbuilt = await run(BUILD, true);
const [tests, ...others] = CHECKS;
const results = unbuilt
  ? [unbuilt]
  : await Promise.all([run(tests, true), ...others.map((one) => run(one, false))]);
const failed = results.filter((name) => name !== undefined);
console.log(failed.length === 0 ? 'check: all is well' : `check: failed: ${failed.join(', ')}`);
process.exit(failed.length === 0 ? 0 : 1);
