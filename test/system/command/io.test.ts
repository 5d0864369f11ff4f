// How frames are moved: what a machine has, what it lacks, and what happens when the I/O thread does not do its part.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { transfer } from '../../../lab/checks.js';
import { type Host, Lab } from '../../../lab/lab.js';
import { type Process, until } from '../../../lab/process.js';
import { type End, makeEnd, Peers } from '../../../lab/secure-keys.js';
import { randomness, seed } from '../../support/seed.js';

const PRELOAD = new URL('without.mjs', import.meta.url).pathname;
let lab: Lab;
let hub: Host;
let client: Host;
let keyFile: string;
let hubSwitch: Process;

beforeEach(async () => {
  lab = new Lab(2, 'auto');
  [hub, client] = lab.hosts as [Host, Host];
  keyFile = lab.keyFile('key', new Uint8Array(24).fill(9));
  [hubSwitch] = (await Promise.all(lab.hosts.map((host) => host.startSwitch()))) as [Process, Process];
});

afterEach(() => lab.close());

function without(what: string): NodeJS.ProcessEnv {
  return { NODE_OPTIONS: `--import=${PRELOAD}`, WITHOUT: what };
}

async function startServer(io = 'auto', env: NodeJS.ProcessEnv = {}): Promise<Process> {
  const server = hub.cryptcab(['-P', keyFile, '-v', '--io', io], env);
  await server.prints(/waiting for clients/);
  return server;
}

async function startClient(io = 'auto', env: NodeJS.ProcessEnv = {}): Promise<Process> {
  const cable = client.cryptcab(['-P', keyFile, '-c', client.link.hub4, '-v', '--io', io], env);
  await cable.prints(/the cable is up/);
  return cable;
}

async function carries(): Promise<void> {
  await client.reaches(hub.inner);
  for (const [from, to] of [
    [client, hub],
    [hub, client],
  ] as const) {
    const { sent, received } = await transfer(from, to, { bytes: 3_000_000 }, seed);
    expect(received.sha256).toBe(sent.sha256);
  }
}

/** The path in use, as the log says at the start, and with the counts at the end. */
async function told(process: Process): Promise<string> {
  const start = JSON.parse((await process.prints(/^\{.*how frames and datagrams are moved.*\}$/m))[0]).io;
  expect(await process.stop()).toBe(0);
  expect(JSON.parse((await process.prints(/^\{.*"carried".*\}$/m))[0]).io).toBe(start);
  return start;
}

function children(process: Process): string {
  return readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').trim();
}

test('where there is everything, it is native, and no child', async () => {
  const server = await startServer();
  const cable = await startClient();
  await carries();
  expect([children(server), children(cable)]).toEqual(['', '']);
  expect(await told(cable)).toBe('native (GSO, GRO, libvdeplug)');
  await server.stop();
});

test.each([
  ['koffi', /^portable \(not native: the npm package koffi is not installed\)$/],
  ['libvdeplug', /^native \(GSO, GRO, vde_plug\)$/],
  ['gso', /^native \(sendmmsg, recvmmsg, libvdeplug, GSO refused: .*, GRO refused: .*\)$/],
])('without %s', async (what, says) => {
  const server = await startServer('auto', without(what));
  const cable = await startClient('auto', without(what));
  await carries();
  expect(children(server) === '').toBe(what !== 'koffi'); // a switch needs no library
  expect(await told(cable)).toMatch(says);
  await server.stop();
});

test.each([
  ['portable', 'native'],
  ['native', 'portable'],
])('a %s client at a %s server', async (ours, theirs) => {
  await startServer(theirs);
  await startClient(ours);
  await carries();
});

test('larger than the path: fragments, where the kernel cannot cut pieces', async () => {
  for (const host of lab.hosts) host.run('ip', 'link', 'set', 'tap0', 'mtu', '1500');
  await startServer('native');
  await startClient('native');
  await carries();
});

test('native by force, where it cannot be had', async () => {
  const process = hub.cryptcab(['-P', keyFile, '--io', 'native'], without('koffi'));
  expect(await process.exited).toBe(1);
  expect(process.output).toMatch(
    /^\S+: no native I\/O here: the npm package koffi is not installed; fix that.*\n$/,
  );
});

test('a path that is none', async () => {
  const process = hub.cryptcab(['-P', keyFile, '--io', 'fast']);
  expect(await process.exited).toBe(2);
  expect(process.output).toMatch(/^\S+: --io 'fast' is not known: give auto or portable or native\n$/);
});

test('an I/O thread that dies ends the program, with one line', async () => {
  const server = await startServer('portable');
  const cable = client.cryptcab(['-P', keyFile, '-c', client.link.hub4, '--io', 'native'], without('luck'));
  const ping = hub.start(['ping', '-n', '-i', '0.05', client.inner]);
  expect(await cable.exited).toBe(1);
  const lines = cable.output.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/: the I\/O thread ended, start again: out of luck/);
  await ping.stop();
  await server.stop();
});

