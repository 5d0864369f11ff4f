// What systemd is told, and how log lines look there.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { DatagramSocket } from '../../../lab/datagram-socket.js';
import { temporaryDirectory } from '../../../lab/temporary.js';
import { CAP } from '../../../src/cable/native/linux/privileges.js';
import { unitCommand, unitOf, unitText } from '../../../src/cli/commands/unit.js';
import { forJournal, logsToJournal } from '../../../src/cli/log/priority.js';
import { speak } from '../../../src/cli/names.js';
import { SdNotify, takeWanted } from '../../../src/cli/run/sd-notify.js';
import { Service } from '../../../src/cli/run/service.js';
import { ServiceStatus } from '../../../src/cli/run/service-status.js';
import { deferred } from '../../../src/deferred.js';
import type { PeerUp } from '../../../src/ends/running.js';
import { SILENT } from '../../../src/log.js';
import { optionName } from '../../../src/options/name.js';

const directory = temporaryDirectory('service');
const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
  rmSync(directory, { recursive: true, force: true });
  speak('options'); // a unit's cable has a file
});

describe('what systemd asks for', () => {
  test('is taken out of the environment', () => {
    const environment = { NOTIFY_SOCKET: '/run/n', WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7', HOME: '/' };
    expect(takeWanted(environment, 7)).toEqual({ socket: '/run/n', watchdog: 30_000 });
    expect(environment).toEqual({ HOME: '/' });
  });

  test.each([
    ['no socket', {}, undefined],
    ['a socket of another kind', { NOTIFY_SOCKET: 'vsock:2:1234' }, undefined],
    ['no watchdog', { NOTIFY_SOCKET: '@n' }, { socket: '@n', watchdog: undefined }],
    [
      "another process's watchdog",
      { NOTIFY_SOCKET: '@n', WATCHDOG_USEC: '1000', WATCHDOG_PID: '8' },
      { socket: '@n', watchdog: undefined },
    ],
  ])('%s', (_, environment: NodeJS.ProcessEnv, wanted) => {
    expect(takeWanted(environment, 7)).toEqual(wanted);
  });
});

const abstract = `@cryptcab-test-${process.pid}`;
test.each([
  ['a path', join(temporaryDirectory('service'), 'notify')],
  ['an abstract name', abstract],
])('messages come to the socket: %s', async (_, path) => {
  const socket = await DatagramSocket.open(path);
  const notify = await SdNotify.open({ socket: path, watchdog: 30 }, SILENT);
  open.push(socket, notify);
  notify.status('calling somewhere');
  notify.status('calling somewhere');
  notify.ready();
  notify.reloading();
  notify.stopping();
  await socket.takes(/^STOPPING=1$/);
  expect(socket.taken.filter((text) => text.startsWith('STATUS='))).toEqual(['STATUS=calling somewhere']);
  expect(socket.taken).toContain('READY=1');
  const at = /^RELOADING=1\nMONOTONIC_USEC=(\d+)$/.exec(await socket.takes(/^RELOADING/))?.[1];
  expect(Number(at)).toBeGreaterThan(0);
  expect(Number(at)).toBeLessThanOrEqual(performance.timeOrigin * 1000); // since the machine started, not since 1970
  await socket.takes(/^WATCHDOG=1$/);
});

test('a message that nobody took is sent again', async () => {
  const path = `${abstract}-later`;
  const notify = await SdNotify.open({ socket: path, watchdog: undefined }, SILENT);
  open.push(notify);
  notify.ready();
  const socket = await DatagramSocket.open(path);
  open.push(socket);
  await socket.takes(/^READY=1$/);
});

describe('a cable that starts', () => {
  async function start() {
    const path = `${abstract}-start`;
    const socket = await DatagramSocket.open(path);
    const service = await Service.open({ socket: path, watchdog: undefined }, undefined, SILENT);
    open.push(socket, service);
    const up = deferred();
    let trouble: string | undefined = `no switch to plug into: see what ${optionName('plug')} says`;
    service.upWhen(up.promise, () => trouble);
    const begin = () => {
      trouble = undefined;
      up.resolve();
    };
    return { socket, service, begin };
  }

  test('says what a server waits for, in the words of the command', async () => {
    const { socket, begin } = await start();
    await socket.takes(/^STATUS=serving; 0 peers up; no switch to plug into: see what -s says$/);
    begin();
    await socket.takes(/^READY=1$/);
    expect(socket.taken.findLast((text) => text.startsWith('STATUS='))).toBe('STATUS=serving; 0 peers up');
  });

  test('is not made ready by a reload', async () => {
    const { socket, service, begin } = await start();
    let reloaded = 0;
    service.reload(() => reloaded++);
    begin();
    await socket.takes(/^READY=1$/);
    expect(reloaded).toBe(1);
    const notified = () => socket.taken.map((text) => text.split('=')[0]).filter((word) => word !== 'STATUS');
    expect(notified()).toEqual(['READY']);
    service.reload(() => reloaded++);
    service.stopping();
    await socket.takes(/^STOPPING=1$/);
    expect(reloaded).toBe(2);
    expect(notified()).toEqual(['READY', 'RELOADING', 'READY', 'STOPPING']);
  });
});

describe('the status line', () => {
  const peer = (name: string): PeerUp => ({
    peer: name,
    publicKey: name,
    address: '192.0.2.1:7667',
    cipher: 'secure',
  });

  test('of a server', () => {
    const lines: string[] = [];
    const status = new ServiceStatus(undefined, (line) => lines.push(line));
    status.waits('no switch');
    status.waits(undefined);
    status.up(peer('anna'));
    status.up(peer('ben'));
    status.unplugged(peer('ben'), 'the switch does not answer');
    status.plugged(peer('ben'));
    status.down(peer('ben'), 'goodbye');
    expect(lines).toEqual([
      'serving; 0 peers up; no switch',
      'serving; 0 peers up',
      'serving; 1 peer up',
      'serving; 2 peers up',
      'serving; 2 peers up; the switch does not answer',
      'serving; 2 peers up',
      'serving; 1 peer up',
    ]);
  });

  test('of a client', () => {
    const lines: string[] = [];
    const status = new ServiceStatus('hub.example', (line) => lines.push(line));
    status.waits('cannot resolve hub.example yet');
    status.up(peer('hub'));
    status.down(peer('hub'), 'goodbye');
    expect(lines).toEqual([
      'calling hub.example; cannot resolve hub.example yet',
      'up with hub at 192.0.2.1:7667, secure',
      'calling hub.example; the server has ended',
    ]);
  });
});

test.each([
  [30, '<6>'],
  [40, '<4>'],
  [50, '<3>'],
  [20, '<7>'],
])('a line of level %i has the priority %s', (level, mark) => {
  const line = JSON.stringify({ level, time: 0, peer: 'a', msg: 'peer\u009bis up' });
  expect(forJournal(line)).toBe(`${mark}peer\\x9bis up {"peer":"a"}\n`);
});

test('only the standard error that systemd names is the journal', () => {
  expect(logsToJournal({})).toBe(false);
  expect(logsToJournal({ JOURNAL_STREAM: '1:1' })).toBe(false);
});

describe('the unit', () => {
  test('gives a cable no capability, and one with taps what these take', () => {
    expect(unitText(undefined, 'x')).toMatch(
      /^CapabilityBoundingSet=\nAmbientCapabilities=\nPrivateDevices=yes$/m,
    );
    const taps = unitText([CAP.NET_ADMIN], 'x');
    expect(taps).toMatch(/^CapabilityBoundingSet=CAP_NET_ADMIN$/m);
    expect(taps).toMatch(/^DeviceAllow=\/dev\/net\/tun rw$/m);
    expect(taps).not.toContain('PrivateDevices');
    const low = unitText([CAP.NET_RAW, CAP.NET_BIND_SERVICE], 'x');
    expect(low).toMatch(/^AmbientCapabilities=CAP_NET_BIND_SERVICE CAP_NET_RAW$/m);
    expect(low).toMatch(/^RestrictAddressFamilies=.* AF_PACKET$/m);
  });

  test.each([
    ['on = "bridge://br0"', 'CAP_NET_ADMIN'],
    ['on = "/run/switch"', ''],
  ])('of a cable with %s lets it do what that takes', (line, capability) => {
    const own = temporaryDirectory('unit');
    try {
      const file = join(own, 'lab.toml');
      writeFileSync(file, `${line}\nkey = "/run/key"\n`);
      expect(unitOf(file)).toContain(`\nAmbientCapabilities=${capability}\n`);
    } finally {
      rmSync(own, { recursive: true });
    }
  });

  test('writes the words of a command as systemd reads them', () => {
    expect(unitCommand(['/usr/bin/node', '/home/a b/100%/$x"y.js'])).toBe(
      '/usr/bin/node "/home/a b/100%%/$$x\\"y.js"',
    );
  });
});
