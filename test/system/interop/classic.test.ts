// Our program and the C one at either end, between real switches with real taps.
import { afterEach, expect, test } from 'vitest';
import { FRAME_SIZES, lostSizes, transfer } from '../../../lab/checks.js';
import { type Host, Lab } from '../../../lab/lab.js';
import type { Process } from '../../../lab/process.js';
import { type Sshd, startSshd } from '../../../lab/sshd.js';
import { randomness, seed } from '../../support/seed.js';

const PORT = 7667;
const BYTES = 20_000_000;

type Kind = 'ours' | 'C';
/** Every way for the fast path; for the other one enough to see that it makes no difference. */
type Io = 'native' | 'portable';
type Keys = 'preshared' | 'scp' | 'plain';
const random = randomness();
let lab: Lab | undefined;

afterEach(async () => {
  await lab?.close();
  lab = undefined;
});

interface Scene {
  readonly lab: Lab;
  readonly hub: Host;
  readonly keyFile: string;
  readonly sshd: Sshd | undefined;
}

/** Hosts with switches; the first one has the server, and an sshd if keys go by scp. */
async function scene(clients: number, ssh: boolean, io: Io): Promise<Scene> {
  lab = new Lab(1 + clients, io);
  await Promise.all(lab.hosts.map((host) => host.startSwitch(1500)));
  const hub = lab.host(0);
  return {
    lab,
    hub,
    keyFile: lab.keyFile('key', random.bytes(44)), // the first 24 of them for Blowfish
    sshd: ssh ? await startSshd(lab, hub) : undefined,
  };
}

function keyOptions(keys: Keys, keyFile: string): string[] {
  return { preshared: ['-P', keyFile], plain: ['-x'], scp: [] }[keys];
}

async function startServer({ hub, keyFile }: Scene, kind: Kind, keys: Keys): Promise<Process> {
  const options = ['-p', String(PORT), ...keyOptions(keys, keyFile)];
  if (kind === 'C') {
    const server = hub.original([...options, '-vvvv']);
    await server.prints(/Verbosity: 4/);
    return server;
  }
  const server = hub.cryptcab([...options, '-v']);
  await server.prints(/waiting for clients/);
  return server;
}

async function startClient(
  { hub, keyFile, sshd }: Scene,
  host: Host,
  kind: Kind,
  keys: Keys,
  server = host.link.hub4,
  more: readonly string[] = [],
): Promise<Process> {
  const target = server.includes(':') ? `[${server}]:${PORT}` : `${server}:${PORT}`;
  const options = [
    '-c',
    keys === 'preshared' ? target : `root@${target}`,
    ...keyOptions(keys, keyFile),
    ...more,
  ];
  if (kind === 'C') {
    const client = host.original([...options, '-vvvv', '-k'], {
      SCP_EXTRA_OPTIONS: sshd?.singleOption ?? '',
    });
    await client.prints(/Successfully authenticated/, 30_000);
    return client;
  }
  const client = host.cryptcab([...options, '-v'], { SCP_EXTRA_OPTIONS: sshd?.options ?? '' });
  if (keys === 'plain') await host.reaches(hub.inner, 30_000); // a C server has to send a frame first
  await client.prints(/the cable is up/, 30_000);
  return client;
}

/** Pings, frames of every size, and a file each way. */
async function check(one: Host, other: Host): Promise<void> {
  await one.reaches(other.inner);
  expect(await lostSizes(one, other), `of ${FRAME_SIZES.length} frame sizes`).toEqual([]);
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    const { sent, received } = await transfer(from, to, { bytes: BYTES }, seed);
    expect(received.bytes).toBe(BYTES);
    expect(received.sha256).toBe(sent.sha256);
  }
}

const pairs: readonly (readonly [Kind, Kind])[] = [
  ['ours', 'ours'],
  ['ours', 'C'],
  ['C', 'ours'],
];

for (const [clientKind, serverKind] of pairs) {
  for (const [io, keys] of [
    ['native', 'preshared'],
    ['native', 'scp'],
    ['native', 'plain'],
    ['portable', 'preshared'],
  ] as const) {
    test(`${clientKind} client, ${serverKind} server, ${keys} key, ${io}`, async () => {
      // Two ends of ours need no ssh without encryption; the C program insists on a key even then.
      const bothOurs = clientKind === 'ours' && serverKind === 'ours';
      const stage = await scene(1, keys === 'scp' || (keys === 'plain' && !bothOurs), io);
      await startServer(stage, serverKind, keys);
      const client = stage.lab.host(1);
      await startClient(stage, client, clientKind, keys);
      await check(client, stage.hub);
    });
  }
}

for (const [io, keys] of [
  ['native', 'preshared'],
  ['portable', 'scp'],
] as const) {
  test(`ours and ours with ChaCha20, ${keys} key, ${io}`, async () => {
    const stage = await scene(1, keys === 'scp', io);
    const server = await startServer(stage, 'ours', keys);
    const client = stage.lab.host(1);
    await startClient(stage, client, 'ours', keys, client.link.hub4, ['--cipher', 'chacha20']);
    await server.prints(/"cipher":"chacha20, block counter 12"/); // when its port is open
    await check(client, stage.hub);
  });
}

test.each(['native', 'portable'] as const)('ours and ours over IPv6, %s', async (io) => {
  const stage = await scene(1, false, io);
  await startServer(stage, 'ours', 'preshared');
  const client = stage.lab.host(1);
  await startClient(stage, client, 'ours', 'preshared', client.link.hub6);
  await check(client, stage.hub);
});

for (const [serverKind, io] of [
  ['ours', 'native'],
  ['ours', 'portable'],
  ['C', 'native'],
] as const) {
  for (const kinds of [
    ['C', 'C', 'ours'],
    ['ours', 'ours', 'C'],
  ] as const) {
    test(`clients ${kinds.join(', ')} at one ${serverKind} server, ${io}`, async () => {
      const stage = await scene(3, false, io);
      await startServer(stage, serverKind, 'preshared');
      const clients = stage.lab.hosts.slice(1);
      for (const [i, host] of clients.entries())
        await startClient(stage, host, kinds[i] as Kind, 'preshared');
      for (const host of clients) await host.reaches(stage.hub.inner);
      // From client to client, through two cables and three switches.
      for (const from of clients) for (const to of clients) if (from !== to) await from.reaches(to.inner);
      const { sent, received } = await transfer(
        clients[0] as Host,
        clients[2] as Host,
        { bytes: BYTES },
        seed,
      );
      expect(received.sha256).toBe(sent.sha256);
    });
  }
}

test.each(['native', 'portable'])('taps without a switch, by VDE network locators, %s', async (io) => {
  lab = new Lab(2, io);
  const [hub, client] = lab.hosts as [Host, Host];
  const keyFile = lab.keyFile('key', random.bytes(24));
  for (const host of lab.hosts) host.makeTap();
  const server = hub.cryptcab(['-s', 'tap://tap0', '-P', keyFile, '-v']);
  await server.prints(/waiting for clients/);
  const cable = client.cryptcab(['-s', 'tap://tap0', '-P', keyFile, '-c', client.link.hub4, '-v']);
  await cable.prints(/the cable is up/);
  await client.reaches(hub.inner);
});
