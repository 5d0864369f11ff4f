// The cable comes back by itself, whatever was restarted; three clients at one server see that it does.
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { transfer } from '../../../lab/checks.js';
import { type Host, Lab } from '../../../lab/lab.js';
import { type Process, until } from '../../../lab/process.js';
import { randomness, seed } from '../../support/seed.js';

const CLIENTS = 3;
/** Within this the cable should be back, ms. */
const BACK = 10_000;
const PORT = 7667;

const random = randomness();
let lab: Lab;
let hub: Host;
let clients: Host[];
let keyFile: string;
let switches: Process[];
let server: Process;
let cables: Process[];

async function startServer(): Promise<Process> {
  const process = hub.cryptcab(['-p', String(PORT), '-P', keyFile, '-v']);
  await process.prints(/waiting for clients/);
  return process;
}

async function startClient(host: Host): Promise<Process> {
  const process = host.cryptcab(['-c', `${host.link.hub4}:${PORT}`, '-P', keyFile, '-v']);
  await process.prints(/the cable is up/);
  return process;
}

/** Frames without end from one host to another, so that what happens, happens under load. */
async function load(from: Host, to: Host): Promise<Process> {
  const ping = from.start(['ping', '-n', '-i', '0.002', '-s', '1300', to.inner]);
  await ping.prints(/icmp_seq=[5-9]\d /);
  return ping;
}

async function back(what: string, hosts: Host[] = clients): Promise<void> {
  const times = await Promise.all(hosts.map((host) => host.reaches(hub.inner, BACK)));
  console.log(`${what}: back after ${times.map((ms) => Math.round(ms)).join(', ')} ms`);
}

/** The vde_plug children of a cable. */
function plugsOf(cable: Process): number[] {
  const children = readFileSync(`/proc/${cable.pid}/task/${cable.pid}/children`, 'utf8').trim();
  return children === '' ? [] : children.split(' ').map(Number);
}

describe.each(['portable', 'native'])('%s', (io) => {
  beforeEach(async () => {
    lab = new Lab(1 + CLIENTS, io);
    [hub, ...clients] = lab.hosts as [Host, ...Host[]];
    keyFile = lab.keyFile('key', random.bytes(24));
    switches = await Promise.all(lab.hosts.map((host) => host.startSwitch()));
    server = await startServer();
    cables = await Promise.all(clients.map(startClient));
    for (const host of clients) await host.reaches(hub.inner);
  });

  afterEach(() => lab.close());

  test('each client reaches the server and the others', async () => {
    for (const from of clients) for (const to of clients) if (from !== to) await from.reaches(to.inner);
    const { sent, received } = await transfer(
      clients[0] as Host,
      clients[1] as Host,
      { bytes: 5_000_000 },
      seed,
    );
    expect(received.sha256).toBe(sent.sha256);
    expect(plugsOf(server)).toHaveLength(io === 'native' ? 0 : CLIENTS);
  });

  test('server restarted under load', async () => {
    const ping = await load(clients[0] as Host, hub);
    expect(await server.stop()).toBe(0);
    server = await startServer();
    await back('server restarted');
    await ping.stop();
  });

  test('server killed and restarted under load', async () => {
    const ping = await load(clients[0] as Host, hub);
    await server.stop('SIGKILL');
    server = await startServer();
    await back('server killed');
    await ping.stop();
  });

  test('client restarted under load', async () => {
    const host = clients[0] as Host;
    const ping = await load(hub, host);
    expect(await (cables[0] as Process).stop()).toBe(0);
    cables[0] = await startClient(host);
    await back('client restarted');
    await ping.stop();
  });

  test('client killed and restarted under load', async () => {
    const host = clients[0] as Host;
    const ping = await load(hub, host);
    await (cables[0] as Process).stop('SIGKILL');
    cables[0] = await startClient(host);
    await back('client killed');
    await ping.stop();
  });

  for (const [end, index] of [
    ["the server's", 0],
    ["a client's", 1],
  ] as const) {
    test(`${end} switch restarted`, async () => {
      const ping = await load(clients[0] as Host, hub);
      const host = lab.host(index);
      await (switches[index] as Process).stop();
      await until('the cable tells that its switch is gone', () =>
        (index === 0 ? server : (cables[0] as Process)).output.includes('lost the switch'),
      );
      switches[index] = await host.startSwitch();
      await (index === 0 ? server : (cables[0] as Process)).prints(/plugged into the switch again/);
      await back(`${end} switch restarted`);
      await ping.stop();
    });

    if (io === 'portable')
      test(`${end} vde_plug killed`, async () => {
        const cable = index === 0 ? server : (cables[0] as Process);
        const ping = await load(clients[0] as Host, hub);
        const before = plugsOf(cable);
        for (const pid of before) process.kill(pid, 'SIGKILL');
        await until('other plugs run', () => {
          const now = plugsOf(cable);
          return now.length === before.length && now.every((pid) => !before.includes(pid));
        });
        await back(`${end} vde_plug killed`);
        await ping.stop();
      });
  }
});
