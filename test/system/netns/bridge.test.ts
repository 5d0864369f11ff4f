// bridge://: each client of a server has a tap of its own in a bridge of the kernel's.
import { afterEach, expect, test } from 'vitest';
import { transfer } from '../../../lab/checks.js';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import { type Process, run, until } from '../../../lab/process.js';
import { makeEnd, Peers } from '../../../lab/secure-keys.js';
import { randomness, seed } from '../../support/seed.js';

const BYTES = 20_000_000;
const random = randomness();
let lab: Lab;
let keyFile: string;

afterEach(() => lab.close());

/** A hub, and clients with a tap each. */
function open(clients: number): [Host, ...Host[]] {
  lab = new Lab(1 + clients, 'native');
  keyFile = lab.keyFile('key', random.bytes(44));
  const [hub, ...others] = lab.hosts as [Host, ...Host[]];
  for (const host of others) host.makeTap();
  return [hub, ...others];
}

async function startServer(hub: Host, ...more: string[]): Promise<Process> {
  const server = hub.cryptcab(['-s', 'bridge://br0', '-P', keyFile, '-v', ...more]);
  await server.prints(/waiting for clients/);
  return server;
}

async function startClient(client: Host): Promise<Process> {
  const cable = client.cryptcab(['-s', 'tap://tap0', '-P', keyFile, '-c', client.link.hub4, '-v']);
  await cable.prints(/the cable is up/);
  return cable;
}

const devices = (host: Host) => host.run('ls', '/sys/class/net').split(/\s+/);
const ports = (host: Host) => host.run('ls', '/sys/class/net/br0/brif').split(/\s+/).filter(Boolean);

/** One line that says why it does not start. */
async function refuses(process: Process): Promise<string> {
  expect(await process.exited).toBe(1);
  const lines = process.output.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  expect(lines).toHaveLength(1);
  return lines[0] as string;
}

test('clients reach each other and the hub; the bridge is made, and goes with the server', async () => {
  const [hub, one, two] = open(2) as [Host, Host, Host];
  const server = await startServer(hub);
  const cable = await startClient(one);
  await startClient(two);
  await server.prints(/"port":"br0p0","msg":"client is up"/);
  await server.prints(/"port":"br0p1","msg":"client is up"/);
  hub.run('ip', 'address', 'add', `${hub.inner}/24`, 'dev', 'br0');
  await one.reaches(two.inner);
  await two.reaches(hub.inner);
  for (const [from, to] of [
    [one, two],
    [two, one],
  ] as const) {
    const { sent, received } = await transfer(from, to, { bytes: BYTES }, seed);
    expect(received.sha256).toBe(sent.sha256);
  }
  // No address of the hub's on a port: it would speak to the peer by itself.
  expect(hub.run('ip', '-6', 'address', 'show', 'dev', 'br0p0')).toBe('');
  // A tap that somebody deletes is made again, in the bridge.
  hub.run('ip', 'link', 'delete', 'br0p0');
  await until('there are two again', () => ports(hub).length === 2);
  await one.reaches(two.inner, 30_000);
  expect(await cable.stop()).toBe(0);
  expect(await server.stop()).toBe(0);
  expect(devices(hub)).not.toContain('br0');
});

test('containers on two hosts, each host with a bridge: docs/recipes/containers.md', async () => {
  lab = new Lab(2, 'native');
  const [hub, client] = lab.hosts as [Host, Host];
  const containers = [lab.addHost(), lab.addHost()] as [Host, Host];
  for (const [i, host] of [hub, client].entries()) {
    const container = containers[i] as Host;
    host.run('ip', 'link', 'add', 'br0', 'type', 'bridge');
    host.run('ip', 'link', 'set', 'br0', 'up');
    const peer = ['peer', 'name', 'eth0', 'netns', container.namespace];
    run('ip', '-n', host.namespace, 'link', 'add', 'c1-host', 'type', 'veth', ...peer);
    host.run('ip', 'link', 'set', 'c1-host', 'master', 'br0', 'up');
    container.run('ip', 'address', 'add', `10.1.0.${11 + i}/24`, 'dev', 'eth0');
    container.run('ip', 'link', 'set', 'eth0', 'up');
  }
  const [own, end] = [makeEnd(lab, 'server', random.bytes), makeEnd(lab, 'client', random.bytes)];
  const peers = new Peers(lab, [end.publicKey]);
  const server = hub.start([
    ...[...cryptcab, 'serve', '--on', 'bridge://br0', '--key', own.keyFile, '--peers', peers.path, '-v'],
  ]);
  await server.prints(/waiting for clients/);
  const cable = client.start([
    ...[...cryptcab, 'connect', client.link.hub4, '--on', 'bridge://br0', '--key', end.keyFile],
    ...['--peer', own.publicKey, '-v'],
  ]);
  await cable.prints(/the cable is up/);
  await containers[0].reaches('10.1.0.12');
  const { sent, received } = await transfer(
    containers[0],
    containers[1],
    { bytes: BYTES },
    seed,
    60_000,
    1,
    '10.1.0.12',
  );
  expect(received.sha256).toBe(sent.sha256);
  for (const one of [cable, server]) expect(await one.stop()).toBe(0);
  for (const host of [hub, client]) expect(ports(host)).toEqual(['c1-host']);
});

