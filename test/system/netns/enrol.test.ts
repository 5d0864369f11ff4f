// Enrolment by ssh: a real sshd, a server with --secure beside it, and a client that has nothing but a login.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { transfer } from '../../../lab/checks.js';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import { type Process, run, until } from '../../../lab/process.js';
import { type Sshd, startSshd } from '../../../lab/sshd.js';
import { seed } from '../../support/seed.js';

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

/** One more switch beside the client's own: a second cable between the same two switches would be a loop. */
async function anotherSwitch(name: string): Promise<string> {
  const path = join(lab.directory, name);
  client.start(['vde_switch', '-s', path]);
  await until(`the switch at ${path} is there`, () => existsSync(join(path, 'ctl')));
  return path;
}

/**
 * What is where a program may leave something behind: in directories of the lab's all, elsewhere what may be ours. Keys in
 * /tmp are of C programs, which other labs may run at the same time: those of ours go where TMPDIR says.
 */
function files(): string[] {
  const list = (directory: string, pattern: RegExp) =>
    existsSync(directory)
      ? readdirSync(directory)
          .filter((name) => pattern.test(name))
          .map((name) => join(directory, name))
      : [];
  const own = lab.hosts.flatMap(({ runDirectory, temporaryDirectory }) => [runDirectory, temporaryDirectory]);
  return [
    // Bun unpacks a library there when it runs the one file, and uses it again the next time.
    ...own.flatMap((directory) => list(directory, /^(?!\.bun-.*\.node$)/)),
    ...[homedir(), join(homedir(), '.ssh')].flatMap((directory) => list(directory, /^cryptcab|known_hosts/)),
  ];
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
  expect(table.output).toMatch(/ I\/O +(?:native|portable)/); // how it moves frames
  expect(table.output).toMatch(
    /\npeer +state +for +address +port +rtt .*\n\S+… +up +\d+ \S+ +10\.77\.1\.2:\d+ +open /,
  );
  const peers = hub.start([...cryptcab, 'peers', '--json']);
  expect(await peers.exited).toBe(0);
  const { origin, up, heard } = JSON.parse(peers.output);
  expect(origin).toEqual({
    ...{ how: 'ssh', user: userInfo().username, address: '10.77.1.2' },
    at: expect.stringMatching(/^\d{4}-.*Z$/),
  });
  expect({ up, heard }).toEqual({ up: true, heard: expect.any(String) });
  expect(await cable.stop()).toBe(0);
  expect(await server.stop()).toBe(0);
  const more = () => files().filter((name) => !before.includes(name));
  await until('nothing more is left', () => more().length === 0).catch(() => expect(more()).toEqual([]));
  expect(readdirSync(hub.runtimeDirectory, { recursive: true })).toEqual(['cryptcab']);
});

test('who has enrolled is removed by the login, and comes back while that is good', async () => {
  await serve();
  const cable = enrol();
  await cable.prints(/the cable is up/, 30_000);
  const by = `${userInfo().username}@10.77.1.2`;
  const remove = hub.start([...cryptcab, 'peers', 'remove', by]);
  expect(await remove.exited).toBe(0);
  expect(remove.output).toMatch(
    /^\S+…: removed\n\S+@10\.77\.1\.2 enrols anew, with another key, while that login is good: take it out of /,
  );
  await cable.prints(/the cable is down[\s\S]*the cable is up/, 60_000);
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
  expect(silence).toBeLessThan(5); // a handshake would come after 15 s of silence
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
    /root@10\.77\.1\.1 did not enrol this client: it says: no secure server is run by this user/,
  );
  const server = await serve();
  await refused({ PATH: lab.directory }, /ssh is not installed, or not on the PATH/);
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

test('an sshd that is not there yet is waited for, and -d goes on in the background', async () => {
  await sshd.stop();
  const server = hub.cryptcab(['--secure', '--no-classic', '-v']); // no more, or the rest would be pushed out
  await server.prints(/waiting for clients/);
  const pidFile = join(lab.directory, 'pid');
  const cable = enrol();
  const daemon = enrol(['-d', '-p', '0', '-s', await anotherSwitch('other'), '--pidfile', pidFile]);
  await cable.prints(/cannot enrol at root@10\.77\.1\.1 by ssh \(.* refused\): .*; trying again/, 30_000);
  expect(await daemon.exited).toBe(0);
  expect(daemon.output).toMatch(/: cannot enrol at .* refused\).*; still trying in the background\n$/);
  daemons.push(Number(readFileSync(pidFile, 'utf8')));
  await sshd.start();
  await cable.prints(/enrolled at 10\.77\.1\.1: going on/, 30_000);
  await client.reaches(hub.inner);
  await until('both are up', () => server.output.match(/peer is up/g)?.length === 2, 30_000);
});

test('a name of ssh’s configuration, and an endpoint that is elsewhere', async () => {
  const server = await serve(['-p', '2100']);
  const options = sshd.alias('lab');
  const cable = enrol(['-c', 'lab'], { SSH_EXTRA_OPTIONS: options });
  await cable.prints(/the cable is up/, 30_000);
  await cable.stop();
  await server.stop();
  // Behind a port forward: what ssh tells is not the port to use.
  hub.run(
    'nft',
    'add table ip forward; add chain ip forward in { type nat hook prerouting priority dstnat; }',
  );
  hub.run('nft', 'add rule ip forward in udp dport 9000 redirect to :2100');
  await serve(['-p', '2100']);
  const forwarded = enrol(['-c', 'lab', '--endpoint', `${client.link.hub4}:9000`], {
    SSH_EXTRA_OPTIONS: options,
  });
  await forwarded.prints(/"direction":"out","peer":"10\.77\.1\.1:9000"/, 30_000);
  await forwarded.prints(/the cable is up/, 30_000);
  expect(forwarded.output).not.toMatch(/"direction":"out","peer":"10\.77\.1\.1:2100"/);
});

