// Names that have an address only later, addresses without a route, and names with several addresses of which some are dead:
// both protocols, on both paths.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, type TestContext, test } from 'vitest';
import { type Host, Lab } from '../../../lab/lab.js';
import { type Process, run } from '../../../lab/process.js';
import { makeEnd, Peers } from '../../../lab/secure-keys.js';
import { randomness } from '../../support/seed.js';

const CASES = [
  ['classic', 'native'],
  ['classic', 'portable'],
  ['secure', 'native'],
  ['secure', 'portable'],
] as const;
type Case = (typeof CASES)[number];
const NONE = '(no such host|the name server does not answer)';

const { bytes } = randomness();

/** A server of both protocols, and a host for each kind of client, all of whom it knows. */
async function makeScene() {
  const lab = new Lab(1 + CASES.length);
  const [hub, ...clients] = lab.hosts as [Host, ...Host[]];
  const classicKey = lab.keyFile('classic', bytes(24));
  const [serving, ...calling] = lab.hosts.map(({ index }) => makeEnd(lab, `end${index}`, bytes));
  if (serving === undefined) throw new Error('no server');
  const keyOf = (host: Host): string => calling[host.index - 1]?.keyFile as string;
  const known = new Peers(
    lab,
    calling.map(({ publicKey }) => publicKey),
  );
  await Promise.all(lab.hosts.map((host) => host.startSwitch()));
  const secure = ['--secure', '--key', serving.keyFile, '--peers', known.path];
  const server = hub.cryptcab([...secure, '-P', classicKey, '-v']);
  await server.prints(/waiting for clients/);
  /** Starts a client. */
  const start = (host: Host, [protocol, io]: Case, server: string, more: readonly string[] = []): Process => {
    const own =
      protocol === 'classic'
        ? ['-P', classicKey]
        : ['--secure', '--key', keyOf(host), '--peer', serving.publicKey];
    return host.cryptcab(['-c', server, '--io', io, '-v', ...own, ...more]);
  };
  return { lab, hub, clients, serving, keyOf, start };
}

type Scene = Awaited<ReturnType<typeof makeScene>>;

/** A test that does the same with a client of each kind, each on a host of its own. */
function each(play: (scene: Scene, host: Host, kind: Case, context: TestContext) => Promise<void>) {
  return async (context: TestContext) => {
    const scene = await makeScene();
    context.onTestFinished(() => scene.lab.close());
    const { lab, clients } = scene;
    const kinds = CASES.filter(([, io]) => lab.io === undefined || lab.io === io);
    await Promise.all(kinds.map((kind, i) => play(scene, clients[i] as Host, kind, context)));
  };
}

/** From now on an address of the hub's is dead for one host: what goes there or comes from there is dropped, and nobody is told. */
function drop(hub: Host, host: Host, address: string): void {
  for (const [end, which] of [
    [hub, 'daddr'],
    [host, 'saddr'],
  ] as const) {
    const table = `inet dead-${host.gatewayDevice}`;
    const chain = `${table} in { type filter hook input priority filter; }`;
    const family = address.includes(':') ? 'ip6' : 'ip';
    const rule = `${table} in ${family} ${which} ${address} meta l4proto udp drop`;
    end.run('nft', `add table ${table}; add chain ${chain}; add rule ${rule}`);
  }
}

const times = (text: string, pattern: RegExp) => text.match(new RegExp(pattern, 'g'))?.length ?? 0;

// Side by side, as they mostly wait.

