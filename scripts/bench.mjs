// The benchmark: installs what it needs, builds, measures.
import { spawnSync } from 'node:child_process';
import { asRoot, BENCH_PROGRAMS, build, debianPackages, npmPackages, root, SetupError } from './setup.mjs';

try {
  npmPackages();
  debianPackages(BENCH_PROGRAMS);
  build();
} catch (error) {
  console.error(error instanceof SetupError ? `bench: ${error.message}` : error);
  process.exit(1);
}
const command = asRoot(process.execPath, 'dist/bench/cable.js', ...process.argv.slice(2));
process.exit(spawnSync(command[0], command.slice(1), { cwd: root, stdio: 'inherit' }).status ?? 1);
