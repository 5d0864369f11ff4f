// A server on several I/O threads: each client is on one of them, by its address or by the index that its messages bear.
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Host, Lab } from '../../../lab/lab.js';
import type { Process } from '../../../lab/process.js';
import { makeEnd, Peers, startSecureClient } from '../../../lab/secure-keys.js';
import { randomness } from '../../support/seed.js';

const THREADS = 3;
const PINGS = 60;

const random = randomness();
let lab: Lab;
let server: Process;
let roamer: Process;
const clients: Host[] = [];

/** How often each thread of the server has waited so far. */
function waits(): Map<string, number> {
  const tasks = `/proc/${server.pid}/task`;
  return new Map(
    readdirSync(tasks).map((task) => {
      const said = readFileSync(`${tasks}/${task}/status`, 'utf8');
      return [task, Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(said)?.[1])];
    }),
  );
}

/** The threads of the server that are woken by pings of a client. */
function wokenBy(client: Host): string[] {
  const before = waits();
  client.run('ping', '-n', '-q', '-c', String(PINGS), '-i', '0.02', '-W', '2', lab.host(0).inner);
  return [...waits()].flatMap(([task, now]) => (now - (before.get(task) ?? 0) >= PINGS ? [task] : []));
}

beforeAll(async () => {
  lab = new Lab(4, 'native');
  await Promise.all(lab.hosts.map((host) => host.startSwitch()));
  const [hub, ...others] = lab.hosts as [Host, ...Host[]];
  clients.push(...others);
  const key = lab.keyFile('key', random.bytes(44));
  const [ours, theirs] = ['server', 'client'].map((name) => makeEnd(lab, name, random.bytes));
  if (ours === undefined || theirs === undefined) throw new Error('no keys');
  const peers = new Peers(lab, [theirs.publicKey]);
  const secure = ['--secure', '--key', ours.keyFile, '--peers', peers.path];
  server = hub.cryptcab(['-P', key, ...secure, '-v', '--threads', String(THREADS)]);
  await server.prints(/"io":"native \(.*\), 3 threads"/);
  await server.prints(/waiting for clients/);
  const third = others[2] as Host;
  roamer = await startSecureClient(third, theirs, ours, third.link.hub4);
  for (const host of others.slice(0, 2)) {
    const client = host.cryptcab(['-P', key, '-c', host.link.hub4, '-v']);
    await client.prints(/the cable is up/);
  }
  for (const host of others) await host.reaches(hub.inner);
});

afterAll(() => lab?.close());

test('each classic client is on one thread, by its address', () => {
  const [one, two] = clients.slice(0, 2).map(wokenBy) as [string[], string[]];
  expect([one.length, two.length]).toEqual([1, 1]);
  expect(one).not.toEqual(two);
  expect(wokenBy(clients[0] as Host)).toEqual(one);
});

test('a client of the secure cable stays on its thread when its address changes', async () => {
  const host = clients[2] as Host;
  const before = wokenBy(host);
  expect(before.length).toBe(1);
  host.run('sysctl', '-qw', 'net.ipv4.conf.all.promote_secondaries=1');
  // By their addresses, 10.77.3.2 and 10.77.3.3 to .7 go to all three threads.
  for (const last of [3, 4, 5, 6, 7]) {
    const from = server.printed;
    host.run('ip', 'address', 'add', `10.77.3.${last}/24`, 'dev', host.device);
    host.run('ip', 'address', 'delete', `10.77.3.${last === 3 ? 2 : last - 1}/24`, 'dev', host.device);
    await host.reaches(lab.host(0).inner);
    if (last === 3)
      await server.prints(/"address":"10\.77\.3\.3:\d+".*"msg":"the peer has moved"/, 15_000, from);
    expect(wokenBy(host)).toEqual(before);
  }
  expect(roamer.output).not.toContain('no secure answer');
});

test('another server does not share the port unasked', async () => {
  const other = lab.host(0).cryptcab(['-x', '--threads', '2']);
  expect(await other.exited).toBe(1);
  expect(other.output).toContain('UDP port 7667 is in use');
});

test('ends within a second, with all its threads', async () => {
  const from = performance.now();
  expect(await server.stop()).toBe(0);
  expect(performance.now() - from).toBeLessThan(1_000);
});
