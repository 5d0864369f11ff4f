// Whether a process has ended; and `cryptcab drain`, which waits for that.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { drain } from '../../../src/cli/commands/drain.js';
import { endOf } from '../../../src/cli/run/process-life.js';
import { deferred } from '../../../src/deferred.js';
import { endStatus } from '../../support/status.js';
import { controls, open, place, useControls } from './control-fixture.js';

useControls();

let child: ChildProcess | undefined;
afterEach(() => child?.kill('SIGKILL'));

/** A process that runs until its input ends. */
function start(): { child: ChildProcess; pid: number; exited: Promise<unknown> } {
  child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
  return { child, pid: child.pid as number, exited: once(child, 'exit') };
}

test('a process that runs, and has ended', async () => {
  const { child, pid, exited } = start();
  const ended = endOf(pid);
  expect(ended?.()).toBe(false);
  child.stdin?.end();
  await exited;
  expect(ended?.()).toBe(true);
  expect(endOf(pid)).toBe(undefined);
});

test('a later process with its number is another one, and one that is only not asked for has ended', () => {
  const stat = (state: string, start: number) =>
    `7 (a (b) c) ${state} ${Array(18).fill(0).join(' ')} ${start} 0 0\n`;
  let now = stat('S', 100);
  const ended = endOf(7, () => now);
  expect(ended?.()).toBe(false);
  now = stat('R', 100);
  expect(ended?.()).toBe(false);
  now = stat('S', 200);
  expect(ended?.()).toBe(true);
  now = stat('Z', 100);
  expect(ended?.()).toBe(true);
});

test('a server is drained when its process has ended, not when its control socket has gone', async () => {
  const { child, pid } = start();
  const server = { name: '7', port: 7, pid };
  const asked = deferred();
  await open(7, {
    status: () => endStatus(server),
    drain() {
      setImmediate(asked.resolve); // when it is answered
      return 2;
    },
  });
  const order: string[] = [];
  const drained = drain('7', 1, place).then(({ out }) => order.push(out));
  await asked.promise;
  await Promise.all(controls.splice(0).map((control) => control.close()));
  await sleep(500); // so that it may be too early
  order.push('told to end');
  child.stdin?.end();
  await drained;
  expect(order).toEqual(['told to end', '7 has ended: 2 peers were told to go to another server\n']);
});
