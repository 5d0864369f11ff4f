// The benchmark: installs what it needs, builds, measures.
import { spawnSync } from 'node:child_process';
import { asRoot, BENCH_PROGRAMS, prepare, root } from './setup.mjs';

if (!prepare('bench', BENCH_PROGRAMS)) process.exit(1);
const command = asRoot(process.execPath, 'dist/bench/cable.js', ...process.argv.slice(2));
process.exit(spawnSync(command[0], command.slice(1), { cwd: root, stdio: 'inherit' }).status ?? 1);
