// The demos of several machines, to their ends: what they show is there. What `npm run demo` alone shows is tried on each runtime.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const MINUTES_10 = 600_000;

/** What a demo prints, when it has ended by itself. It ends what it has started, also by SIGTERM. */
async function plays(name: string): Promise<string> {
  const demo = spawn(process.execPath, [join(root, `dist/lab/${name}.js`)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: MINUTES_10,
  });
  let printed = '';
  demo.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const [status] = await once(demo, 'close');
  console.log(printed);
  expect([status, printed.trim().split('\n').at(-1)]).toEqual([
    0,
    'done: everything that the demo started is gone',
  ]);
  return printed;
}

test('a fleet of servers', async () => {
  const printed = await plays('fleet-demo');
  const gaps = [...printed.matchAll(/^ {2}(.*): (\d+) ms without an answer at most/gm)];
  const of = (what: RegExp) =>
    gaps.filter(([, title = '']) => what.test(title)).map(([, , ms]) => Number(ms));
  expect(gaps.length).toBe(8);
  // docs/fleet.md has what is usual; this holds on a machine that does other things as well.
  for (const gap of of(/another address|drained|etcd|balancer|fourth/)) expect(gap).toBeLessThan(5_000);
  expect(of(/killed/)[0]).toBeLessThan(10_000);
  const counts = [...printed.matchAll(/^ {2}server \d: (\d+) clients$/gm)].map(([, count]) => Number(count));
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(20);
  expect(printed).toMatch(/SHA-256 the same/);
  expect(printed).toMatch(/cut off \d+ ms later/);
}, 660_000);

test('a network of four machines', async () => {
  const printed = await plays('network-demo');
  expect(printed).toMatch(/ben pings the machine: answered/);
  expect(printed).toMatch(/ip link show type bridge; nft list tables\n {4}\(nothing\)/);
}, 660_000);