test('a switch that does not answer keeps nobody from leaving', async () => {
  hubSwitch.signal('SIGSTOP');
  try {
    const server = await startServer('native');
    const from = performance.now();
    expect(await server.stop()).toBe(0);
    expect(performance.now() - from).toBeLessThan(3_000); // a second, and a busy machine's two
  } finally {
    hubSwitch.signal('SIGCONT');
  }
});

test('a switch that takes nothing does not keep the program from leaving', async () => {
  const server = await startServer('native');
  const cable = await startClient('native');
  await client.reaches(hub.inner);
  hubSwitch.signal('SIGSTOP');
  try {
    const ping = client.start(['ping', '-n', '-i', '0.002', '-s', '1300', hub.inner]);
    await until('frames have waited too long', () => {
      server.signal('SIGUSR2');
      return /"droppedBySwitch":[1-9]/.test(server.output);
    });
    const from = performance.now();
    expect(await server.stop()).toBe(0);
    expect(performance.now() - from).toBeLessThan(3_000);
    await ping.stop();
    await cable.stop();
  } finally {
    hubSwitch.signal('SIGCONT');
  }
});

test('-vvvv shows the datagrams of a native cable as well', async () => {
  const log = join(lab.directory, 'log');
  const server = hub.cryptcab(['-P', keyFile, '-vvvv', '--io', 'native', '--log-file', log]);
  await startClient('native');
  await client.reaches(hub.inner);
  await server.stop();
  const lines = readFileSync(log, 'utf8');
  for (const direction of ['in', 'out']) {
    expect(lines).toMatch(
      new RegExp(
        `"direction":"${direction}","peer":"10.77.1.2:\\d+","message":"data","bytes":\\d+,"datagram":"20`,
      ),
    );
  }
  expect(lines).toMatch(/"direction":"in".*"message":"login"/);
});

describe('the secure cable', () => {
  const { bytes } = randomness();
  let server: End;
  let calling: End;
  let peers: Peers;

  beforeEach(() => {
    for (const host of lab.hosts) host.run('ip', 'link', 'set', 'tap0', 'mtu', '1500'); // large frames go in fragments
    [server, calling] = [makeEnd(lab, 'server', bytes), makeEnd(lab, 'client', bytes)];
    peers = new Peers(lab, [calling.publicKey]);
  });

  async function join(ours: string, theirs: string, what = ''): Promise<[Process, Process]> {
    const process = (host: Host, args: readonly string[], io: string) =>
      host.cryptcab(['--secure', ...args, '-v', '--io', io], what === '' ? {} : without(what));
    const serving = process(hub, ['--key', server.keyFile, '--peers', peers.path, '--no-classic'], theirs);
    await serving.prints(/waiting for clients/);
    const keys = ['--key', calling.keyFile, '--peer', server.publicKey];
    const cable = process(client, [...keys, '-c', client.link.hub4], ours);
    await cable.prints(/the cable is up/);
    return [serving, cable];
  }

  test.each([
    ['nothing', /^native \(GSO, GRO, libvdeplug\)$/],
    ['koffi', /^portable \(not native: the npm package koffi is not installed\)$/],
    ['libvdeplug', /^native \(GSO, GRO, vde_plug\)$/],
    ['gso', /^native \(sendmmsg, recvmmsg, libvdeplug, GSO refused: .*, GRO refused: .*\)$/],
  ])('without %s', async (what, says) => {
    const [serving, cable] = await join('auto', 'auto', what);
    await carries();
    expect(children(serving) === '').toBe(what !== 'koffi');
    expect(await told(cable)).toMatch(says);
    expect(await serving.stop()).toBe(0);
  });

  test.each([
    ['portable', 'native'],
    ['native', 'portable'],
  ])('a %s client at a %s server', async (ours, theirs) => {
    await join(ours, theirs);
    await carries();
  });

  test('a switch that takes nothing keeps neither end from leaving', async () => {
    const [serving, cable] = await join('native', 'native');
    await client.reaches(hub.inner);
    hubSwitch.signal('SIGSTOP');
    try {
      const ping = client.start(['ping', '-n', '-i', '0.002', '-s', '1300', hub.inner]);
      await until('frames have waited too long', () => {
        serving.signal('SIGUSR2');
        return /"droppedBySwitch":"?[1-9]/.test(serving.output);
      });
      for (const process of [serving, cable]) {
        const from = performance.now();
        expect(await process.stop()).toBe(0);
        expect(performance.now() - from).toBeLessThan(3_000);
      }
      await ping.stop();
    } finally {
      hubSwitch.signal('SIGCONT');
    }
  });
});
