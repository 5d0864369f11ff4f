// Children of a script: they get the signals that it gets, and it waits for them.
import { spawn } from 'node:child_process';
import { root } from './setup.mjs';

const children = new Set();
let stopped = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => {
    stopped = true;
    for (const child of children) child.kill(signal);
  });

/** Whether the script has been told to end. */
export const isStopped = () => stopped;

/**
 * Runs a command to its end.
 * @param {string[]} command
 * @param {{ env?: object, shown?: boolean, timeout?: number, input?: Promise<void> }} [options] shown: what it prints is shown at once;
 *   input: when this resolves, its standard input ends, which is empty from the start otherwise
 * @returns {Promise<{ status: number | string, output: string }>} its status, or the signal that ended it, and what it printed
 */
export function run([program, ...args], { env, shown = false, timeout, input } = {}) {
  const output = shown ? 'inherit' : 'pipe';
  const child = spawn(program, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', output, output],
    timeout,
  });
  children.add(child);
  input?.then(() => child.stdin.destroy());
  child.stdin?.on('error', () => {}); // it has ended: 'close' follows
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
