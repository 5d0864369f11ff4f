// The unit, run by a real systemd: ready only when the cable is up, reload, watchdog, restart, stop.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Host, Lab } from '../../../lab/lab.js';
import { until } from '../../../lab/process.js';
import { Systemd } from '../../../lab/systemd.js';
import { unitText } from '../../../src/cli/commands/unit.js';

const root = new URL('../../..', import.meta.url).pathname;
const UNIT = 'cryptcab@lab.service';

let lab: Lab;
let hub: Host;
let client: Host;
let systemd: Systemd;
let serverKey: string;

/** What the unit runs here. */
function write(words: readonly string[], more = ''): void {
  const command = ['/run/node', '/run/program/dist/command/main.js'];
  const text = unitText(undefined, command.join(' ')).replace(' up --foreground %i', ` ${words.join(' ')}`);
  writeFileSync(join(systemd.units, 'cryptcab@.service'), text.replace('[Install]', `${more}\n[Install]`));
  systemd.run('systemctl', 'daemon-reload');
}

beforeEach(async () => {
  lab = new Lab(2);
  [hub, client] = lab.hosts as [Host, Host];
  serverKey = lab.keyFile('key', new Uint8Array(24).fill(9));
  systemd = await Systemd.start(
    client,
    { node: process.execPath, program: root },
    readFileSync(join(root, 'packaging/sysusers.conf'), 'utf8'),
  );
  const key = join(client.runDirectory, 'key');
  writeFileSync(key, readFileSync(serverKey), { mode: 0o600 });
  client.start(['vde_switch', '-s', '/run/switch', '-m', '666']);
  await until('the switch is there', () => existsSync(join(client.runDirectory, 'switch/ctl')));
  systemd.run('chown', 'cryptcab', '/run/key');
  await hub.startSwitch();
});

afterEach(async () => {
  await systemd?.close();
  await lab.close();
});

test('ready when up, reload, watchdog, restart, stop', async () => {
  write(['-c', client.link.hub4, '-P', '/run/key', '-s', '/run/switch', '-v']);
  systemd.run('systemctl', 'start', '--no-block', UNIT);
  await systemd.shows(UNIT, 'StatusText', /^calling 10\.77\.1\.1/);
  expect(systemd.show(UNIT, 'ActiveState')).toBe('activating');
  const server = hub.cryptcab(['-P', serverKey, '-v']);
  await server.prints(/client is up/);
  await systemd.shows(UNIT, 'ActiveState', /^active$/);
  expect(systemd.show(UNIT, 'StatusText')).toMatch(/^up with 10\.77\.1\.1:7667, blowfish$/);

  systemd.run('systemctl', 'reload', UNIT);
  await until('it is said', () => /SIGHUP: read /.test(systemd.run('journalctl', '--no-pager', '-u', UNIT)));
  await systemd.shows(UNIT, 'SubState', /^running$/);
  const lines = systemd
    .run('journalctl', '--no-pager', '-o', 'json', '-u', UNIT)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { PRIORITY: string; MESSAGE: string });
  const up = lines.find(({ MESSAGE }) => /^the cable is up/.test(MESSAGE));
  expect(up?.PRIORITY).toBe('6');
  expect(lines.find(({ MESSAGE }) => /classic protocol hides/.test(MESSAGE))?.PRIORITY).toBe('4');

  const killed = systemd.show(UNIT, 'MainPID');
  systemd.run('kill', '-KILL', killed);
  await systemd.shows(UNIT, 'NRestarts', /^1$/);
  await systemd.shows(UNIT, 'ActiveState', /^active$/);
  expect(systemd.show(UNIT, 'MainPID')).not.toBe(killed);

  systemd.run('systemctl', 'stop', UNIT);
  expect(systemd.show(UNIT, 'ActiveState')).toBe('inactive');
  expect(systemd.show(UNIT, 'Result')).toBe('success');
});

test('a program that hangs is ended by the watchdog, and started again', async () => {
  write(['-P', '/run/key', '-s', '/run/switch', '-v'], '[Service]\nWatchdogSec=2\n');
  systemd.run('systemctl', 'start', UNIT);
  systemd.run('kill', '-STOP', systemd.show(UNIT, 'MainPID'));
  await systemd.shows(UNIT, 'NRestarts', /^1$/);
  await systemd.shows(UNIT, 'ActiveState', /^active$/);
  expect(systemd.show(UNIT, 'StatusText')).toBe('serving; 0 peers up');
  expect(systemd.run('journalctl', '--no-pager', '-u', UNIT)).toMatch(/Watchdog timeout/);
});

test('a wrong command line is not tried again and again', async () => {
  write(['-P', '/run/key', '--nonsense']);
  expect(systemd.try('systemctl', 'start', UNIT).status).toBe(1);
  await systemd.shows(UNIT, 'ActiveState', /^failed$/);
  expect(systemd.show(UNIT, 'NRestarts')).toBe('0');
});

test('a cable with a file is run by its name; a file that is wrong is not tried again and again', async () => {
  const server = hub.cryptcab(['-P', serverKey, '-v']);
  await server.prints(/waiting for clients/);
  const directory = join(client.runDirectory, 'configuration');
  mkdirSync(directory);
  const file = `connect = "${client.link.hub4}"\nclassic = true\npreshared = "/run/key"\non = "/run/switch"\n`;
  writeFileSync(join(directory, 'lab.toml'), file);
  write(['up', '--foreground', '%i'], '[Service]\nEnvironment=CRYPTCAB_CONFIG_DIR=/run/configuration\n');
  systemd.run('systemctl', 'start', UNIT);
  await systemd.shows(UNIT, 'StatusText', /^up with 10\.77\.1\.1:7667/);
  const journal = () => systemd.run('journalctl', '--no-pager', '-u', UNIT);
  const pid = systemd.show(UNIT, 'MainPID');
  writeFileSync(join(directory, 'lab.toml'), `${file}keepalive = true\n`);
  systemd.run('systemctl', 'reload', UNIT);
  await until('what cannot change is named', () =>
    /changed in the file: 'keepalive'; restart this end to use what it says now/.test(journal()),
  );
  expect(systemd.show(UNIT, 'MainPID')).toBe(pid);
  writeFileSync(join(directory, 'lab.toml'), `${file}prt = 1\n`);
  expect(systemd.try('systemctl', 'restart', UNIT).status).toBe(1);
  await systemd.shows(UNIT, 'ActiveState', /^failed$/);
  expect(systemd.show(UNIT, 'NRestarts')).toBe('0');
  expect(journal()).toMatch(/lab\.toml, line 5: 'prt' is no key/);
});

test('the unit is well formed, and gives little away', () => {
  write(['-P', '/run/key']);
  const verified = systemd.run('systemd-analyze', 'verify', '--man=no', `/run/systemd/system/${UNIT}`);
  expect(verified).toBe('');
  const security = systemd.run(
    'systemd-analyze',
    'security',
    '--offline=true',
    '/run/systemd/system/cryptcab@.service',
  );
  const exposure = Number(/Overall exposure level.*?: ([\d.]+)/.exec(security)?.[1]);
  expect(exposure).toBeLessThan(2.5);
});
