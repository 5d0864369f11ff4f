// -d, pid files, signals, and what is left behind: nothing.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import { until } from '../../../lab/process.js';
import { startSshd } from '../../../lab/sshd.js';

const PORT = 7667;
let lab: Lab;
let hub: Host;
let client: Host;
let keyFile: string;

beforeEach(async () => {
  lab = new Lab(2);
  [hub, client] = lab.hosts as [Host, Host];
  keyFile = lab.keyFile('key', new Uint8Array(24).fill(9));
  await Promise.all(lab.hosts.map((host) => host.startSwitch()));
});

const daemons: number[] = [];

afterEach(async () => {
  for (const pid of daemons.splice(0)) if (alive(pid)) process.kill(pid, 'SIGKILL');
  await lab.close();
});

function alive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

/** Starts a daemon, waits until -d returns with 0, and gives the daemon's process id. */
async function daemon(host: Host, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<number> {
  const pidFile = join(lab.directory, `${host.namespace}.pid`);
  const started = host.cryptcab([...args, '-d', '--pidfile', pidFile], env);
  expect({ status: await started.exited, output: started.output }).toEqual({ status: 0, output: '' });
  const pid = Number(readFileSync(pidFile, 'utf8'));
  expect(alive(pid)).toBe(true);
  daemons.push(pid);
  return pid;
}

/** Ends a daemon as a person would. */
async function end(pid: number, pidFile: string): Promise<void> {
  process.kill(pid, 'SIGTERM');
  await until('the daemon ends', () => !alive(pid), 5_000);
  expect(existsSync(pidFile)).toBe(false);
}

function children(pid: number): string {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
}

test.each(['portable', 'native'])('both ends as daemons, %s', async (io) => {
  const server = await daemon(hub, ['-P', keyFile, '-p', String(PORT), '--io', io]);
  const cable = await daemon(client, ['-P', keyFile, '-c', client.link.hub4, '--io', io]);
  // -d of a client returns when the cable is up: the first ping gets through.
  expect(await client.pingsOnce(hub.inner)).toBe(true);
  expect(readFileSync(`/proc/${server}/stat`, 'utf8').split(' ')[5]).toBe(String(server)); // a session of its own
  const plugs = [children(server), children(cable)].filter((pids) => pids !== '').map(Number);
  expect(plugs).toHaveLength(io === 'native' ? 0 : 2);
  await end(cable, join(lab.directory, `${client.namespace}.pid`));
  await end(server, join(lab.directory, `${hub.namespace}.pid`));
  expect(plugs.some(alive)).toBe(false);
});

test('a daemon that fails says why, with a status', async () => {
  const first = await daemon(hub, ['-P', keyFile, '-p', String(PORT)]);
  const second = hub.cryptcab(['-P', keyFile, '-p', String(PORT), '-d']);
  expect(await second.exited).toBe(1);
  expect(second.output).toMatch(/^\S+: UDP port 7667 is in use.*\n$/);
  expect(alive(first)).toBe(true);
});

test('a client daemon whose server is not there yet goes on in the background', async () => {
  const pidFile = join(lab.directory, 'early.pid');
  const early = client.cryptcab(['-P', keyFile, '-c', client.link.hub4, '-d', '--pidfile', pidFile]);
  expect(await early.exited).toBe(0);
  expect(early.output).toMatch(/^\S+: no answer from 10\.77\.1\.1 yet: still trying in the background\n$/);
  daemons.push(Number(readFileSync(pidFile, 'utf8')));
  await daemon(hub, ['-P', keyFile, '-p', String(PORT)]);
  await client.reaches(hub.inner);
});

test('-d that is ended before the cable is up says so, and leaves nothing', async () => {
  const log = join(lab.directory, 'log');
  const early = client.cryptcab(['-P', keyFile, '-c', client.link.hub4, '-d', '-v', '--log-file', log]);
  await until('it calls', () => existsSync(log) && /moved/.test(readFileSync(log, 'utf8')));
  const daemon = Number(children(early.pid));
  expect(await early.stop()).toBe(1);
  expect(early.output).toMatch(/the daemon was ended by SIGTERM before it was up/);
  await until('the daemon ends', () => !alive(daemon));
});

test('a client daemon that is denied says why, and goes on in the background', async () => {
  const server = hub.cryptcab(['-P', keyFile, '-p', String(PORT)]);
  const pidFile = join(lab.directory, 'denied.pid');
  const path = lab.keyFile('wrong', new Uint8Array(24));
  const wrong = client.cryptcab(['-P', path, '-c', client.link.hub4, '-d', '--pidfile', pidFile]);
  expect(await wrong.exited).toBe(0);
  expect(wrong.output).toMatch(/^\S+: 10\.77\.1\.1 denied the key.*; still trying in the background\n$/);
  const pid = Number(readFileSync(pidFile, 'utf8'));
  daemons.push(pid);
  expect(alive(pid)).toBe(true);
  // It comes up with a server that has its key.
  await server.stop();
  await daemon(hub, ['-P', path, '-p', String(PORT)]);
  await client.reaches(hub.inner);
});

test('a daemon sends its key by scp before it leaves the terminal', async () => {
  const { options } = await startSshd(lab, hub);
  await daemon(hub, ['-p', String(PORT)]);
  const log = join(lab.directory, 'log');
  await daemon(client, ['-c', `root@${client.link.hub4}`, '--log-file', log, '-vvvv'], {
    SCP_EXTRA_OPTIONS: options,
  });
  await client.reaches(hub.inner);
  await until('it is logged', () => /the cable is up/.test(readFileSync(log, 'utf8'))); // frames may be sooner
});

/** All that is in the directories for temporary files, where keys that come by scp are as well. */
function leftovers(): string[] {
  return lab.hosts.flatMap((host) => readdirSync(host.temporaryDirectory));
}

async function nothingLeft(before: readonly string[]): Promise<void> {
  await until('nothing more is left', () => leftovers().every((name) => before.includes(name)));
}

for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGALRM'] as const) {
  test(`${signal} ends both ends cleanly`, async () => {
    const before = leftovers();
    const { options } = await startSshd(lab, hub);
    const server = hub.cryptcab(['-p', String(PORT), '-v']);
    await server.prints(/waiting/);
    const cable = client.cryptcab(['-c', `root@${client.link.hub4}`, '-v'], { SCP_EXTRA_OPTIONS: options });
    await cable.prints(/the cable is up/);
    await client.reaches(hub.inner);
    const plugs = [server, cable]
      .map(({ pid }) => children(pid))
      .filter((pids) => pids !== '')
      .map(Number);
    for (const process of [cable, server]) {
      const from = performance.now();
      expect(await process.stop(signal)).toBe(0);
      expect(performance.now() - from).toBeLessThan(1_000 + 2_000); // a second, and a busy machine's two
    }
    for (const { output } of [cable, server]) expect(output).toContain(`"msg":"ended by ${signal}"`);
    expect(plugs.some(alive)).toBe(false);
    await nothingLeft(before);
    // The socket is gone: the port is free.
    const again = hub.cryptcab(['-p', String(PORT), '-v']);
    await again.prints(/waiting/);
  });
}

