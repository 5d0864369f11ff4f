// The benchmark: installs what it needs, builds, and asks one question after the other. bench/README.md tells of each.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { asRoot, BENCH_PROGRAMS, prepare, root } from './setup.mjs';

const ROUNDS_MAX = 1_000;
const QUESTIONS = {
  core: { root: false, runtimes: true },
  cable: { root: true, runtimes: true },
  peers: { root: true, runtimes: false },
  start: { root: true, runtimes: false },
};
/** Versions of what is compared with Node. Kept out of package.json: 200 MB that nobody else needs. */
const RUNTIMES = { bun: '1.4.5', deno: '2.9.6' };

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

/** Installs other runtimes by npm; goes on without them where that cannot be, and says so. */
function installRuntimes() {
  const directory = join(root, 'build/runtimes');
  const manifest = join(directory, 'package.json');
  const wanted = JSON.stringify({ private: true, dependencies: RUNTIMES });
  if (existsSync(manifest) && readFileSync(manifest, 'utf8') === wanted) return;
  mkdirSync(directory, { recursive: true });
  console.log(`setup: npm install of bun ${RUNTIMES.bun} and deno ${RUNTIMES.deno} into build/runtimes`);
  try {
    writeFileSync(manifest, wanted);
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock', '--loglevel=error'], {
      cwd: directory,
      stdio: 'inherit',
    });
  } catch {
    writeFileSync(manifest, '{}'); // the next run tries again
    console.log('bench: npm did not install bun and deno, so that they are left out: see what it said above');
  }
}

let child;
let interrupted = false;
// A terminal tells the child as well; whoever else signals, signals this one.
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
if (names.some((name) => QUESTIONS[name].runtimes)) installRuntimes();
for (const name of names) {
  console.log(`\nbench: ${name}`);
  const status = await ask(name, options);
  if (interrupted) process.exit(130);
  if (status !== 0) {
    console.error(`bench: ${name} failed: see what it said above`);
    process.exit(1);
  }
}
