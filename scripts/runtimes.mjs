// The same tests on every runtime, and the table of what runs where: npm run test:runtimes [-- [NAME…] [--update]].
// --beside is for scripts/test.mjs: the tests take what processor time others leave, and the rest begins when that script says so.
// --update puts the table into docs/runtimes.md; without it, and with all runtimes, that page has to have this very table.
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { parseArgs } from 'node:util';
import { isStopped, run, startedBeside } from './children.mjs';
import { installRuntimes, RUNTIMES, runtimeProgram } from './install-runtimes.mjs';
import { filesToRepeat, outcomes, readReport } from './reports.mjs';
import { asRoot, prepare, root, SetupError, TEST_PROGRAMS } from './setup.mjs';

const VITEST = join(root, 'node_modules/vitest/vitest.mjs');
const MAIN = join(root, 'dist/command/main.js');
const EXE = join(root, 'build/exe/cryptcab');
const PATH_OF_EXE = join(root, 'build/exe/path');
const PAGE = join(root, 'docs/runtimes.md');
const MARKS = ['<!-- runtimes: made by npm run test:runtimes -- --update -->', '<!-- /runtimes -->'];
const QUICK = ['test/quick/unit', 'test/quick/vectors', 'test/quick/protocol'];
/** With the C program at either end and with none, on both paths. */
const INTEROP = [
  'test/system/interop/classic.test.ts',
  '--project',
  'system',
  '-t',
  'preshared key, (native|portable)$',
];
/** What else the command does: keys, daemons, an enrolment by ssh. */
const COMMANDS = [
  'test/system/command/keys.test.ts',
  'test/system/command/daemon.test.ts',
  'test/system/command/signals.test.ts',
  'test/system/netns/enrol.test.ts',
  '--project',
  'system',
  '-t',
  'makes p|pubkey says|as daemons|opens no debugger|whose terminal was|nohup|nothing but a login|leaves the terminal, once|nobody reads holds',
];
/** As docs/runtimes.md has them. */
const PERMISSIONS = ['env', 'sys=hostname,uid,networkInterfaces', 'net', 'read', 'run=vde_plug', 'ffi'];
/** What all those commands want. */
const MORE_PERMISSIONS = ['env', 'sys', 'net', 'read', 'write', 'run', 'ffi'];
const PATIENCE_MS = 1_800_000; // the machine may be busy

const deno = runtimeProgram('deno');
const node = (name) => ({
  name: `Node ${RUNTIMES[name].version.split('.')[0]}`,
  install: name,
  is: `node ${RUNTIMES[name].version}`,
  vitest: [runtimeProgram(name), VITEST],
});
const onDeno = (permissions) => [
  ...[deno, 'run', '--quiet', '--no-prompt', ...permissions.map((name) => `--allow-${name}`)],
  MAIN,
];
const playing = (runtime, names) => names.map((name) => [...runtime, `dist/lab/${name}.js`]);
const command = (name, demos = ['demo']) => ({
  command: [runtimeProgram(name), MAIN],
  commands: [runtimeProgram(name), MAIN],
  plays: playing([runtimeProgram(name)], demos),
});

/**
 * By name. vitest: what runs vitest there; browser: vitest runs it by itself; command: what is run as the program in
 * the interop tests, commands: in those of other commands; plays: the command lines of demos.
 */
const ALL = {
  node20: { ...node('node20'), ...command('node20', ['demo', 'network-demo', 'fleet-demo']) },
  node22: node('node22'),
  node24: node('node24'),
  node26: { ...node('node26'), ...command('node26') },
  bun: {
    name: 'Bun',
    install: 'bun',
    is: `bun ${RUNTIMES.bun.version}`,
    vitest: [runtimeProgram('bun'), '--bun', VITEST],
    ...command('bun'),
  },
  deno: {
    name: 'Deno',
    install: 'deno',
    is: `deno ${RUNTIMES.deno.version}`,
    // The tests want all of it, and try the sockets that need a flag, too.
    vitest: [deno, 'run', '-A', '--unstable-net', VITEST],
    command: onDeno(PERMISSIONS),
    commands: onDeno(MORE_PERMISSIONS),
    plays: playing([deno, 'run', '--quiet', '-A'], ['demo']),
  },
  chromium: { name: 'Chromium', browser: true },
  exe: {
    name: 'one file',
    exe: true,
    command: ['/usr/bin/env', '-i', `PATH=${PATH_OF_EXE}`, EXE],
    commands: [EXE],
  },
};

function refuse(why) {
  console.error(
    `runtimes: ${why}: say npm run test:runtimes -- [${Object.keys(ALL).join(' | ')}] [--update]`,
  );
  process.exit(2);
}