test('the classic client by scp knows ssh’s names, too', async () => {
  const server = hub.cryptcab(['-v']);
  await server.prints(/waiting for clients/);
  const cable = client.cryptcab(['-c', 'lab', '-v'], { SCP_EXTRA_OPTIONS: sshd.alias('lab') });
  await cable.prints(/the cable is up/, 30_000);
  await client.reaches(hub.inner);
});

test('a second server does not take the control socket of the first, and runs without', async () => {
  const first = await serve();
  // Another network namespace, where the UDP port is free, and the same runtime directory.
  const second = client.cryptcab(['--secure', '-v'], { XDG_RUNTIME_DIR: hub.runtimeDirectory });
  await second.prints(
    /no control socket, .*another end has the control socket \S+7667\.sock: end it, or choose/,
  );
  await second.prints(/waiting for clients/);
  expect(await second.stop()).toBe(0);
  expect(first.output).not.toMatch(/refused a control request/);
  const status = hub.start([...cryptcab, 'status']);
  expect(await status.exited).toBe(0);
  expect(status.output).toMatch(/7667/);
});

test('twelve clients enrol at once at an sshd that lets two in at a time', async () => {
  await sshd.stop();
  await sshd.start(['MaxStartups 2:100:2']);
  const server = await serve();
  // Two that do not log in: all others are refused until they go.
  const open = `exec 3<>/dev/tcp/${client.link.hub4}/2222; read -r line <&3; echo "$line"; exec sleep 1000`;
  const idle = [0, 1].map(() => client.start(['bash', '-c', open]));
  await Promise.all(idle.map((one) => one.prints(/^SSH-2/)));
  const options = { SSH_EXTRA_OPTIONS: sshd.strictOptions };
  const cables = await Promise.all(
    Array.from({ length: 12 }, async (_, i) => {
      const path = await anotherSwitch(`other${i}`);
      return client.cryptcab(['--secure', '-c', target(), '-v', '-p', '0', '-s', path], options);
    }),
  );
  await Promise.all(cables.map((cable) => cable.prints(/cannot enrol at .*; trying again/, 40_000)));
  await Promise.all(idle.map((one) => one.stop()));
  await Promise.all(cables.map((cable) => cable.prints(/the cable is up/, 60_000)));
  expect(server.output.match(/enrolled a peer/g)?.length).toBeGreaterThanOrEqual(12);
});

test('a login that may only enrol: of several servers the one whose port the client named', async () => {
  await sshd.stop();
  await sshd.start(['ForceCommand cryptcab enroll']);
  await serve();
  const other = await serve(['-p', '2100']);
  const cable = enrol(['-c', `${target()}:2100`]);
  await cable.prints(/the cable is up/, 30_000);
  await other.prints(/peer is up/);
  await cable.stop();
  const any = enrol();
  expect(await any.exited).toBe(1);
  expect(any.output).toMatch(/several servers run here/);
});

test('what the shell there prints is survived', async () => {
  await serve();
  const noise = join(lab.directory, 'noise');
  const program = readFileSync(sshd.program, 'utf8')
    .split('\n')
    .at(1)
    ?.replace(/^exec /, '');
  const script = `#!/bin/sh\nseq 20000\nhead -c 30000 /dev/urandom\nprintf 'no end of line'\n${program}\nseq 20000\nprintf 'bye'\n`;
  writeFileSync(noise, script, { mode: 0o755 });
  const cable = enrol([], { CRYPTCAB_REMOTE: noise });
  await cable.prints(/the cable is up/, 30_000);
  await cable.stop();
});

test('a server full of peers that have enrolled and are up says so to one more, and to its own log', async () => {
  const server = await serve(['--enrolled-max', '1']);
  const first = enrol();
  await first.prints(/the cable is up/, 30_000);
  const second = client.cryptcab(
    ['--secure', '-p', '0', '-c', target(), '-s', await anotherSwitch('second.ctl')],
    {
      SSH_EXTRA_OPTIONS: sshd.strictOptions,
    },
  );
  expect(await second.exited).toBe(1);
  expect(second.output).toMatch(
    /did not enrol this client: .*cannot enrol: all places for peers that enrol are taken \(1\): raise their number at the server"?}?\n$/,
  );
  expect(server.output).toMatch(/refused a control request: cannot enrol: all places .* are taken \(1\)/);
  await client.reaches(hub.inner);
});

test('an ssh that hangs ends with the client that started it, however that ends', async () => {
  const programs = join(lab.directory, 'programs');
  const started = join(lab.directory, 'started');
  mkdirSync(programs);
  writeFileSync(join(programs, 'ssh'), `#!/bin/sh\necho $$ > ${started}\nexec sleep 600\n`, { mode: 0o755 });
  const cable = enrol([], { PATH: `${programs}:${process.env.PATH}` });
  await until('ssh runs', () => existsSync(started) && readFileSync(started, 'utf8').endsWith('\n'));
  const pid = Number(readFileSync(started, 'utf8'));
  // While exec replaces the shell by sleep, it is empty.
  await until('the process is sleep or the shell', () =>
    /^(sleep|\/bin\/sh)/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8')),
  );
  cable.signal('SIGKILL');
  await until('it has ended', () => !existsSync(`/proc/${pid}`));
});