test.concurrent(
  'a name that gets its address later',
  each(async ({ hub, start }, host, kind) => {
    host.knows({});
    const client = start(host, kind, 'server.example');
    const cannot = new RegExp(`cannot resolve server\\.example yet \\(${NONE}\\), trying again`);
    await client.prints(cannot, 30_000);
    host.knows({ 'server.example': host.link.hub4 });
    await client.prints(/server\.example has an address now, 10\.77\.\d\.1: going on/, 40_000);
    await client.prints(/the cable is up/);
    await host.reaches(hub.inner);
    expect(times(client.output, /cannot resolve server\.example yet \(no such host/)).toBeLessThanOrEqual(1);
    expect(times(client.output, /cannot resolve server\.example yet/)).toBeLessThanOrEqual(2);
    expect(await client.stop()).toBe(0);
  }),
);

test.concurrent(
  'an address that has no route yet',
  each(async ({ hub, start }, host, kind) => {
    const far = `198.51.100.${host.index}`;
    const client = start(host, kind, far);
    await client.prints(
      kind[0] === 'classic'
        ? /cannot reach 198\.51\.100\.\d:7667: .*\(yet\), trying again/
        : /cannot reach 198\.51\.100\.\d:7667: there is no route to it \(ENETUNREACH\), waiting for one/,
    );
    hub.run('ip', 'address', 'add', `${far}/32`, 'dev', host.gatewayDevice);
    host.run('ip', 'route', 'add', `${far}/32`, 'via', host.link.hub4);
    await client.prints(/the cable is up/, 40_000);
    expect(client.output).not.toMatch(/no secure answer|cannot send/);
    await host.reaches(hub.inner);
  }),
);

test.concurrent(
  'a link-local address whose interface comes later',
  each(async ({ hub, start }, host, kind) => {
    const address = `fe80::77:${host.index}`;
    hub.run('ip', 'address', 'add', `${address}/64`, 'dev', host.gatewayDevice, 'nodad');
    const client = start(host, kind, `${address}%later`);
    await client.prints(/cannot resolve \S+ yet \(there is no interface later here, or it is down\)/);
    const rename = ['set', host.device, 'down', '&&', 'ip', 'link', 'set', host.device, 'name', 'later'];
    host.run('sh', '-c', ['ip', 'link', ...rename, '&&', 'ip', 'link', 'set', 'later', 'up'].join(' '));
    await client.prints(/the cable is up/, 40_000);
    await host.reaches(hub.inner);
  }),
);

test.concurrent(
  'a name with several addresses, of which one alone is alive',
  each(async ({ hub, start }, host, kind) => {
    const { own4, hub4, hub6 } = host.link;
    const dead = `${own4.slice(0, own4.lastIndexOf('.'))}.77`; // on the link, and nobody has it
    const alive = host.index % 2 === 0 ? hub4 : hub6;
    host.knows({ 'server.example': [dead, '2001:db8::1', alive, '198.51.100.1'] });
    const client = start(host, kind, 'server.example');
    await client.prints(/the cable is up/, 60_000);
    await host.reaches(hub.inner);
  }),
);

test.concurrent(
  'a server calls a peer whose name gets its address later',
  each(async ({ lab, hub, serving, keyOf }, host, [protocol, io]) => {
    if (protocol === 'classic') return; // its servers call nobody
    const peers = new Peers(lab, [`${serving.publicKey} endpoint=server.example:7667`], `peers${host.index}`);
    host.knows({});
    const caller = host.cryptcab([
      '--secure',
      '--no-classic',
      '--key',
      keyOf(host),
      '--peers',
      peers.path,
      '--io',
      io,
      '-v',
    ]);
    await caller.prints(/cannot resolve server\.example yet/, 30_000);
    host.knows({ 'server.example': host.link.hub4 });
    await caller.prints(/peer is up, secure/, 40_000);
    await host.reaches(hub.inner);
  }),
);

// By itself: it counts in tenths of seconds.
test(
  'a dead IPv6 address costs a moment at the start',
  each(async ({ hub, start }, host, kind) => {
    const { hub4, hub6 } = host.link;
    drop(hub, host, hub6);
    host.knows({ 'server.example': [hub6, hub4] });
    const client = start(host, kind, 'server.example');
    await client.prints(/how frames and datagrams are moved/);
    const from = performance.now();
    await client.prints(/the cable is up/);
    const ms = performance.now() - from;
    console.log(`${kind.join(', ')}: up after ${Math.round(ms)} ms, with a dead address first`);
    expect(ms).toBeLessThan(3_000); // a busy machine; without a second address at the same time it is 5 s and more
    await host.reaches(hub.inner);
  }),
);

// Side by side again; these wait until a silence is noticed, or for as long as -d does.

test.concurrent(
  'a name that moves from IPv4 to IPv6',
  each(async ({ hub, start }, host, kind) => {
    const { hub4, hub6 } = host.link;
    host.knows({ 'server.example': hub4 });
    const client = start(host, kind, 'server.example');
    await client.prints(/the cable is up/);
    await host.reaches(hub.inner); // by IPv4 something has come
    host.knows({ 'server.example': hub6 });
    drop(hub, host, hub4);
    await host.reaches(hub.inner, 40_000);
  }),
);

test.concurrent(
  'a link-local address whose interface is made again, with another number',
  each(async ({ hub, start }, host, kind) => {
    const device = `again${host.index}`;
    const mac = (end: number) => `02:77:00:00:0${host.index}:0${end}`;
    const make = () => {
      const near = ['peer', 'name', device, 'address', mac(1), 'netns', hub.namespace];
      run('ip', '-n', host.namespace, 'link', 'add', device, 'address', mac(2), 'type', 'veth', ...near);
      for (const end of [hub, host]) end.run('ip', 'link', 'set', device, 'up');
    };
    make();
    const client = start(host, kind, `fe80::77:ff:fe00:${host.index}01%${device}`);
    await client.prints(/the cable is up/, 40_000);
    await host.reaches(hub.inner);
    host.run('ip', 'link', 'delete', device);
    make();
    await host.reaches(hub.inner, 40_000);
  }),
);

test.concurrent(
  'an address that dies later: the cable comes back at the other one',
  each(async ({ hub, start }, host, kind) => {
    const { hub4, hub6 } = host.link;
    host.knows({ 'server.example': [hub6, hub4] });
    const client = start(host, kind, 'server.example');
    await client.prints(/the cable is up/);
    await host.reaches(hub.inner);
    drop(hub, host, hub6);
    const ms = await host.reaches(hub.inner, 40_000);
    console.log(`${kind.join(', ')}: back after ${Math.round(ms)} ms`);
    expect(ms).toBeLessThan(25_000); // 15 or 16 s until the silence is noticed
  }),
);

test.concurrent(
  'a name that leads elsewhere while frames pass: the secure cable follows',
  each(async ({ hub, start }, host, kind) => {
    if (kind[0] === 'classic') return; // it has nobody to ask who is dead sooner
    const { hub4, hub6 } = host.link;
    host.knows({ 'server.example': [hub6] });
    const client = start(host, kind, 'server.example');
    await client.prints(/the cable is up/);
    await host.reaches(hub.inner);
    host.knows({ 'server.example': [hub4] });
    drop(hub, host, hub6);
    const ms = await host.reaches(hub.inner, 40_000);
    console.log(`${kind.join(', ')}: followed after ${Math.round(ms)} ms`);
    expect(ms).toBeLessThan(14_000); // 7 s on a quiet machine
  }),
);

test.concurrent(
  '-d returns after its usual time with the reason, and goes on',
  each(async ({ lab, hub, start }, host, kind, { onTestFinished }) => {
    host.knows({});
    const pidFile = join(lab.directory, `pid${host.index}`);
    onTestFinished(() => {
      const pid = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : undefined;
      if (existsSync(`/proc/${pid}`)) process.kill(pid as number, 'SIGTERM');
    });
    const from = performance.now();
    const daemon = start(host, kind, 'server.example', ['-d', '--pidfile', pidFile]);
    expect(await daemon.exited).toBe(0);
    expect(performance.now() - from).toBeLessThan(25_000);
    const word = `cannot resolve server\\.example yet \\(${NONE}\\); still trying in the background\n$`;
    expect(daemon.output).toMatch(new RegExp(word));
    host.knows({ 'server.example': host.link.hub4 });
    await host.reaches(hub.inner, 40_000);
  }),
);
