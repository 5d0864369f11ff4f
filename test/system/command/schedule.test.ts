// How the I/O threads are scheduled: what they ask of the kernel, and what they have where they may not.
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import type { Process } from '../../../lab/process.js';

const SCHED_BATCH = 3;
/** The shortest slice that Linux gives, which it does from 6.12 on; ns. */
const SLICE_NS = 100_000;
const [NICE, POLICY] = [18, 40]; // fields of /proc/PID/stat, which are counted from 1 there

let lab: Lab;
let hub: Host;
let client: Host;
let keyFile: string;

beforeEach(async () => {
  lab = new Lab(2, 'auto');
  [hub, client] = lab.hosts as [Host, Host];
  keyFile = lab.keyFile('key', new Uint8Array(24).fill(9));
  await Promise.all(lab.hosts.map((host) => host.startSwitch()));
});

afterEach(() => lab.close());

interface Scheduled {
  readonly nice: number;
  readonly slice: number;
}

/** The I/O threads of a cable, which alone are SCHED_BATCH. */
function scheduled({ pid }: Process): readonly Scheduled[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    const of = (file: string) => readFileSync(`/proc/${pid}/task/${thread}/${file}`, 'utf8');
    const stat = of('stat')
      .replace(/\(.*\)/, 'name')
      .split(' ');
    if (Number(stat[POLICY]) !== SCHED_BATCH) return [];
    const [, slice = SLICE_NS] = /^se\.slice *: *(\d+)/m.exec(of('sched')) ?? [];
    return [{ nice: Number(stat[NICE]), slice: Number(slice) }];
  });
}

async function serve(by: readonly string[], ...args: readonly string[]): Promise<Process> {
  const server = hub.start([...by, ...cryptcab, '-s', hub.switchPath, '-P', keyFile, '-v', ...args]);
  await server.prints(/waiting for clients/);
  return server;
}

test.each([
  ['as root', [], -10],
  ['without the right to it', ['setpriv', '--bounding-set=-sys_nice'], 0],
  ['with a value of its own', ['nice', '-n', '5'], 5],
])('the threads of a server, %s', async (_who, by, nice) => {
  const server = await serve(by, '--threads', '2');
  expect(scheduled(server)).toEqual(Array(2).fill({ nice, slice: SLICE_NS }));
});

test('the thread of a client goes before nothing else', async () => {
  await serve([]);
  const cable = client.cryptcab(['-P', keyFile, '-c', client.link.hub4, '-v']);
  await cable.prints(/the cable is up/);
  expect(scheduled(cable)).toEqual([{ nice: 0, slice: SLICE_NS }]);
});
