// The main job before your eyes, on a machine that may have nothing but Node, npm and root; `fleet` shows several servers as one.
import { spawnSync } from 'node:child_process';
import {
  asRoot,
  build,
  DEMO_PROGRAMS,
  debianPackages,
  FLEET_PROGRAMS,
  npmPackages,
  root,
  SetupError,
} from './setup.mjs';

const [what, ...more] = process.argv.slice(2);
if (more.length > 0 || (what !== undefined && what !== 'fleet')) {
  console.error('demo: say npm run demo, or npm run demo -- fleet');
  process.exit(2);
}
const fleet = what === 'fleet';
let standIn = [];
try {
  npmPackages();
  try {
    debianPackages(fleet ? FLEET_PROGRAMS : DEMO_PROGRAMS);
  } catch (error) {
    if (fleet || !(error instanceof SetupError)) throw error;
    standIn = ['--stand-in', error.message];
  }
  build();
} catch (error) {
  console.error(error instanceof SetupError ? `demo: ${error.message}` : error);
  process.exit(1);
}
const program = fleet ? 'fleet-demo' : 'demo';
const demo = [process.execPath, `dist/lab/${program}.js`, ...standIn];
const command = standIn.length > 0 ? demo : asRoot(...demo);
process.exit(spawnSync(command[0], command.slice(1), { cwd: root, stdio: 'inherit' }).status ?? 1);