test('a signal while scp runs ends it and takes the key away', async () => {
  const before = leftovers();
  const started = join(lab.directory, 'scp started');
  // A scp that gets nowhere.
  writeFileSync(join(lab.directory, 'scp'), `#!/bin/sh\necho $$ > '${started}'\nexec sleep 60\n`, {
    mode: 0o755,
  });
  const path = `PATH=${lab.directory}:${process.env.PATH}`;
  const cable = client.start([
    'env',
    path,
    ...cryptcab,
    '-s',
    client.switchPath,
    '-c',
    client.link.hub4,
    '-v',
  ]);
  await until('scp runs', () => existsSync(started) && readFileSync(started, 'utf8') !== '');
  const scp = Number(readFileSync(started, 'utf8'));
  expect(await cable.stop()).toBe(0);
  expect(alive(scp)).toBe(false);
  await nothingLeft(before);
});

test('SIGUSR2 logs what was carried', async () => {
  const server = hub.cryptcab(['-P', keyFile, '-p', String(PORT)]);
  const cable = client.cryptcab(['-P', keyFile, '-c', client.link.hub4]);
  await client.reaches(hub.inner);
  server.signal('SIGUSR2');
  const line = JSON.parse((await server.prints(/^\{.*"carried".*\}$/m))[0]);
  expect(line).toMatchObject({ peer: '10.77.1.2:7667', msg: 'carried' });
  expect(line.opened).toBeGreaterThan(0);
  expect(line.sealed).toBeGreaterThan(0);
  await cable.stop();
});

test('no key in any log, at any verbosity', async () => {
  const key = Uint8Array.from({ length: 24 }, (_, i) => 0xa1 + i * 3);
  const file = lab.keyFile('secret', key);
  const server = hub.cryptcab(['-P', file, '-p', String(PORT), '-vvvv']);
  const cable = client.cryptcab(['-P', file, '-c', client.link.hub4, '-vvvv']);
  await client.reaches(hub.inner);
  await cable.stop();
  await server.stop();
  for (const { output } of [server, cable]) {
    expect(output).toMatch(/"message":"data"/);
    for (const part of [key.subarray(0, 16), key.subarray(0, 8), key.subarray(16)]) {
      const bytes = Buffer.from(part);
      for (const form of [
        bytes.toString('hex'),
        bytes.toString('base64').slice(0, -3),
        bytes.join(','),
        bytes.toString('latin1'),
      ]) {
        expect(output.toLowerCase()).not.toContain(form.toLowerCase());
      }
    }
  }
});
