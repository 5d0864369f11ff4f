// The main job before your eyes, on a machine that may have nothing but Node, npm and root; a network of several clients; or a fleet of servers.
import { spawnSync } from 'node:child_process';
import {
  asRoot,
  build,
  DEMO_PROGRAMS,
  debianPackages,
  FLEET_PROGRAMS,
  NETWORK_PROGRAMS,
  npmPackages,
  root,
  SetupError,
} from './setup.mjs';

/** By the word that asks for each: what plays it, and the programs that it takes. The first one does without them as well. */
const DEMOS = {
  cable: { play: 'demo', programs: DEMO_PROGRAMS, standIn: true },
  network: { play: 'network-demo', programs: NETWORK_PROGRAMS },
  fleet: { play: 'fleet-demo', programs: FLEET_PROGRAMS },
};

const [word = 'cable', ...more] = process.argv.slice(2);
if (!Object.hasOwn(DEMOS, word) || more.length > 0) {
  console.error(`demo: say npm run demo, or npm run demo -- and one of ${Object.keys(DEMOS).join(', ')}`);
  process.exit(2);
}
const { play, programs, standIn: mayStandIn = false } = DEMOS[word];
let standIn = [];
try {
  npmPackages();
  try {
    debianPackages(programs);
  } catch (error) {
    if (!mayStandIn || !(error instanceof SetupError)) throw error;
    standIn = ['--stand-in', error.message];
  }
  build();
} catch (error) {
  console.error(error instanceof SetupError ? `demo: ${error.message}` : error);
  process.exit(1);
}
const demo = [process.execPath, `dist/lab/${play}.js`, ...standIn];
const command = standIn.length > 0 ? demo : asRoot(...demo);
process.exit(spawnSync(command[0], command.slice(1), { cwd: root, stdio: 'inherit' }).status ?? 1);
