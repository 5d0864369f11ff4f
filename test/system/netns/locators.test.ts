// What a cable may be plugged into besides a switch and a tap: a network card, a child, our own standard streams.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { pieces, transfer } from '../../../lab/checks.js';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import { type Process, run, until } from '../../../lab/process.js';
import { randomness, seed } from '../../support/seed.js';

const BYTES = 20_000_000;
const random = randomness();
let lab: Lab;
let keyFile: string;

afterEach(() => lab.close());

/** Two hosts with a cable's end each. */
function open(io: string | undefined): [Host, Host] {
  lab = new Lab(2, io);
  keyFile = lab.keyFile('key', random.bytes(44));
  return lab.hosts as [Host, Host];
}

async function startServer(hub: Host, locator: string, ...more: string[]): Promise<Process> {
  const server = hub.cryptcab(['-s', locator, '-P', keyFile, '-v', ...more]);
  await server.prints(/waiting for clients/);
  return server;
}

async function startClient(client: Host, locator: string, ...more: string[]): Promise<Process> {
  const cable = client.cryptcab(['-s', locator, '-P', keyFile, '-c', client.link.hub4, '-v', ...more]);
  await cable.prints(/the cable is up/);
  return cable;
}

async function moves(from: Host, to: Host): Promise<void> {
  const { sent, received } = await transfer(from, to, { bytes: BYTES }, seed);
  expect(received.sha256).toBe(sent.sha256);
}

/** One line that says why it does not start. */
async function refuses(process: Process): Promise<string> {
  expect(await process.exited).toBe(1);
  const lines = process.output.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  expect(lines).toHaveLength(1);
  return lines[0] as string;
}

/** A network card of a host, and behind it what is on its wire: a namespace's end of a veth pair, called tap0. */
function addCard(host: Host, wire: Host): void {
  // From outside: namespaces have their names in the machine's /run.
  const peer = ['peer', 'name', 'tap0', 'netns', wire.namespace];
  run('ip', '-n', host.namespace, 'link', 'add', 'eth1', 'type', 'veth', ...peer);
  host.run('ip', 'link', 'set', 'eth1', 'up');
  wire.run('ip', 'link', 'set', 'tap0', 'address', wire.mac, 'mtu', '1400', 'up');
  wire.run('ip', 'address', 'add', `${wire.inner}/24`, 'dev', 'tap0');
}

test('nic:// carries what is on the wire of a card, both ways, and nothing of this machine', async () => {
  const [hub, client] = open('native');
  const wire = lab.addHost();
  addCard(client, wire);
  hub.makeTap();
  await startServer(hub, 'tap://tap0');
  await startClient(client, 'nic://eth1');
  await wire.reaches(hub.inner);
  await moves(wire, hub);
  await moves(hub, wire);
  // Over a veth pair they come uncut.
  const { sent, came } = await pieces(wire, hub, { bytes: 1200, each: 20, short: 700, mbit: 8, seconds: 1 });
  expect(came).toMatchObject({ datagrams: sent.datagrams, bytes: sent.bytes, wrong: 0 });
  // What this machine sends out by the card is on the wire alone, and not in the cable.
  const before = hub.tapped('rx');
  client.run('ip', 'address', 'add', '10.99.0.1/24', 'dev', 'eth1');
  client.run(
    'ip',
    'neighbour',
    'add',
    '10.99.0.9',
    'lladdr',
    '02:00:00:00:00:99',
    'dev',
    'eth1',
    'nud',
    'permanent',
  );
  await client.start(['ping', '-n', '-c', '3', '-i', '0.1', '-W', '0.1', '10.99.0.9']).exited;
  const mark = hub.tapped('rx') - before;
  expect(mark).toBeLessThan(3);
});

test('nic:// keeps the tag of a VLAN', async () => {
  const [hub, client] = open('native');
  const wire = lab.addHost();
  addCard(client, wire);
  hub.makeTap();
  await startServer(hub, 'tap://tap0');
  await startClient(client, 'nic://eth1');
  await wire.reaches(hub.inner);
  const recorder = hub.start([
    'tshark',
    '-l',
    '-i',
    'tap0',
    '-f',
    'vlan',
    '-T',
    'fields',
    '-e',
    'vlan.id',
    '-e',
    'vlan.priority',
    '-e',
    'data.data',
  ]);
  const frame = `{ eth(da=ff:ff:ff:ff:ff:ff, sa=${wire.mac}, type=0x8100), 0xa0, 0x07, 0x88, 0xb5, fill(0x5a, 60) }`;
  const conf = join(lab.directory, 'frame.cfg');
  writeFileSync(conf, frame);
  await until('a tagged frame comes', async () => {
    await wire.start([
      'trafgen',
      '--dev',
      'tap0',
      '--conf',
      conf,
      '--cpus',
      '1',
      '--num',
      '1',
      '--no-sock-mem',
    ]).exited;
    return /^7\t5\t5a5a/m.test(recorder.output);
  });
});