const OPTIONS = { beside: { type: 'boolean' }, update: { type: 'boolean' } };

function asked() {
  let parsed;
  try {
    parsed = parseArgs({ allowPositionals: true, options: OPTIONS });
  } catch (error) {
    refuse(error.message.split(/[.\n]/)[0]);
  }
  const { positionals, values } = parsed;
  for (const name of positionals) if (!Object.hasOwn(ALL, name)) refuse(`'${name}' is no runtime`);
  if (values.update && positionals.length > 0) refuse('--update wants all of them');
  if (values.beside && !process.connected) refuse('--beside is for npm test');
  return { names: positionals.length > 0 ? positionals : Object.keys(ALL), ...values };
}

const runHere = (command, env) => run(command, { env: { NO_COLOR: '1', ...env }, timeout: PATIENCE_MS });

/**
 * Runs vitest, and prints what failed.
 * @returns how many tests passed and failed, and those of the latter that are known by name
 */
async function vitest(what, command, args, env) {
  const report = join(root, `build/runtimes/${what.replace(/\W+/g, '-')}.json`);
  rmSync(report, { force: true });
  const options = [
    'run',
    ...args,
    '--reporter=test/support/reporter.ts',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ];
  const { status, output } = await runHere([...command, ...options], env);
  const read = readReport(report);
  const { numPassedTests: passed = 0, numFailedTests = 1 } = read ?? {};
  const failed = Math.max(numFailedTests, status === 0 && passed > 0 ? 0 : 1);
  if (failed > 0 && !isStopped()) console.log(output);
  return { passed, failed, failures: outcomes(read, 'failed'), good: outcomes(read, 'passed') };
}

/**
 * Runs the quick tests on a runtime.
 * @param {string[]} before what starts the runtime's program
 * @param {string[]} [files] only these
 */
function quickTests({ name, is, vitest: runner }, before, files = []) {
  if (runner === undefined) {
    const options = ['--config', 'vitest.browser.config.ts', '--no-isolate', ...files];
    return vitest(name, [...before, process.execPath, VITEST], options);
  }
  const chosen = files.length > 0 ? files : QUICK;
  const options = [...chosen, '--project', 'quick', '--no-isolate', '--maxWorkers=1'];
  return vitest(name, [...before, ...runner], options, { CRYPTCAB_RUNTIME: is });
}

/** Runs files of which tests failed once more, with nothing beside them, as scripts/test.mjs does: what passes then counts as passed. */
async function repeatAlone(row, { passed, failed, failures }, files) {
  const { good } = await quickTests(row, [], files);
  const better = failures.filter((name) => good.includes(name));
  for (const name of better)
    console.log(`runtimes: ${row.name}: failed beside others, and passed by itself: ${name}`);
  note(row, 'tests', { passed: passed + better.length, failed: failed - better.length });
}

/** Ends the script where it was told to end. */
function endIfStopped() {
  if (isStopped()) process.exit(1);
}

