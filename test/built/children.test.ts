// Scripts that start others (scripts/children.mjs), and what becomes of all of them when one is told to end, or is killed.
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { afterEach, expect, test } from 'vitest';

const CHILDREN = JSON.stringify(new URL('../../scripts/children.mjs', import.meta.url).href);
const MODULE = ['--input-type=module', '-e'];
/** Begins a script: `node(CODE)` runs some, `script(CODE)` one that is a script as well. */
const BEGIN = `
  import { isStopped, run, startedBeside } from ${CHILDREN};
  const node = (code) => run([process.execPath, '-e', code], { shown: true });
  const script = (code, whenWaiting) =>
    run([process.execPath, ...${JSON.stringify(MODULE)}, code], { shown: true, whenWaiting });
`;
const ENDLESS = JSON.stringify("console.log('endless'); setTimeout(() => {}, 30_000)");

let started: ChildProcessByStdio<null, Readable, null>;
afterEach(() => started.kill('SIGKILL'));

/** Starts a script; what it and its own print is there when all of them have ended. */
function start(code: string): { prints: (text: string) => Promise<void>; all: Promise<string> } {
  started = spawn(process.execPath, [...MODULE, `${BEGIN}${code}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  started.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  return {
    prints: async (text) => {
      while (!printed.includes(text)) await once(started.stdout, 'data');
    },
    all: once(started, 'close').then(() => printed),
  };
}

test('one that is told to end starts no other command', async () => {
  const { prints, all } = start(`
    console.log((await node(${ENDLESS})).status);
    console.log((await node("console.log('another')")).status, isStopped());
  `);
  await prints('endless');
  started.kill('SIGTERM');
  expect(await all).toBe('endless\nSIGTERM\nSIGTERM true\n');
});

test.runIf(process.platform === 'linux')(
  'what a killed one has started ends as well',
  async () => {
    const { prints, all } = start(`await node(${ENDLESS})`);
    await prints('endless');
    started.kill('SIGKILL');
    expect(await all).toBe('endless\n');
  },
  10_000,
);

const WAITING = JSON.stringify(`${BEGIN}
  const turn = startedBeside();
  await turn();
  console.log('goes on', isStopped());
  process.exit();
`);

test('one that waits goes on when it may', async () => {
  const { all } = start(`await script(${WAITING}, async () => console.log('it waits'))`);
  expect(await all).toBe('it waits\ngoes on false\n');
});

test('one that waits for ever ends when it is told to', async () => {
  const { prints, all } = start(`
    await script(${WAITING}, () => { console.log('it waits'); return new Promise(() => {}); });
    process.exit();
  `);
  await prints('it waits');
  started.kill('SIGTERM');
  expect(await all).toBe('it waits\ngoes on true\n');
});

test('one whose starter was killed ends, and so does what it has started', async () => {
  const working = JSON.stringify(`${BEGIN}
    const turn = startedBeside();
    console.log((await node(${ENDLESS})).status);
    await turn();
    console.log('goes on', isStopped());
    process.exit();
  `);
  const { prints, all } = start(`await script(${working}, async () => {})`);
  await prints('endless');
  started.kill('SIGKILL');
  expect(await all).toBe('endless\nSIGTERM\ngoes on true\n');
});
