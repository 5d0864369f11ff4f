// How the I/O threads are scheduled: what they ask of the kernel, and what they have where they may not.
import { readdirSync, readFileSync } from 'node:fs';
import { getPriority, release } from 'node:os';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import type { Process } from '../../../lab/process.js';

/** What the I/O threads alone have. */
const SCHED_BATCH = '3';
const [NICE, POLICY] = [18, 40]; // fields of /proc/PID/stat, counted from 0
const SLICE = /^se\.slice *: *(\d+)$/m;
/** The shortest slice that Linux gives, ns. */
const SHORTEST = '100000';
const [major = 0, minor = 0] = release().split('.').map(Number);
/** Before that, nobody gets a slice of its own. */
const SLICES = major > 6 || (major === 6 && minor >= 12);

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

/** The nice values of the I/O threads. */
function scheduled({ pid }: Process): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    const of = (file: string) => readFileSync(`/proc/${pid}/task/${thread}/${file}`, 'utf8');
    const stat = of('stat')
      .replace(/\(.*\)/, 'name')
      .split(' ');
    if (stat[POLICY] !== SCHED_BATCH) return [];
    const [, slice] = (SLICES && SLICE.exec(of('sched'))) || [];
    if (slice !== undefined) expect(slice).toBe(SHORTEST);
    return [Number(stat[NICE])];
  });
}

/** A command that gives a program this nice value, whatever that of the tests is. */
const niced = (value: number): readonly string[] => ['nice', '-n', String(value - getPriority())];

async function serve(by: readonly string[], ...args: readonly string[]): Promise<Process> {
  const server = hub.start([...by, ...cryptcab, '-s', hub.switchPath, '-P', keyFile, '-v', ...args]);
  await server.prints(/waiting for clients/);
  return server;
}

test.each([0, 5])(
  'the threads of a server that is not behind, started with the nice value %i',
  async (nice) => {
    const server = await serve(niced(nice), '--threads', '2');
    expect(scheduled(server)).toEqual([nice, nice]);
  },
);

test('the thread of a client', async () => {
  await serve([]);
  const cable = client.start([
    ...niced(0),
    ...cryptcab,
    ...['-s', client.switchPath, '-P', keyFile, '-c', client.link.hub4, '-v'],
  ]);
  await cable.prints(/the cable is up/);
  expect(scheduled(cable)).toEqual([0]);
});