/** Works through jobs, so many at once. */
async function each(jobs, atOnce) {
  const waiting = [...jobs];
  const work = async () => {
    while (waiting.length > 0 && !isStopped()) await waiting.shift()();
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  endIfStopped();
}

function note(row, suite, { passed, failed }) {
  if (isStopped()) return; // it was broken off
  row[suite] = { passed, failed };
  console.log(`runtimes: ${row.name}: ${suite}: ${passed} passed, ${failed} failed`);
}

async function version({ is, browser }) {
  if (is !== undefined) return is.split(' ')[1];
  if (!browser) return `Bun ${RUNTIMES.bun.version}`;
  return /\d+\.[\d.]+/.exec((await runHere(['/usr/bin/chromium', '--version'])).output)?.[0] ?? '?';
}

function vdePlug() {
  for (const directory of `${process.env.PATH}${delimiter}/usr/bin`.split(delimiter)) {
    const path = join(directory, 'vde_plug');
    try {
      readFileSync(path);
      return path;
    } catch {
      // not there
    }
  }
  throw new SetupError('there is no vde_plug');
}

function table(rows, cell) {
  const lines = rows.map((row) => {
    const cells = ['tests', 'interop', 'commands', 'demo'].map((suite) =>
      row[suite] ? cell(row[suite]) : '–',
    );
    return `| ${[row.name, row.version, ...cells].join(' | ')} |`;
  });
  return [
    '| runtime | version | unit, vector and protocol tests | interop with the C program | keys, `-d`, enrolment | demo |',
    '|---|---|---|---|---|---|',
    ...lines,
    '',
  ].join('\n');
}

/** Of versions the parts that the page promises: the browser's comes from Debian, and changes by itself. */
function inPage(rows) {
  return rows.map((row) => ({ ...row, version: row.browser ? 'headless, of Debian' : row.version }));
}

/** Compares the page's table with what came out, or puts it there. */
function pageHolds(rows, update) {
  const text = readFileSync(PAGE, 'utf8');
  const made = `${MARKS[0]}\n\n${table(inPage(rows), ({ failed }) => (failed === 0 ? 'pass' : 'fail'))}\n${MARKS[1]}`;
  const [from, to] = MARKS.map((mark) => text.indexOf(mark));
  if (from < 0 || to < 0) throw new Error(`docs/runtimes.md lacks the marks ${MARKS.join(' and ')}`);
  const there = text.slice(from, to + MARKS[1].length);
  if (there === made) return true;
  if (update)
    writeFileSync(
      PAGE,
      text.replace(there, () => made),
    );
  else console.log('runtimes: docs/runtimes.md has another table: run npm run test:runtimes -- --update');
  return update === true;
}

async function buildExe() {
  const { status, output } = await runHere([process.execPath, 'scripts/build-exe.mjs']);
  process.stdout.write(output);
  if (status !== 0) process.exit(1);
  rmSync(PATH_OF_EXE, { recursive: true, force: true });
  mkdirSync(PATH_OF_EXE);
  symlinkSync(vdePlug(), join(PATH_OF_EXE, 'vde_plug'));
}

/** Does what comes before the tests; where it cannot be done, says why in a line, and ends the script. */
async function first(step) {
  try {
    await step();
  } catch (error) {
    console.error(error instanceof SetupError ? `runtimes: ${error.message}` : error);
    process.exit(1);
  }
}

const { names, update, beside = false } = asked();
const myTurn = beside ? startedBeside() : undefined;
const chosen = names.map((name) => ALL[name]);
const needsExe = chosen.some(({ exe }) => exe);
if (!beside && !prepare('runtimes', TEST_PROGRAMS)) process.exit(1);
await first(async () => {
  installRuntimes(chosen.flatMap(({ install }) => install ?? []));
  mkdirSync(join(root, 'build/runtimes'), { recursive: true });
  if (needsExe) vdePlug(); // known to be there before anything takes long
  if (needsExe && !beside) await buildExe();
});

const rows = await Promise.all(chosen.map(async (entry) => ({ ...entry, version: await version(entry) })));
const repeats = [];
await each(
  rows
    .filter((row) => row.vitest !== undefined || row.browser)
    .map((row) => async () => {
      const result = await quickTests(row, beside ? ['nice', '-n', '19'] : []);
      note(row, 'tests', result);
      const files = filesToRepeat(result.failures);
      if (files.length > 0) repeats.push(() => repeatAlone(row, result, files));
    }),
  beside ? 1 : 2,
);
if (beside) {
  await myTurn();
  endIfStopped();
  if (needsExe) await first(buildExe);
}
await each(repeats, 1);
const as = (words) => `CRYPTCAB_COMMAND=${JSON.stringify(words)}`;
const here = (words) => asRoot('env', as(words), process.execPath, VITEST);
const commanded = rows.filter(({ command }) => command !== undefined);
// These mostly wait, and have all that is theirs to themselves.
await each(
  commanded.flatMap((row) => [
    async () => note(row, 'interop', await vitest(`${row.name} interop`, here(row.command), INTEROP)),
    async () => note(row, 'commands', await vitest(`${row.name} commands`, here(row.commands), COMMANDS)),
  ]),
  3,
);
await each(
  commanded
    .filter(({ plays }) => plays !== undefined)
    .map((row) => async () => {
      const result = { passed: 0, failed: 0 };
      for (const demo of row.plays) {
        const { status, output } = await runHere(asRoot('env', as(row.command), ...demo));
        if (status !== 0 && !isStopped()) console.log(output);
        result[status === 0 ? 'passed' : 'failed']++;
      }
      note(row, 'demo', result);
    }),
  1,
);

const result = table(rows, ({ passed, failed }) => (failed === 0 ? `${passed} passed` : `${failed} failed`));
writeFileSync(join(root, 'build/runtimes.md'), result);
console.log(`\n${result}`);
const failed = rows
  .flatMap(({ tests, interop, commands, demo }) => [tests, interop, commands, demo])
  .some((suite) => suite?.failed > 0);
const complete = names.length === Object.keys(ALL).length;
const agrees = !complete || pageHolds(rows, update);
process.exit(failed || !agrees ? 1 : 0);