test('a port that left its bridge is made again, and a bridge of somebody else is waited for', async () => {
  const [hub, one] = open(1) as [Host, Host];
  const make = () => {
    // An address of its own: else it has that of a port, and the client would ask for the old one for a while.
    hub.run('ip', 'link', 'add', 'br0', 'address', '02:00:00:00:00:01', 'type', 'bridge');
    hub.run('ip', 'link', 'set', 'br0', 'up');
    hub.run('ip', 'address', 'add', `${hub.inner}/24`, 'dev', 'br0');
  };
  make();
  const server = await startServer(hub);
  await startClient(one);
  await one.reaches(hub.inner);
  hub.run('ip', 'link', 'set', 'br0p0', 'nomaster');
  await server.prints(
    /lost the switch, trying again: its port of the bridge br0 is gone, or was taken out of the bridge/,
  );
  await one.reaches(hub.inner, 30_000);
  hub.run('ip', 'link', 'delete', 'br0');
  await server.prints(
    /no port of the switch yet, trying again: the bridge br0 is gone: make it again, with ip link add br0 type bridge/,
  );
  expect(devices(hub)).not.toContain('br0');
  make();
  await one.reaches(hub.inner, 30_000);
  expect(await server.stop()).toBe(0);
  expect(devices(hub)).toContain('br0');
  expect(ports(hub)).toEqual([]);
});

test('a bridge that was there stays, and one that is shared goes with the last server', async () => {
  const [hub] = open(0);
  hub.run('ip', 'link', 'add', 'br0', 'type', 'bridge');
  const server = await startServer(hub);
  expect(await server.stop()).toBe(0);
  expect(devices(hub)).toContain('br0');
  hub.run('ip', 'link', 'delete', 'br0');
  const client = lab.addHost();
  client.makeTap();
  const first = await startServer(hub);
  const second = await startServer(hub, '-p', '7777');
  await startClient(client);
  await first.prints(/"port":"br0p0","msg":"client is up"/); // before, nobody uses the bridge
  expect(await second.stop()).toBe(0);
  expect(devices(hub)).toContain('br0');
  expect(await first.stop()).toBe(0);
  expect(devices(hub)).not.toContain('br0');
});

test('where the bridge is full, one line says so, the others live, and a port that is free is taken', async () => {
  const [hub, one, two] = open(2) as [Host, Host, Host];
  hub.run('ip', 'link', 'add', 'br0', 'type', 'bridge');
  const server = await startServer(hub);
  await startClient(one);
  await server.prints(/"port":"br0p0","msg":"client is up"/);
  // A bridge is full when it takes no more, and not before.
  hub.run(
    'sh',
    '-c',
    'for i in $(seq 512); do echo "link add d$i type veth peer name e$i"; echo "link set d$i master br0"; echo "link set e$i master br0"; done | ip -batch - 2>&1 || true',
  );
  expect(ports(hub)).toHaveLength(1_023);
  const late = two.cryptcab(['-s', 'tap://tap0', '-P', keyFile, '-c', two.link.hub4, '-v']);
  await server.prints(
    /the bridge br0 has 1023 ports, and takes no more: start another server with a bridge of its own, and join the two by a veth pair/,
  );
  hub.run('ip', 'address', 'add', `${hub.inner}/24`, 'dev', 'br0');
  hub.run('ip', 'link', 'set', 'br0', 'up');
  await one.reaches(hub.inner);
  hub.run('ip', 'link', 'delete', 'd1');
  await two.reaches(hub.inner, 60_000);
  expect(server.output.match(/takes no more/g)?.length).toBe(1);
  expect(late.running).toBe(true);
  expect(await server.stop()).toBe(0);
});

test('as another user, it makes taps, and takes the bridge away at the end', async () => {
  const [hub, one, two] = open(2) as [Host, Host, Host];
  const server = await startServer(hub, '--user', 'nobody');
  for (const client of [one, two]) await startClient(client);
  await one.reaches(two.inner);
  expect(hub.run('ps', '-o', 'user=', '-p', String(server.pid)).trim()).toBe('nobody');
  expect(await server.stop()).toBe(0);
  expect(devices(hub)).not.toContain('br0');
});

test('what cannot be had is refused in one line', async () => {
  const [hub] = open(0);
  const start = (locator: string, ...more: string[]) =>
    hub.start([...more, ...cryptcab, '-P', keyFile, '-s', locator]);
  const portable = hub.start([...cryptcab, '-P', keyFile, '-s', 'bridge://br0', '--io', 'portable']);
  expect(await refuses(portable)).toMatch(
    /: bridge:\/\/br0 is for the native I\/O path alone: leave --io portable out/,
  );
  const uncapped = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-all'];
  expect(await refuses(start('bridge://br0', ...uncapped))).toMatch(
    /: may not open the tap br0p%d: be root|: may not make the bridge br0: be root, or have the capability CAP_NET_ADMIN/,
  );
  expect(await refuses(start('bridge://lo'))).toMatch(/: lo is there, and is no bridge/);
  expect(devices(hub)).not.toContain('br0');
});
