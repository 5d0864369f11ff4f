// Keeps cables up on a bad network for some minutes: installs what it needs, builds, soaks.
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { asRoot, DEMO_PROGRAMS, prepare, root } from './setup.mjs';

/** A week. */
const MINUTES_MAX = 10_080;

function refuse(why) {
  console.error(`soak: ${why}: say npm run soak -- --minutes N, with N from 0.5 to ${MINUTES_MAX}`);
  process.exit(2);
}

function minutesAsked() {
  let text;
  try {
    text = parseArgs({ options: { minutes: { type: 'string', default: '10' } } }).values.minutes;
  } catch (error) {
    refuse(error.message.split(/[.\n]/)[0]);
  }
  const minutes = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (!(minutes >= 0.5 && minutes <= MINUTES_MAX)) refuse(`'${text}' is not a number of minutes`);
  return minutes;
}

const minutes = minutesAsked();
if (!prepare('soak', DEMO_PROGRAMS)) process.exit(1);
const seed = process.env.CRYPTCAB_SEED ?? Math.floor(Math.random() * 2 ** 31);
const command = asRoot(process.execPath, 'dist/lab/soak.js', String(minutes), String(seed));
const child = spawn(command[0], command.slice(1), { cwd: root, stdio: 'inherit' });
// A terminal signals the child as well; everybody else signals this one.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (status) => process.exit(status ?? 1));
