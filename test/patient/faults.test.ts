// The cable comes back by itself when the network fails it: cut, another address, a NAT that forgot, an end that
// stood still. All at once, each with a client of its own: the longest of them takes its 200 s anyway.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Host, Lab } from '../../lab/lab.js';
import { Nat } from '../../lab/nat.js';
import { type Process, until } from '../../lab/process.js';
import { startRelay } from '../../lab/rough.js';
import { type Sshd, startSshd } from '../../lab/sshd.js';
import { randomness, seed } from '../support/seed.js';

/** Within this the cable should be back, ms. */
const BACK = 45_000;
/** The same where a server is to hear of it by a KEEPALIVE only, one every 30 s. */
const BACK_QUIET = 60_000;
const UP_MS = 60_000;
const TEST_MS = 330_000;
/** For the tests whose server suffers with the client: one each. */
const FIRST_PORT = 7700;
const KEYS = ['preshared', 'scp'] as const;
type Keys = (typeof KEYS)[number];
const PORTS: Record<Keys, number> = { preshared: 7667, scp: 7668 };

const random = randomness();
let lab: Lab;
let hub: Host;
let keyFile: string;
let sshd: Sshd;
let lastPort = FIRST_PORT;

const wait = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function startServer(keys: Keys, port: number): Promise<Process> {
  const process = hub.cryptcab(['-p', String(port), ...(keys === 'preshared' ? ['-P', keyFile] : []), '-v']);
  await process.prints(/waiting for clients/);
  return process;
}

interface Options {
  readonly address?: string;
  readonly port?: number;
  readonly keepalive?: boolean;
}

async function startClient(
  host: Host,
  keys: Keys,
  { address = host.link.hub4, port = PORTS[keys], keepalive = false }: Options = {},
): Promise<Process> {
  const target = `${address}:${port}`;
  const process = host.cryptcab(
    [
      ...(keys === 'preshared' ? ['-c', target, '-P', keyFile] : ['-c', `root@${target}`]),
      ...(keepalive ? ['-k'] : []),
      '-v',
    ],
    { SCP_EXTRA_OPTIONS: sshd.options },
  );
  await process.prints(/the cable is up/, UP_MS);
  await host.reaches(hub.inner, UP_MS);
  return process;
}

async function addHost(gateway = hub): Promise<Host> {
  const host = lab.addHost(gateway);
  await host.startSwitch();
  return host;
}

/** A host behind a router that masquerades. */
async function addBehindNat(): Promise<{ host: Host; router: Host; nat: Nat }> {
  const router = lab.addHost();
  const host = await addHost(router);
  return { host, router, nat: new Nat(router, [host]) };
}

/** Frames without end from one host to another. */
async function load(from: Host, to: Host): Promise<Process> {
  const ping = from.start(['ping', '-n', '-i', '0.05', to.inner]);
  await ping.prints(/icmp_seq=[1-9]\d /);
  return ping;
}

function say(what: string, ms: number): void {
  console.log(`${what}: back after ${Math.round(ms)} ms`);
}

async function back(what: string, host: Host): Promise<void> {
  say(what, await host.reaches(hub.inner, BACK));
}

/** The client has logged in again, so that the fault was one. */
async function loggedIn(client: Process, since: number): Promise<void> {
  await client.prints(/the cable is up/, BACK, since);
}

beforeAll(async () => {
  lab = new Lab(1);
  hub = lab.host(0);
  keyFile = lab.keyFile('key', random.bytes(24));
  await hub.startSwitch();
  sshd = await startSshd(lab, hub);
  for (const keys of KEYS) await startServer(keys, PORTS[keys]);
});

afterAll(() => lab.close());

/** One test for each way to get a key. */
function faults(name: string, run: (what: string, keys: Keys) => Promise<void>): void {
  for (const keys of KEYS) {
    const what = `${name}, ${keys} key`;
    test.concurrent(what, () => run(what, keys), TEST_MS);
  }
}

for (const [seconds, how] of [
  [5, 'in silence'],
  [60, 'link down'],
  [200, 'in silence'],
] as const) {
  faults(`cut for ${seconds} s, ${how}`, async (what, keys) => {
    const host = await addHost();
    await startClient(host, keys);
    await load(host, hub);
    if (how === 'link down') hub.run('ip', 'link', 'set', host.gatewayDevice, 'down');
    else host.cut();
    expect(await host.pings(hub.inner)).toBe(false);
    await wait(seconds);
    expect(await host.pings(hub.inner)).toBe(false);
    if (how === 'link down') hub.run('ip', 'link', 'set', host.gatewayDevice, 'up');
    else host.mend();
    await back(what, host);
  });
}

