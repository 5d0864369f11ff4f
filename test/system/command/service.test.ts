// Under a supervisor: what it is told, and when; and where the log of a daemon goes.

import { spawn } from 'node:child_process';
import { closeSync, existsSync, fstatSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DatagramSocket } from '../../../lab/datagram-socket.js';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import { until } from '../../../lab/process.js';

let lab: Lab;
let hub: Host;
let client: Host;
let key: string;
let notified: DatagramSocket;
let notify: string;

beforeEach(async () => {
  lab = new Lab(2);
  [hub, client] = lab.hosts as [Host, Host];
  key = lab.keyFile('key', new Uint8Array(24).fill(9));
  notify = join(lab.directory, 'notify');
  notified = await DatagramSocket.open(notify);
});

afterEach(async () => {
  notified.close();
  await lab.close();
});

test.each(['portable', 'native'])(
  'a client is ready when its cable is up, and not before, %s',
  async (io) => {
    await Promise.all(lab.hosts.map((host) => host.startSwitch()));
    const cable = client.cryptcab(['-c', client.link.hub4, '-P', key, '--io', io], { NOTIFY_SOCKET: notify });
    await notified.takes(/^STATUS=calling 10\.77\.1\.1$/);
    await cable.prints(/nobody listens/);
    expect(notified.taken).not.toContain('READY=1');
    const server = hub.cryptcab(['-P', key, '-v', '--io', io]);
    await notified.takes(/^READY=1$/);
    await server.prints(/client is up/);
    await notified.takes(/^STATUS=up with 10\.77\.1\.1:7667, blowfish$/);
    const before = notified.taken.length;
    cable.signal('SIGHUP');
    await until('it is ready again', () => notified.taken.slice(before).includes('READY=1'));
    expect(notified.taken.slice(before)[0]).toMatch(/^RELOADING=1\nMONOTONIC_USEC=\d+$/);
    expect(await cable.stop()).toBe(0);
    await notified.takes(/^STOPPING=1$/);
  },
);

test('a server without a switch says what it waits for, and no reload makes it ready', async () => {
  const server = hub.cryptcab(['-P', key, '-v'], { NOTIFY_SOCKET: notify });
  await notified.takes(/^STATUS=serving; 0 peers up; no switch to plug into at /);
  server.signal('SIGHUP');
  await server.prints(/SIGHUP: /);
  await hub.startSwitch();
  await notified.takes(/^READY=1$/);
  await notified.takes(/^STATUS=serving; 0 peers up$/);
  expect(notified.taken.filter((text) => /^(RELOADING|READY)/.test(text))).toEqual(['READY=1']);
});

test('lines for the journal have priorities, as do faults', async () => {
  const file = join(lab.directory, 'stderr');
  const fd = openSync(file, 'w');
  const { dev, ino } = fstatSync(fd, { bigint: true });
  const [program, ...words] = cryptcab as [string];
  const child = spawn(program, [...words, '-P', '/nonexistent', '-p', '7'], {
    stdio: ['ignore', 'ignore', fd],
    env: { ...process.env, JOURNAL_STREAM: `${dev}:${ino}` },
  });
  closeSync(fd);
  await new Promise((resolve) => child.on('exit', resolve));
  expect(readFileSync(file, 'utf8')).toMatch(/^<3>there is no key file \/nonexistent.*\n$/);
});

/** Puts a /dev of its own into a host, whose /dev/log leads to this socket. */
function logTo(host: Host, socket: string): void {
  const dev = join(lab.directory, 'dev');
  const files = ['null', 'zero', 'random', 'urandom', 'tty', 'net/tun'].map((name) => `'${name}'`);
  host.run(
    'sh',
    '-ec',
    `mkdir -p ${dev} && mount -t tmpfs tmpfs ${dev} && mkdir ${dev}/net && ln -s ${socket} ${dev}/log
    for file in ${files.join(' ')}; do touch ${dev}/$file; mount --bind /dev/$file ${dev}/$file; done
    mount --rbind ${dev} /dev`,
  );
}

test('a daemon without a log file has its log in the system log', async () => {
  await hub.startSwitch();
  const socket = join(lab.directory, 'log');
  let log = await DatagramSocket.open(socket);
  logTo(hub, socket);
  const pidFile = join(lab.directory, 'pid');
  let pid: number | undefined;
  try {
    const started = hub.cryptcab(['-P', key, '-d', '-v', '--pidfile', pidFile]);
    expect({ status: await started.exited, output: started.output }).toEqual({ status: 0, output: '' });
    pid = Number(readFileSync(pidFile, 'utf8'));
    const line = await log.takes(/waiting for clients/);
    expect(line).toMatch(/^<30>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d cryptcab\[\d+\]: waiting for clients \{/);
    // The system's log starts again, and no line is lost.
    log.close();
    rmSync(socket);
    log = await DatagramSocket.open(socket);
    process.kill(pid, 'SIGHUP');
    await log.takes(/SIGHUP: /);
    process.kill(pid, 'SIGTERM');
    expect(await log.takes(/ended by/)).toMatch(/^<28>/);
    await until('it has ended', () => !existsSync(`/proc/${pid}`));
  } finally {
    if (existsSync(`/proc/${pid}`)) process.kill(pid as number, 'SIGKILL');
    log.close();
  }
});
