// What to run after each change: npm run check. Builds, then looks at the format and the types while the quick tests run.
// What it prints is each part's own; the last line says what failed.
import { join } from 'node:path';
import { run } from './children.mjs';
import { compiledPlace } from './compiled.mjs';
import { root } from './setup.mjs';

const bin = (module) => join(root, 'node_modules', module);
const TSC = bin('typescript/bin/tsc');
/** Types that were looked at before are not looked at again where nothing has changed. */
const types = (project, name) => [TSC, '--noEmit', '-p', project, '--incremental', ...known(name)];
const known = (name) => ['--tsBuildInfoFile', join(root, `build/${name}.tsbuildinfo`)];

const WORKERS = '--maxWorkers=100%';
/** Modules that have not changed, nor how they are compiled, are not compiled again. */
const COMPILED = ['fsModuleCache', `fsModuleCachePath=${compiledPlace(root)}`].map(
  (option) => `--experimental.${option}`,
);
const BUILD = ['build', [join(root, 'scripts/build.mjs'), '--keep-core']];
const CHECKS = [
  [
    'quick tests',
    [bin('vitest/vitest.mjs'), 'run', '--project', 'quick', '--no-isolate', WORKERS, ...COMPILED],
  ],
  ['lint and format', [bin('@biomejs/biome/bin/biome'), 'check', '--error-on-warnings', '.']],
  ['types', types('.', 'types')],
  ['types of the page', types('site', 'types-of-the-page')],
];

/** Runs a part; what it prints comes at once, or as a whole at its end where it fails. Returns its name where it fails. */
async function part([name, args], shown) {
  const { status, output } = await run([process.execPath, ...args], { shown });
  if (status === 0) return undefined;
  process.stdout.write(output);
  return name;
}

const unbuilt = await part(BUILD, true);
const [tests, ...others] = CHECKS;
const results = unbuilt
  ? [unbuilt]
  : await Promise.all([part(tests, true), ...others.map((one) => part(one, false))]);
const failed = results.filter((name) => name !== undefined);
console.log(failed.length === 0 ? 'check: all is well' : `check: failed: ${failed.join(', ')}`);
process.exit(failed.length === 0 ? 0 : 1);
