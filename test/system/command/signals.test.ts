// What a system does to a program that runs for long: signals, logs that cannot be written, a terminal that is closed.
import {
  chmodSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import { type Process, run, until } from '../../../lab/process.js';

let lab: Lab;
let hub: Host;
let client: Host;
let keyFile: string;

const daemons: number[] = [];

beforeEach(async () => {
  lab = new Lab(2);
  [hub, client] = lab.hosts as [Host, Host];
  keyFile = lab.keyFile('key', new Uint8Array(24).fill(9));
  await Promise.all(lab.hosts.map((host) => host.startSwitch()));
});

afterEach(async () => {
  for (const pid of daemons.splice(0)) if (alive(pid)) process.kill(pid, 'SIGKILL');
  await lab.close();
});

const alive = (pid: number) => existsSync(`/proc/${pid}`);

/** Runs cryptcab to its end; returns what it printed. */
const answerOf = (...args: string[]) => run(cryptcab[0] as string, ...cryptcab.slice(1), ...args).trim();

/** A word of a shell's. */
const word = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** The options of both ends, by mode. */
const MODES = {
  classic: () => ({ server: ['-P', keyFile], cable: ['-P', keyFile, '-c', client.link.hub4] }),
  secure: () => {
    const [server, cable] = ['server.key', 'client.key'].map((name) => {
      const path = lab.keyFile(name, new Uint8Array());
      writeFileSync(path, answerOf('keygen'));
      return {
        path,
        publicKey: run('sh', '-c', `${cryptcab.map(word).join(' ')} pubkey < ${word(path)}`).trim(),
      };
    }) as [{ path: string; publicKey: string }, { path: string; publicKey: string }];
    const peers = lab.keyFile('peers', new Uint8Array());
    writeFileSync(peers, `${cable.publicKey} name=alice\n`);
    return {
      server: ['--secure', '--no-classic', '--key', server.path, '--peers', peers],
      cable: ['--secure', '--key', cable.path, '--peer', server.publicKey, '-c', client.link.hub4],
    };
  },
} as const;

/** Starts our program by a shell, which makes of `$@` what the script says. */
function shell(host: Host, script: string, args: readonly string[]): Process {
  return host.start(['sh', '-c', script, 'sh', ...cryptcab, '-s', host.switchPath, ...args]);
}

for (const mode of ['classic', 'secure'] as const) {
  describe(mode, () => {
    test('SIGHUP opens the log file anew, ends nothing, and the end is logged', async () => {
      const options = MODES[mode]();
      const ends = [
        { host: hub, args: options.server },
        { host: client, args: options.cable },
      ];
      for (const { host, args } of ends) {
        const [log, pidFile] = [
          join(lab.directory, `log${host.index}`),
          join(lab.directory, `pid${host.index}`),
        ];
        const started = host.cryptcab([...args, '-d', '-v', '--log-file', log, '--pidfile', pidFile]);
        expect({ status: await started.exited, output: started.output }).toEqual({ status: 0, output: '' });
        daemons.push(Number(readFileSync(pidFile, 'utf8')));
      }
      expect(await client.pingsOnce(hub.inner)).toBe(true);
      for (const [i, pid] of daemons.entries()) {
        const log = join(lab.directory, `log${i}`);
        renameSync(log, `${log}.1`);
        process.kill(pid, 'SIGHUP');
        await until(
          'the log is there again',
          () => existsSync(log) && /SIGHUP/.test(readFileSync(log, 'utf8')),
        );
        expect(readFileSync(`${log}.1`, 'utf8')).not.toMatch(/SIGHUP/);
      }
      expect(await client.pingsOnce(hub.inner)).toBe(true);
      for (const [i, pid] of daemons.entries()) {
        process.kill(pid, 'SIGTERM');
        await until('it ends', () => !alive(pid));
        expect(readFileSync(join(lab.directory, `log${i}`), 'utf8')).toMatch(/"msg":"ended by SIGTERM"/);
      }
    });

    test('a full disk costs log lines, which are counted, and nothing else', async () => {
      const options = MODES[mode]();
      const disk = join(lab.directory, 'disk');
      mkdirSync(disk);
      // Each has a file system of its own, as large as one page, in a mount namespace of its own.
      const onDisk = `mount -t tmpfs -o size=4k none ${word(disk)} && exec "$@"`;
      const log = ['-vvvv', '--log-file', join(disk, 'log')];
      const server = shell(hub, onDisk, [...options.server, ...log]);
      await until('the server listens', () => hub.listens(7667));
      const cable = shell(client, onDisk, [...options.cable, ...log]);
      await client.reaches(hub.inner);
      for (const end of [server, cable]) {
        await end.prints(/: cannot write the log file \S+, log lines are lost: ENOSPC/);
        expect(end.output.match(/cannot write/g)).toHaveLength(1);
        // The namespaces are those of the process that was started: sh, then ours.
        const inside = (command: string) => run('nsenter', '-t', String(end.pid), '-m', 'sh', '-c', command);
        inside(`mount -o remount,size=1m ${word(disk)}`);
        await until('the loss is said', () =>
          /\d+ log lines? (?:was|were) lost: ENOSPC/.test(inside(`cat ${word(disk)}/log`)),
        );
      }
      expect(await client.pingsOnce(hub.inner)).toBe(true);
      expect(await cable.stop()).toBe(0);
      expect(await server.stop()).toBe(0);
    });
  });
}

test('SIGHUP has a server read its key file again: who logs in from now on needs the new key', async () => {
  const server = hub.cryptcab(['-P', keyFile, '-v']);
  await server.prints(/waiting/);
  writeFileSync(keyFile, new Uint8Array(24).fill(8));
  server.signal('SIGHUP');
  await server.prints(/read another key from the key file/);
  client.cryptcab(['-P', keyFile, '-c', client.link.hub4]);
  await client.reaches(hub.inner);
  // One that cannot be read any more changes nothing.
  chmodSync(keyFile, 0);
  writeFileSync(keyFile, '');
  server.signal('SIGHUP');
  await server.prints(/the old key stays in use: /);
  expect(await client.pingsOnce(hub.inner)).toBe(true);
});

test.each(['native', 'portable'])('a pipe that nobody reads holds nothing up, %s', async (io) => {
  const pipes = ['a', 'b'].map((name) => join(lab.directory, name)) as [string, string];
  // Both ends of each pipe are open, and nobody reads: it is full soon, and a write to it blocks.
  const stuck = (pipe: string) => `mkfifo ${pipe} && exec "$@" 2<>${pipe}`;
  const { server: serving, cable: connecting } = MODES.classic();
  const server = shell(hub, stuck(pipes[0]), [...serving, '-vvvv', '--io', io]);
  await until('the server listens', () => hub.listens(7667));
  const cable = shell(client, stuck(pipes[1]), [...connecting, '-vvvv', '--io', io]);
  await client.reaches(hub.inner);
  // Each ping is two datagrams, a line of 300 bytes or more at each end: a pipe has room for 64 KiB.
  client.run('ping', '-n', '-q', '-c', '300', '-i', '0.002', hub.inner);
  expect(await client.pingsOnce(hub.inner)).toBe(true);
  expect(await cable.stop()).toBe(0);
  expect(await server.stop()).toBe(0);
});

test.each(['2>/dev/full', '2>&-', '>&- 2>&- <&-'])('runs and ends with %s', async (redirection) => {
  const server = shell(hub, `exec "$@" ${redirection}`, ['-P', keyFile, '-vvvv']);
  await until('the server listens', () => hub.listens(7667));
  client.cryptcab(['-P', keyFile, '-c', client.link.hub4]);
  await client.reaches(hub.inner);
  server.signal('SIGPIPE');
  server.signal('SIGHUP');
  expect(await client.pingsOnce(hub.inner)).toBe(true);
  expect(await server.stop()).toBe(0);
});

test('SIGUSR1 opens no debugger, also not of a daemon', async () => {
  const pidFile = join(lab.directory, 'pid');
  const server = hub.cryptcab(['-P', keyFile, '-v']);
  await server.prints(/waiting/);
  const daemon = client.cryptcab(['-P', keyFile, '-c', client.link.hub4, '-d', '--pidfile', pidFile]);
  expect(await daemon.exited).toBe(0);
  daemons.push(Number(readFileSync(pidFile, 'utf8')));
  for (const pid of [server.pid, ...daemons]) process.kill(pid, 'SIGUSR1');
  // What comes after it has been seen to: the signal was, too.
  server.signal('SIGUSR2');
  await server.prints(/"carried"/);
  const listening = () => [hub, client].map((host) => host.run('ss', '-Htln')).join('');
  const until = performance.now() + 500;
  while (performance.now() < until) expect(listening()).not.toMatch(/:9229/);
  expect(await client.pingsOnce(hub.inner)).toBe(true);
});

describe('SIGHUP', () => {
  /** Starts a server at a terminal, which closes when the returned process is killed. */
  function atTerminal(before: string, after = ''): Process {
    const command = [
      ...cryptcab,
      '-s',
      hub.switchPath,
      '-P',
      keyFile,
      '-v',
      '--log-file',
      join(lab.directory, 'log'),
    ];
    return hub.start(['script', '-qfc', `${before} ${command.map(word).join(' ')} ${after}`, '/dev/null']);
  }
  const log = () => readFileSync(join(lab.directory, 'log'), 'utf8');

  test('ends a program whose terminal was closed', async () => {
    const terminal = atTerminal('exec');
    await until('the server listens', () => hub.listens(7667));
    terminal.signal('SIGKILL');
    await until('it ends', () => !hub.listens(7667));
    await until('it says why', () => /ended by SIGHUP: its terminal was closed/.test(log()));
  });

  test('does not by itself', async () => {
    const terminal = atTerminal('exec');
    await until('the server listens', () => hub.listens(7667));
    const pid = Number(readFileSync(`/proc/${terminal.pid}/task/${terminal.pid}/children`, 'utf8'));
    process.kill(pid, 'SIGHUP');
    await until('it reads again', () => /"msg":"SIGHUP: opened/.test(log()));
    expect(hub.listens(7667)).toBe(true);
  });

  test('spares what nohup started, terminal or none', async () => {
    const terminal = atTerminal(`cd ${word(lab.directory)}; exec nohup`);
    await until('the server listens', () => hub.listens(7667));
    const pid = Number(readFileSync(`/proc/${terminal.pid}/task/${terminal.pid}/children`, 'utf8'));
    daemons.push(pid);
    terminal.signal('SIGKILL');
    await until('it reads again', () => /"msg":"SIGHUP: opened/.test(log()));
    expect(hub.listens(7667)).toBe(true);
    expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toMatch(/-P/);
  });
});

test('a second start with a live pid file is refused, and touches nothing', async () => {
  const pidFile = join(lab.directory, 'pid');
  const args = ['-P', keyFile, '--pidfile', pidFile];
  const first = hub.cryptcab([...args, '-v']);
  await until('the pid file is there', () => existsSync(pidFile));
  const content = readFileSync(pidFile, 'utf8');
  expect(content).toBe(`${first.pid}\n`);
  for (const more of [[], ['-d'], ['-p', '7668'], ['-c', '10.77.1.2', '-p', '0', '-d']]) {
    const second = hub.cryptcab([...args, ...more]);
    expect(await second.exited).toBe(1);
    expect(second.output).toMatch(
      new RegExp(`^\\S+: this is running already, as process ${first.pid} .*\\n$`),
    );
  }
  expect(readFileSync(pidFile, 'utf8')).toBe(content);
  expect(await first.stop()).toBe(0);
  expect(existsSync(pidFile)).toBe(false);
  // One that is left over is replaced: of a process that is gone, or that is something else.
  for (const pid of [first.pid, process.pid]) {
    writeFileSync(pidFile, `${pid}\n`);
    const again = hub.cryptcab([...args, '-v']);
    await until('the pid file is its own', () => {
      try {
        return readFileSync(pidFile, 'utf8') === `${again.pid}\n`;
      } catch {
        return false; // for a moment, while the old one is replaced, there is none
      }
    });
    // And another's is not taken away.
    writeFileSync(`${pidFile}.other`, '1\n');
    renameSync(`${pidFile}.other`, pidFile);
    expect(await again.stop()).toBe(0);
    expect(readFileSync(pidFile, 'utf8')).toBe('1\n');
  }
});

test.each([[[]], [['-d']]])('a umask of 0 makes nothing that others can write, %j', async (more) => {
  const made = join(lab.directory, 'made');
  mkdirSync(made, { mode: 0o755 });
  const [pidFile, log] = [join(made, 'pid'), join(made, 'log')];
  const args = ['--secure', '--pidfile', pidFile, '--log-file', log, ...more];
  const started = shell(hub, 'umask 0; exec "$@"', args);
  await until('the pid file is there', () => existsSync(pidFile));
  daemons.push(Number(readFileSync(pidFile, 'utf8')));
  await until('the pid file has one name', () => readdirSync(made).length === 2); // it is written under another one first
  const control = join(hub.runtimeDirectory, 'cryptcab');
  const modes = [pidFile, log, control, join(control, '7667.sock')].map(
    (path) => statSync(path).mode & 0o777,
  );
  expect(modes).toEqual([0o644, 0o640, 0o700, 0o600]);
  expect(readdirSync(made).sort()).toEqual(['log', 'pid']);
  await started.stop();
});

describe('one line', () => {
  const fault = async (process: Process) => ({ status: await process.exited, output: process.output });

  test.each(['/nonexistent', '/dev/full', '/proc/1'])(
    'where TMPDIR is %s and scp sends a key',
    async (TMPDIR) => {
      for (const more of [[], ['-d']]) {
        const started = hub.cryptcab(['-c', '127.0.0.1', '-p', '0', ...more], { TMPDIR });
        expect(await fault(started)).toEqual({
          status: 1,
          output: expect.stringMatching(
            /^\S+: cannot keep the key in a temporary file for scp \(.*\): set TMPDIR to .*, or use -P KEYFILE\n$/,
          ),
        });
      }
    },
  );

  test.each(['keygen', '--help', 'vectors verify'])(
    'where the answer of %s cannot be written',
    async (args) => {
      const started = hub.start(['sh', '-c', `exec "$@" ${args} >/dev/full`, 'sh', ...cryptcab]);
      expect(await fault(started)).toEqual({
        status: 1,
        output: expect.stringMatching(/^\S+: cannot write to standard output: ENOSPC.*\n$/),
      });
    },
  );

  test('and not even that where nobody reads the answer', async () => {
    const started = hub.start(['sh', '-c', 'trap "" PIPE; "$@" --help | true; true', 'sh', ...cryptcab]);
    expect(await fault(started)).toEqual({ status: 0, output: '' });
  });

  test('where the working directory is gone', async () => {
    const gone = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"';
    const relative = hub.start([
      'sh',
      '-c',
      `cd ${word(lab.directory)} && ${gone} -s switch`,
      'sh',
      ...cryptcab,
    ]);
    expect(await fault(relative)).toEqual({
      status: 2,
      output: expect.stringMatching(
        /^\S+: the working directory is gone, and 'switch' is a path from there.*\n$/,
      ),
    });
    const absolute = shell(hub, `cd ${word(lab.directory)} && ${gone}`, ['-P', keyFile, '-v']);
    await absolute.prints(/waiting/);
    expect(await absolute.stop()).toBe(0);
  });
});

test("links of another user's in the place of log and pid file are refused, each in one line", async () => {
  const target = join(lab.directory, 'target');
  writeFileSync(target, 'x');
  for (const name of ['log', 'pid']) {
    const link = join(lab.directory, name);
    symlinkSync(target, link);
    lchownSync(link, 4711, 4711);
    for (const more of [[], ['-d']]) {
      const option = name === 'log' ? '--log-file' : '--pidfile';
      const server = hub.cryptcab(['-P', keyFile, option, link, ...more]);
      expect(await server.exited).toBe(1);
      expect(server.output).toMatch(
        /^\S+: cannot (use the pid|write the log) file \S+: \S+ is a symbolic link that another user \(4711\) has made[^\n]*\n$/,
      );
    }
  }
  expect(readFileSync(target, 'utf8')).toBe('x');
});
