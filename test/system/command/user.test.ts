// --user: a cable that is no longer root's, and what it can still do.
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import { type Process, run, until } from '../../../lab/process.js';

const NOBODY = Number(run('id', '-u', 'nobody'));
const GROUP = Number(run('id', '-g', 'nobody'));
const NET_ADMIN = 1n << 12n;
const NET_BIND_SERVICE = 1n << 10n;

let lab: Lab;
let hub: Host;
let client: Host;
let keyFile: string;

beforeEach(async () => {
  lab = new Lab(2);
  [hub, client] = lab.hosts as [Host, Host];
  chmodSync(lab.directory, 0o711);
  keyFile = lab.keyFile('key', new Uint8Array(24).fill(9)); // root's alone
  await Promise.all(lab.hosts.map((host) => host.startSwitch(1400, ['-m', '666'])));
});

afterEach(() => lab.close());

/** A field of /proc/PID/status. */
function field(status: string, name: string): string {
  return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(readFileSync(status, 'utf8'))?.[1] as string;
}

/** The process that a program of the lab's has become: the same one, as each execs the next. */
function expectNobody({ pid }: Process, capabilities: bigint, noNewPrivileges = '1'): void {
  const threads = readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}/status`);
  expect(threads.length).toBeGreaterThan(1);
  for (const status of threads) {
    expect(field(status, 'Uid').split('\t').map(Number), status).toEqual(Array(4).fill(NOBODY));
    expect(field(status, 'Gid').split('\t').map(Number), status).toEqual(Array(4).fill(GROUP));
    for (const set of ['CapEff', 'CapPrm'])
      expect(BigInt(`0x${field(status, set)}`) & ~capabilities, `${status} ${set}`).toBe(0n);
  }
  const main = `/proc/${pid}/status`;
  expect(field(main, 'Groups').trim()).toBe(String(GROUP));
  expect(BigInt(`0x${field(main, 'CapEff')}`)).toBe(capabilities);
  expect(field(main, 'NoNewPrivs')).toBe(noNewPrivileges);
}

const children = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);

const USER = ['--user', 'nobody'];

for (const io of ['native', 'portable']) {
  describe(io, () => {
    test('both ends become that user, with nothing of root left, and the cable works', async () => {
      const server = hub.cryptcab(['-P', keyFile, '-v', '--io', io, ...USER]);
      await server.prints(/waiting for clients/);
      const cable = client.cryptcab(['-P', keyFile, '-c', client.link.hub4, '-v', '--io', io, ...USER]);
      await client.reaches(hub.inner);
      for (const end of [server, cable]) {
        expectNobody(end, 0n);
        for (const child of children(end.pid)) {
          expect(field(`/proc/${child}/status`, 'NoNewPrivs')).toBe('1');
          expect(BigInt(`0x${field(`/proc/${child}/status`, 'CapEff')}`)).toBe(0n);
        }
        // The key file is still root's alone.
        end.signal('SIGHUP');
        await end.prints(/the old key stays in use: not allowed to read key file/);
      }
      expect(await client.pingsOnce(hub.inner)).toBe(true);
      for (const end of [cable, server]) expect(await end.stop()).toBe(0);
    });

    test('taps are made by who keeps that alone', async () => {
      // As systems have it; in a container it may be root's alone.
      const [device, own] = ['/dev/net/tun', join(lab.directory, 'tun')];
      run('mknod', '-m', '666', own, 'c', '10', '200');
      const server = hub.start([
        ...['sh', '-c', `mount --bind '${own}' ${device} && exec "$@"`, 'sh', ...cryptcab],
        ...['-P', keyFile, '-s', 'tap://t%d', '-v', '--io', io, ...USER],
      ]);
      await server.prints(/waiting for clients/);
      const cable = client.cryptcab(['-P', keyFile, '-c', client.link.hub4, '--io', io]);
      await server.prints(/client is up/);
      expect(hub.run('ls', '/sys/class/net')).toMatch(/^t\d$/m);
      expectNobody(server, NET_ADMIN);
      await cable.stop();
      expect(await server.stop()).toBe(0);
    });
  });
}

// Deno and Bun take no hooks of Node's.
test.skipIf(process.env.CRYPTCAB_COMMAND !== undefined)(
  'without koffi it becomes that user all the same',
  async () => {
    const env = {
      NODE_OPTIONS: `--import=${new URL('without.mjs', import.meta.url).pathname}`,
      WITHOUT: 'koffi',
    };
    const server = hub.cryptcab(['-P', keyFile, '-v', ...USER], env);
    await server.prints(/waiting for clients/);
    expect(server.output).toMatch(/portable \(not native: the npm package koffi is not installed/);
    expectNobody(server, 0n, '0');
    const cable = client.cryptcab(['-P', keyFile, '-c', client.link.hub4]);
    await client.reaches(hub.inner);
    await cable.stop();
  },
);

test('a port below 1024 can be opened anew', async () => {
  const server = hub.cryptcab(['-P', keyFile, '-p', '443', '-v', ...USER]);
  await server.prints(/waiting for clients/);
  expectNobody(server, NET_BIND_SERVICE);
});

test('--user NAME:GROUP, and numbers', async () => {
  const gid = Number(run('getent', 'group', 'daemon').split(':')[2]);
  for (const user of ['nobody:daemon', `${NOBODY}:${gid}`, `54321:${gid}`]) {
    const server = hub.cryptcab(['-P', keyFile, '-v', '--user', user]);
    await server.prints(/waiting for clients/);
    expect(field(`/proc/${server.pid}/status`, 'Gid').split('\t').map(Number)).toEqual(Array(4).fill(gid));
    expect(await server.stop()).toBe(0);
  }
});

test('its files are theirs: a log that is made for them and opened anew, a pid file', async () => {
  const directory = join(lab.directory, 'theirs');
  mkdirSync(directory);
  chownSync(directory, NOBODY, GROUP);
  const [log, pidFile] = [join(directory, 'log'), join(directory, 'pid')];
  const args = ['-P', keyFile, '-v', '--log-file', log, '--pidfile', pidFile, ...USER, '-d'];
  const started = hub.cryptcab(args);
  expect({ status: await started.exited, output: started.output }).toEqual({ status: 0, output: '' });
  const pid = Number(readFileSync(pidFile, 'utf8'));
  try {
    expect(statSync(log)).toMatchObject({ uid: NOBODY, gid: GROUP });
    expect(statSync(log).mode & 0o777).toBe(0o640);
    expect(field(`/proc/${pid}/status`, 'Uid')).toMatch(new RegExp(`^${NOBODY}\t`));
    process.kill(pid, 'SIGHUP');
    await until('the log was opened anew', () => /SIGHUP: opened/.test(readFileSync(log, 'utf8')));
    process.kill(pid, 'SIGTERM');
    await until('it ends, and takes its pid file away', () => !existsSync(pidFile));
    await until('it has ended', () => !existsSync(`/proc/${pid}`));
  } finally {
    if (existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL');
  }
});

test('a file of a cable that is closed to that user is read at the start, and SIGHUP finds no fault in it', async () => {
  const closed = join(lab.directory, 'closed');
  mkdirSync(closed, { mode: 0o700 });
  const file = join(closed, 'lab.toml');
  writeFileSync(
    file,
    `classic = true\non = "${hub.switchPath}"\npreshared = "${keyFile}"\nuser = "nobody"\nverbose = 1\n`,
  );
  const cable = hub.start([...cryptcab, 'up', '--foreground', file]);
  await cable.prints(/waiting for clients/);
  const from = cable.printed;
  cable.signal('SIGHUP');
  await cable.prints(/SIGHUP: there is no file to be opened or read again/, 15_000, from);
  expect(cable.output).toMatch(
    /what has changed in the file is not named, as the user nobody may not read it/,
  );
  chmodSync(closed, 0o755);
  cable.signal('SIGHUP');
  await cable.prints(/SIGHUP: read settings again/, 15_000, from);
  expect(cable.output).not.toMatch(/the settings stay as they are/);
  expect(await cable.stop()).toBe(0);
});

test('a secure server has a control socket that who logs in as that user finds', async () => {
  const server = hub.cryptcab(['--secure', '--no-classic', '-v', ...USER]);
  await server.prints(/this end can be asked through this control socket/);
  const status = hub.start(['setpriv', `--reuid=${NOBODY}`, '--clear-groups', ...cryptcab, 'status']);
  expect({ status: await status.exited, output: status.output }).toEqual({
    status: 0,
    output: expect.stringMatching(/^7667: server on UDP port 7667, secure, up\n/),
  });
  // Root sees everybody's; who is neither sees nothing.
  const roots = hub.start([...cryptcab, 'status', '7667']);
  expect({ status: await roots.exited, output: roots.output }).toEqual({
    status: 0,
    output: expect.stringMatching(/^7667: server on UDP port 7667, secure, up\n/),
  });
  const others = hub.start(['setpriv', '--reuid=12345', '--clear-groups', ...cryptcab, 'status']);
  expect({ status: await others.exited, output: others.output }).toEqual({
    status: 3,
    output: expect.stringMatching(/^cryptcab: no cable is run by this user here/),
  });
});

describe('what would be closed to that user is refused at the start, in one line', () => {
  const root = (name: string) => join(lab.directory, name);
  test.each<[string, () => readonly string[], RegExp]>([
    ['no such user', () => ['--user', 'no-such-user'], /there is no user no-such-user here; make one/],
    ['no such group', () => ['--user', 'nobody:no-such-group'], /there is no group no-such-group here/],
    ['a number without a group', () => ['--user', '54321'], /there is no user 54321 here/],
    ['root', () => ['--user', 'root'], /--user root gives nothing up: name another user/],
    ['no name', () => ['--user', ':daemon'], /--user is followed by NAME or NAME:GROUP/],
    [
      "a log of root's",
      () => {
        writeFileSync(root('log'), '');
        return [...USER, '--log-file', root('log')];
      },
      /the user nobody may not write the log file \S+\/log, which is opened again on SIGHUP: make it theirs/,
    ],
    [
      'a pid file in a directory of root',
      () => [...USER, '--pidfile', root('pid')],
      /the user nobody may not make the pid file \S+\/pid: name one in a directory of theirs/,
    ],
    [
      "a peers file of root's",
      () => {
        writeFileSync(root('server.key'), run(cryptcab[0] as string, ...cryptcab.slice(1), 'keygen'), {
          mode: 0o600,
        });
        writeFileSync(root('peers'), '', { mode: 0o600 });
        return [...USER, '--secure', '--key', root('server.key'), '--peers', root('peers')];
      },
      /cannot read the peers file \S+\/peers: EACCES/,
    ],
  ])('%s', async (_, args, says) => {
    for (const more of [[], ['-d']]) {
      const server = hub.cryptcab([...args(), ...more]);
      expect([1, 2]).toContain(await server.exited);
      expect(server.output.split('\n').filter((line) => line !== '' && !line.startsWith('{'))).toEqual([
        expect.stringMatching(says),
      ]);
    }
    expect(existsSync(root('pid'))).toBe(false);
  });

  test('who is not root becomes nobody else', async () => {
    const server = hub.start([
      ...['setpriv', '--reuid=54321', '--clear-groups'],
      ...[...cryptcab, '-s', hub.switchPath, ...USER],
    ]);
    expect(await server.exited).toBe(1);
    expect(server.output).toMatch(/^\S+: --user nobody: only root can become another user[^\n]*\n$/);
  });
});
