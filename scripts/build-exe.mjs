// One file with the runtime inside, for this kind of machine: npm run build:exe. Bun makes it: what it makes starts sooner
// and is smaller than what Node makes, and takes the I/O thread and koffi's library in.
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installRuntimes, runtimeProgram } from './install-runtimes.mjs';
import { prepare, root, SetupError } from './setup.mjs';

const FILE = join(root, 'build/exe/cryptcab');

if (!prepare('build:exe', {})) process.exit(1);
try {
  installRuntimes(['bun']);
} catch (error) {
  console.error(error instanceof SetupError ? `build:exe: ${error.message}` : error);
  process.exit(1);
}
const bundle = fileURLToPath(new URL('bundle-exe.mjs', import.meta.url));
const { status } = spawnSync(runtimeProgram('bun'), [bundle, FILE], { cwd: root, stdio: 'inherit' });
if (status !== 0) {
  console.error('build:exe: Bun did not make the file: see what it said above');
  process.exit(1);
}
const times = Array.from({ length: 10 }, () => {
  const from = performance.now();
  if (spawnSync(FILE, ['--version']).status !== 0) throw new Error(`${FILE} --version failed`);
  return performance.now() - from;
}).sort((a, b) => a - b);
const megabytes = (statSync(FILE).size / 1e6).toFixed(0);
console.log(
  `build/exe/cryptcab: ${megabytes} MB, starts in ${times[5].toFixed(0)} ms (--version, median of 10)`,
);
