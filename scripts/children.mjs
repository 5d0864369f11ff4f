// Children of a script: they get the signals that it gets, and it waits for them, and starts no more.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { root } from './setup.mjs';

/** What ends with this script, even if that is killed: the kernel sees to it. */
const GUARD =
  process.platform === 'linux' && existsSync('/usr/bin/setpriv')
    ? ['/usr/bin/setpriv', '--pdeathsig', 'TERM']
    : [];
const children = new Set();
const stopping = new AbortController(); // its reason is the signal

function stop(signal) {
  for (const child of children) child.kill(signal);
  stopping.abort(signal);
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop(signal));

/** Whether the script has been told to end. */
export const isStopped = () => stopping.signal.aborted;

/**
 * Runs a command to its end. Where the script has been told to end, none is started.
 * @param {string[]} command
 * @param {{ env?: object, shown?: boolean, timeout?: number, whenWaiting?: () => Promise<void> }} [options] shown: what it prints is
 *   shown at once; whenWaiting: it is a script that waits by startedBeside(); this is called then, and it goes on when this resolves
 * @returns {Promise<{ status: number | string, output: string }>} its status, or the signal that ended it, and what it printed
 */
export function run(command, { env, shown = false, timeout, whenWaiting } = {}) {
  if (isStopped()) return Promise.resolve({ status: stopping.signal.reason, output: '' });
  const output = shown ? 'inherit' : 'pipe';
  const [program, ...args] = [...GUARD, ...command];
  const child = spawn(program, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', output, output, ...(whenWaiting === undefined ? [] : ['ipc'])],
    timeout,
  });
  children.add(child);
  child.on('message', async () => {
    await whenWaiting();
    if (child.connected) child.send('go on', () => {}); // where it has ended meanwhile, 'close' follows
  });
  const printed = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes) => printed.push(bytes));
  return new Promise((resolve) => {
    child.on('error', (error) => {
      if (shown) console.error(error.message);
      else printed.push(Buffer.from(`${error.message}\n`));
    });
    child.on('close', (status, signal) => {
      children.delete(child);
      resolve({ status: status ?? signal, output: Buffer.concat(printed).toString() });
    });
  });
}

/**
 * Of a script that another one has started by run() with whenWaiting: it ends like by a signal when the other one has gone, however that was.
 * @returns {() => Promise<void>} tells the other one that this one waits; resolves when that says to go on, or when this one is to end
 */
export function startedBeside() {
  process.on('disconnect', () => stop('SIGTERM'));
  if (!process.connected) stop('SIGTERM');
  return () =>
    new Promise((resolve) => {
      process.once('message', resolve);
      stopping.signal.addEventListener('abort', resolve);
      if (isStopped()) resolve();
      if (process.connected) process.send('waits', () => {});
    });
}
