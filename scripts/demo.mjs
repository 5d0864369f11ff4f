// The main job before your eyes, on a machine that may have nothing but Node, npm and root.
import { spawnSync } from 'node:child_process';
import { asRoot, build, DEMO_PROGRAMS, debianPackages, npmPackages, root, SetupError } from './setup.mjs';

let standIn = [];
try {
  npmPackages();
  try {
    debianPackages(DEMO_PROGRAMS);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    standIn = ['--stand-in', error.message];
  }
  build();
} catch (error) {
  console.error(error instanceof SetupError ? `demo: ${error.message}` : error);
  process.exit(1);
}
const demo = [process.execPath, 'dist/lab/demo.js', ...standIn];
const command = standIn.length > 0 ? demo : asRoot(...demo);
process.exit(spawnSync(command[0], command.slice(1), { cwd: root, stdio: 'inherit' }).status ?? 1);
