// Enrolment by ssh: a real sshd, a server with --secure beside it, and a client that has nothing but a login.
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { transfer } from '../../lab/checks.js';
import { cryptcab, type Host, Lab } from '../../lab/lab.js';
import { type Process, run, until } from '../../lab/process.js';
import { type Sshd, startSshd } from '../../lab/sshd.js';
import { seed } from '../seed.js';

let lab: Lab;
let hub: Host;
let client: Host;
let sshd: Sshd;
const daemons: number[] = [];

beforeEach(async () => {
  lab = new Lab(2);
  [hub, client] = lab.hosts as [Host, Host];
  [sshd] = await Promise.all([
    startSshd(lab, hub, client.link.hub4),
    ...lab.hosts.map((host) => host.startSwitch()),
  ]);
});

afterEach(async () => {
  for (const pid of daemons.splice(0)) if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL');
  await lab.close();
});

async function serve(args: readonly string[] = []): Promise<Process> {
  const server = hub.cryptcab(['--secure', '--no-classic', '-vvvv', ...args]);
  await server.prints(/waiting for clients/);
  return server;
}

const target = () => `root@${client.link.hub4}`;
const SECRETS = /[A-Za-z0-9+/]{43}=/g;

function enrol(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Process {
  return client.cryptcab(['--secure', '-c', target(), '-vvvv', ...args], {
    SSH_EXTRA_OPTIONS: sshd.strictOptions,
    ...env,
  });
}

/** What stands where a program may leave something behind; the lab's own directory apart. */
function files(): string[] {
  return ['/tmp', homedir(), join(homedir(), '.ssh'), '/run', '/run/cryptcab'].flatMap((directory) =>
    existsSync(directory)
      ? readdirSync(directory)
          .filter((name) => /cryptcab|vde_|\.key|known_hosts/.test(name) && !name.includes('-lab-'))
          .map((name) => join(directory, name))
      : [],
  );
}

test('a client with nothing but a login gets a cable; nothing is left on a disk, and no key in a log', async () => {
  const before = files();
  const server = await serve();
  const cable = enrol();
  await cable.prints(/the cable is up/, 30_000);
  await client.reaches(hub.inner);
  // Before the transfer, which pushes it out of what is kept: the server says its public key, and nobody says another.
  const told = new Set([server, cable].flatMap(({ output }) => output.match(SECRETS) ?? []));
  expect(told.size).toBe(1);
  const { sent, received } = await transfer(client, hub, { bytes: 1_000_000 }, seed);
  expect(received.sha256).toBe(sent.sha256);
  const table = hub.start([...cryptcab, 'status']);
  expect(await table.exited).toBe(0);
  expect(table.output).toMatch(/ (?:native|portable) \(|portable *$/m); // how it moves frames
  expect(table.output).toMatch(
    /^server +peer +address +sealed .* io *\n +7667 +\S+… +10\.77\.1\.2:7667 +\d+ /,
  );
  expect(await cable.stop()).toBe(0);
  expect(await server.stop()).toBe(0);
  expect(files()).toEqual(before);
  expect(readdirSync(hub.runtimeDirectory, { recursive: true })).toEqual(['cryptcab']);
});

test('a server that was restarted gets its client back, by another enrolment', async () => {
  const first = await serve();
  const cable = enrol();
  await cable.prints(/the cable is up/, 30_000);
  await client.reaches(hub.inner);
  await first.stop('SIGKILL'); // its socket stays, and is replaced
  await serve();
  await client.reaches(hub.inner, 60_000);
  expect(cable.running).toBe(true);
});

test('a client whose address changes in the middle of a transfer goes on, by the keys that it has', async () => {
  const server = hub.cryptcab(['--secure', '--no-classic', '-v']); // no more, or a transfer would push the rest out
  await server.prints(/waiting for clients/);
  const cable = client.cryptcab(['--secure', '-c', target(), '-v'], {
    SSH_EXTRA_OPTIONS: sshd.strictOptions,
  });
  await cable.prints(/the cable is up/, 30_000);
  await client.reaches(hub.inner);
  const moving = transfer(client, hub, { seconds: 5 }, seed);
  const ping = client.start(['ping', '-n', '-D', '-i', '0.05', hub.inner]);
  await ping.prints(/icmp_seq=[4-9]\d /);
  const { own4 } = client.link;
  client.run('sysctl', '-qw', 'net.ipv4.conf.all.promote_secondaries=1');
  client.run('ip', 'address', 'add', `${own4}2/24`, 'dev', client.device);
  client.run('ip', 'address', 'delete', `${own4}/24`, 'dev', client.device);
  await server.prints(/"the peer has moved"/);
  const { sent, received } = await moving;
  expect(received.sha256).toBe(sent.sha256);
  await ping.stop('SIGINT');
  const times = [...ping.output.matchAll(/^\[([\d.]+)\]/gm)].map(([, time]) => Number(time));
  const silence = Math.max(...times.slice(1).map((time, i) => time - (times[i] as number)));
  console.log(`silent for ${silence.toFixed(2)} s`);
  expect(silence).toBeLessThan(1);
  expect(server.output.match(/enrolled a peer/g)).toHaveLength(1);
  expect(server.output.match(/peer is up/g)).toHaveLength(1);
});

test('-d enrols before it leaves the terminal, once', async () => {
  const server = await serve();
  const pidFile = join(lab.directory, 'pid');
  const started = client.cryptcab(['--secure', '-c', target(), '-d', '--pidfile', pidFile], {
    SSH_EXTRA_OPTIONS: sshd.strictOptions,
  });
  expect({ status: await started.exited, output: started.output }).toEqual({ status: 0, output: '' });
  daemons.push(Number(readFileSync(pidFile, 'utf8')));
  await client.reaches(hub.inner);
  expect(server.output.match(/enrolled a peer/g)).toHaveLength(1);
});

test('the server of a port, where several run', async () => {
  await serve();
  const other = await serve(['-p', '2100']);
  const any = enrol();
  expect(await any.exited).toBe(1);
  expect(any.output).toMatch(/several servers run here, on UDP ports (7667, 2100|2100, 7667): choose one/);
  const cable = enrol(['-c', `${target()}:2100`]);
  await cable.prints(/the cable is up/, 30_000);
  await other.prints(/peer is up/);
});

/** What a client says that cannot enrol, with and without -d. */
async function refused(env: Record<string, string>, says: RegExp): Promise<void> {
  for (const args of [[], ['-d']]) {
    const all = { SSH_EXTRA_OPTIONS: sshd.strictOptions, ...env };
    const cable = client.start([
      'env',
      ...Object.entries(all).map(([name, value]) => `${name}=${value}`),
      ...cryptcab,
      ...['-s', client.switchPath, '--secure', '-c', target()],
      ...args,
    ]);
    expect(await cable.exited).toBe(1);
    const lines = cable.output.trim().split('\n');
    expect(lines).toEqual([expect.stringMatching(says)]);
  }
}

test('what can be wrong is one line each, and status 1', async () => {
  await refused(
    {},
    /root@10\.77\.1\.1 did not enrol this client: cryptcab: no server with --secure is run by this user/,
  );
  const server = await serve();
  await refused({ PATH: lab.directory }, /ssh is not installed, or not on the PATH/);
  await refused(
    { SSH_EXTRA_OPTIONS: sshd.strictOptions.replace('-p 2222', '-p 2223') },
    /cannot enrol at root@10\.77\.1\.1 by ssh \(ssh: connect to host .* refused\): see that/,
  );
  await refused({ SSH_EXTRA_OPTIONS: "-o 'x" }, /SSH_EXTRA_OPTIONS has a quote that is not closed/);
  await refused({ CRYPTCAB_REMOTE: 'true' }, /root@10\.77\.1\.1 does not answer as cryptcab does/);
  rmSync(sshd.program);
  await refused(
    {},
    /there is no cryptcab for root@10\.77\.1\.1: install it there, or say in CRYPTCAB_REMOTE/,
  );
  const stranger = join(lab.directory, 'stranger');
  run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', stranger);
  const known = readFileSync(sshd.knownHosts, 'utf8').split(' ')[0];
  writeFileSync(sshd.knownHosts, `${known} ${readFileSync(`${stranger}.pub`, 'utf8')}`);
  await refused({}, /ssh does not trust the host key of 10\.77\.1\.1: see what 'ssh root@10\.77\.1\.1' says/);
  expect(server.output).not.toMatch(/enrolled a peer/);
});

test('a second server does not take the control socket of the first, and ends', async () => {
  await serve();
  // Another network namespace, where the UDP port is free, and the same runtime directory.
  const second = client.cryptcab(['--secure'], { XDG_RUNTIME_DIR: hub.runtimeDirectory });
  expect(await second.exited).toBe(1);
  expect(second.output).toMatch(/another server has the control socket \S+7667\.sock: end it, or choose/);
  await until('it has left its UDP port', () => !client.listens(7667));
});