faults("the client's address changed", async (what, keys) => {
  const host = await addHost();
  const client = await startClient(host, keys);
  await load(host, hub);
  const since = client.printed;
  const { own4 } = host.link;
  host.run('ip', 'address', 'delete', `${own4}/24`, 'dev', host.device);
  host.run('ip', 'address', 'add', `${own4}2/24`, 'dev', host.device);
  await back(what, host);
  await loggedIn(client, since);
});

faults("the server's address changed, and its name with it", async (what, keys) => {
  const host = await addHost();
  const { hub4 } = host.link;
  host.knows({ 'server.example': hub4 });
  const client = await startClient(host, keys, { address: 'server.example' });
  await load(host, hub);
  const since = client.printed;
  hub.run('ip', 'address', 'delete', `${hub4}/24`, 'dev', host.gatewayDevice);
  hub.run('ip', 'address', 'add', `${hub4}1/24`, 'dev', host.gatewayDevice);
  host.knows({ 'server.example': `${hub4}1` });
  await back(what, host);
  await loggedIn(client, since);
  expect(client.output.slice(-2_000)).toContain(`${hub4}1:`);
});

/** Echo requests that came to a host. */
function echosIn(host: Host): number {
  const [names, values] = host
    .run('cat', '/proc/net/snmp')
    .split('\n')
    .filter((line) => line.startsWith('Icmp:'))
    .map((line) => line.split(' ')) as [string[], string[]];
  return Number(values[names.indexOf('InEchos')]);
}

/** Frames from the hub to a host that sends none itself; how long they do not come after something happened. */
async function onlyFromServer(host: Host, happen: () => unknown): Promise<number> {
  // Neither asks where the other is, and the host does not answer.
  host.run('sysctl', '-qw', 'net.ipv4.icmp_echo_ignore_all=1', 'net.ipv6.conf.tap0.disable_ipv6=1');
  for (const [one, other] of [
    [host, hub],
    [hub, host],
  ] as const)
    one.run('ip', 'neigh', 'replace', other.inner, 'lladdr', other.mac, 'dev', 'tap0', 'nud', 'permanent');
  hub.start(['ping', '-n', '-i', '0.05', host.inner]);
  let last = echosIn(host);
  const more = () => echosIn(host) >= last + 5;
  await until('frames from the server', more);
  await happen();
  const from = performance.now();
  await until('no more of them', async () => {
    last = echosIn(host);
    await wait(0.5);
    return echosIn(host) === last;
  });
  await until('frames from the server again', more, BACK_QUIET);
  return performance.now() - from;
}

faults('a NAT that forgot', async (what, keys) => {
  const { host, router, nat } = await addBehindNat();
  const client = await startClient(host, keys, { address: router.link.hub4 });
  await load(host, hub);
  const since = client.printed;
  nat.forget();
  await back(what, host);
  await loggedIn(client, since);
});

faults("a NAT that forgot, traffic from the server's side only, -k", async (what, keys) => {
  const { host, router, nat } = await addBehindNat();
  const client = await startClient(host, keys, { address: router.link.hub4, keepalive: true });
  const since = client.printed;
  say(what, await onlyFromServer(host, () => nat.forget()));
  await loggedIn(client, since);
});

faults('a relay that forgot', async (what, keys) => {
  const host = await addHost();
  const port = ++lastPort;
  const relay = await startRelay(hub, port, PORTS[keys], seed);
  const client = await startClient(host, keys, { port });
  await load(host, hub);
  const since = client.printed;
  await relay.forget();
  await back(what, host);
  await loggedIn(client, since);
});

faults("a relay that forgot, traffic from the server's side only, -k", async (what, keys) => {
  const host = await addHost();
  const port = ++lastPort;
  const relay = await startRelay(hub, port, PORTS[keys], seed);
  const client = await startClient(host, keys, { port, keepalive: true });
  const since = client.printed;
  say(what, await onlyFromServer(host, () => relay.forget()));
  await loggedIn(client, since);
});

for (const end of ['client', 'server'] as const) {
  faults(`${end} stopped for 30 s`, async (what, keys) => {
    const host = await addHost();
    const port = ++lastPort;
    const server = await startServer(keys, port);
    const client = await startClient(host, keys, { port });
    await load(host, hub);
    const stopped = end === 'client' ? client : server;
    stopped.signal('SIGSTOP');
    await wait(30);
    expect(await host.pings(hub.inner)).toBe(false);
    stopped.signal('SIGCONT');
    await back(what, host);
  });

  // With a shared key: recovery.test.ts.
  const what = `${end} killed and started again, scp key`;
  test.concurrent(
    what,
    async () => {
      const host = await addHost();
      const port = ++lastPort;
      const server = await startServer('scp', port);
      const client = await startClient(host, 'scp', { port });
      await load(hub, host);
      await load(host, hub);
      if (end === 'client') {
        await client.stop('SIGKILL');
        await startClient(host, 'scp', { port });
      } else {
        await server.stop('SIGKILL');
        await startServer('scp', port);
      }
      await back(what, host);
    },
    TEST_MS,
  );
}
