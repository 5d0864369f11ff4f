// The benchmark: installs what it needs, builds, and asks one question after the other. bench/README.md describes each.
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { installRuntimes } from './install-runtimes.mjs';
import { asRoot, BENCH_PROGRAMS, prepare, root, SetupError } from './setup.mjs';

const ROUNDS_MAX = 1_000;
const QUESTIONS = {
  core: { root: false, runtimes: true },
  cable: { root: true, runtimes: true },
  peers: { root: true, runtimes: false },
  fair: { root: true, runtimes: false },
  hub: { root: true, runtimes: false },
  phones: { root: true, runtimes: false },
  start: { root: true, runtimes: false },
  udp: { root: false, runtimes: true },
  handshakes: { root: false, runtimes: true },
  fleet: { root: false, runtimes: false },
  'fleet-run': { root: true, runtimes: false },
};
function refuse(why) {
  const names = Object.keys(QUESTIONS).join(' | ');
  console.error(`bench: ${why}: say npm run bench -- [${names}] [--quick] [--rounds N] [--out DIRECTORY]`);
  process.exit(2);
}

function asked() {
  let parsed;
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: { quick: { type: 'boolean' }, rounds: { type: 'string' }, out: { type: 'string' } },
    });
  } catch (error) {
    refuse(error.message.split(/[.\n]/)[0]);
  }
  const { positionals, values } = parsed;
  for (const name of positionals) if (!Object.hasOwn(QUESTIONS, name)) refuse(`'${name}' is not a question`);
  const { quick, rounds, out } = values;
  if (rounds !== undefined && !(/^\d{1,4}$/.test(rounds) && rounds >= 1 && rounds <= ROUNDS_MAX))
    refuse(`'${rounds}' is not a number of rounds from 1 to ${ROUNDS_MAX}`);
  if (out === '') refuse('--out is empty');
  return {
    names: positionals.length > 0 ? [...new Set(positionals)] : Object.keys(QUESTIONS),
    options: [
      ...(quick ? ['--quick'] : []),
      ...(rounds === undefined ? [] : ['--rounds', rounds]),
      ...(out === undefined ? [] : ['--out', resolve(out)]),
    ],
  };
}

/** Goes on without other runtimes where they cannot be had, and says so. */
function otherRuntimes() {
  try {
    installRuntimes(['bun', 'deno']);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.log(`bench: bun and deno are left out: ${error.message}`);
  }
}

let child;
let interrupted = false;
// A terminal signals the child as well; everybody else signals this one.
for (const signal of ['SIGINT', 'SIGTERM'])
  process.on(signal, () => {
    interrupted = true;
    child?.kill(signal);
  });

function ask(name, options) {
  const script = [process.execPath, `dist/bench/${name}.js`, ...options];
  const [program, ...args] = QUESTIONS[name].root ? asRoot(...script) : script;
  return new Promise((done) => {
    child = spawn(program, args, { cwd: root, stdio: 'inherit' });
    child.on('exit', (status) => done(status ?? 1));
  });
}

const { names, options } = asked();
if (!prepare('bench', names.some((name) => QUESTIONS[name].root) ? BENCH_PROGRAMS : {})) process.exit(1);
if (names.some((name) => QUESTIONS[name].runtimes)) otherRuntimes();
for (const name of names) {
  console.log(`\nbench: ${name}`);
  const status = await ask(name, options);
  if (interrupted) process.exit(130);
  if (status !== 0) {
    console.error(`bench: ${name} failed: see what it said above`);
    process.exit(1);
  }
}
