// How the I/O threads are scheduled: what they ask of the kernel, and what they have where they may not.
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import type { Process } from '../../../lab/process.js';

const SCHED_BATCH = '3';
const [NICE, POLICY] = [18, 40]; // fields of /proc/PID/stat, which are counted from 1 there
/** The shortest slice that Linux gives; before 6.12 nobody gets one of their own. */
const SHORTEST = /^se\.slice *: *100000$/m;

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

/** The nice values of the I/O threads, which alone ask for the shortest turns. */
function scheduled({ pid }: Process): readonly number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) => {
    const of = (file: string) => readFileSync(`/proc/${pid}/task/${thread}/${file}`, 'utf8');
    if (!SHORTEST.test(of('sched'))) return [];
    const stat = of('stat')
      .replace(/\(.*\)/, 'name')
      .split(' ');
    expect(stat[POLICY]).toBe(SCHED_BATCH);
    return [Number(stat[NICE])];
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
  expect(scheduled(server)).toEqual([nice, nice]);
});

test('the thread of a client goes before nothing else', async () => {
  await serve([]);
  const cable = client.cryptcab(['-P', keyFile, '-c', client.link.hub4, '-v']);
  await cable.prints(/the cable is up/);
  expect(scheduled(cable)).toEqual([0]);
});