test('a network card that goes down and comes up, and one that is not there', async () => {
  const [hub, client] = open('native');
  const wire = lab.addHost();
  addCard(client, wire);
  hub.makeTap();
  await startServer(hub, 'tap://tap0');
  const cable = await startClient(client, 'nic://eth1');
  await wire.reaches(hub.inner);
  client.run('ip', 'link', 'set', 'eth1', 'down');
  await cable.prints(/the network card eth1 is down/);
  client.run('ip', 'link', 'set', 'eth1', 'up');
  await wire.reaches(hub.inner, 30_000);
  client.run('ip', 'link', 'del', 'eth1');
  await cable.prints(/there is no network card eth1: see ip link/);
  addCard(client, wire);
  await wire.reaches(hub.inner, 30_000);
  const start = (locator: string, ...more: string[]) =>
    client.start([...cryptcab, '-P', keyFile, '-p', '7777', '-s', locator, ...more]);
  const late = start('nic://eth9');
  await late.prints(/there is no network card eth9: see ip link, .*; waiting for it/);
  client.run('ip', 'link', 'add', 'eth9', 'up', 'type', 'veth', 'peer', 'name', 'eth9-wire');
  await late.prints(/the switch is there now: going on/);
  expect(await late.stop()).toBe(0);
  expect(await refuses(start('nic://eth9x', '--now'))).toMatch(
    /: there is no network card eth9x: see ip link/,
  );
  expect(await refuses(start('nic://lo'))).toMatch(/: lo carries no frames of Ethernet/);
  expect(await refuses(start('nic://eth1', '--io', 'portable'))).toMatch(
    /: nic:\/\/eth1 is for the native I\/O path alone: leave --io portable out/,
  );
});

describe.each(['native', 'portable'] as const)('%s', (io) => {
  test('cmd: carries frames on the standard streams of a child, and starts it again', async () => {
    const [hub, client] = open(io);
    await Promise.all([hub, client].map((host) => host.startSwitch()));
    await startServer(hub, hub.switchPath);
    const cable = await startClient(client, `cmd:exec vde_plug ${client.switchPath}`);
    await client.reaches(hub.inner);
    await moves(client, hub);
    await moves(hub, client);
    const [child] = client.run('pgrep', '-P', String(cable.pid)).trim().split('\n');
    client.run('kill', child as string);
    await cable.prints(/the command of cmd: is gone/);
    await client.reaches(hub.inner, 30_000);
    expect(await cable.stop()).toBe(0);
  });

  test('a command that fails says why', async () => {
    const [hub] = open(io);
    const server = hub.start([
      ...cryptcab,
      '--io',
      io,
      '-P',
      keyFile,
      '-s',
      'cmd:echo it is no use >&2; exit 3',
    ]);
    expect(await refuses(server)).toMatch(
      /: the command of cmd: is gone, it ended with status 3: it is no use/,
    );
  });

  test('stdio: carries frames on our own, and ends with them', async () => {
    const [hub, client] = open(io);
    await Promise.all([hub, client].map((host) => host.startSwitch()));
    await startServer(hub, hub.switchPath);
    const command = [...cryptcab, '-s', 'stdio:', '-P', keyFile, '-c', client.link.hub4, '--io', io, '-v'];
    const pipe = client.start(['dpipe', 'vde_plug', client.switchPath, '=', ...command]);
    await pipe.prints(/the cable is up/);
    await client.reaches(hub.inner);
    await moves(client, hub);
    await moves(hub, client);
    client.run('pkill', '-f', `^vde_plug ${client.switchPath}`);
    await pipe.prints(/ends: standard input has ended/);
    await pipe.exited;
  });
});

test('stdio: does not go with -d, and not with a terminal', async () => {
  const [hub] = open(undefined);
  const daemon = hub.start([...cryptcab, '-s', 'stdio:', '-P', keyFile, '-d']);
  expect(await daemon.exited).toBe(2);
  expect(daemon.output).toMatch(/-d and -s stdio: exclude each other: what runs in the background/);
  const terminal = hub.start([
    'script',
    '-qec',
    [...cryptcab, '-s', 'stdio:', '-P', keyFile].join(' '),
    '/dev/null',
  ]);
  expect(await terminal.exited).toBe(1);
  expect(terminal.output).toMatch(/stdio: is for a pipe/);
});
