// What a person gets who types something wrong: one line that says what to do, and an exit status.
import { chmodSync, mkdtempSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cryptcab, Lab } from '../../../lab/lab.js';
import { type Process, run } from '../../../lab/process.js';

let lab: Lab;
let keyFile: string;

beforeAll(async () => {
  lab = new Lab(1);
  await lab.host(0).startSwitch();
  keyFile = lab.keyFile('key', new Uint8Array(24).fill(1));
});

afterAll(() => lab.close());

/** Runs the command to its end; what it said last, and its status. */
async function fault(process: Process): Promise<{ status: number; line: string; lines: number }> {
  const status = await process.exited;
  // Lines of JSON are its log; the fault is said to the person.
  const lines = process.output.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  return { status, line: lines.at(-1) ?? '', lines: lines.length };
}

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Process {
  return lab.host(0).cryptcab(args, env);
}

/** Starts the command where there are no other programs than these. */
function startWith(programs: readonly string[], args: readonly string[]): Process {
  const path = mkdtempSync(join(lab.directory, 'bin-'));
  for (const program of programs) symlinkSync(run('which', program).trim(), join(path, program));
  const host = lab.host(0);
  return host.start(['env', `PATH=${path}`, ...cryptcab, '-s', host.switchPath, ...args]);
}

async function expectFault(process: Process, status: number, ...says: RegExp[]): Promise<void> {
  const found = await fault(process);
  for (const pattern of says) expect(found.line).toMatch(pattern);
  expect(found.line).not.toMatch(/unexpected|Error:/);
  expect({ status: found.status, lines: found.lines }).toEqual({ status, lines: 1 });
}

test.each([
  [['-k'], /-k .*-c/],
  [['-P', 'key', '-x'], /-P .*-x/],
  [['-p', '65536'], /-p .*1 to 65535/],
  [['-p', '-1'], /-p .*1 to 65535/],
  [['-p', '0'], /-p .*1 to 65535/],
  [['-p', 'seven'], /-p .*1 to 65535/],
  [['-c', 'host:99999'], /-c .*1 to 65535/],
  [['-c', 'host:'], /-c .*1 to 65535/],
  [['-c', '@host'], /-c .*host\[:port\]/],
  [['-c', ''], /-c .*host\[:port\]/],
  [['-c'], /argument missing.*--help/],
  [['--frobnicate'], /unknown option '--frobnicate'.*--help/],
  [['-z'], /unknown option '-z'.*--help/],
  [['somewhere'], /too many arguments.*--help/],
])('usage %j', (args, says) => expectFault(start(args), 2, says));

test('short key file', () =>
  expectFault(
    start(['-P', lab.keyFile('short', new Uint8Array(23))]),
    1,
    /short.* is too short.*24 bytes.*make one/,
  ));

test('no key file', () =>
  expectFault(start(['-P', '/nonexistent/key']), 1, /no key file \/nonexistent\/key.*make one/));

test('a directory as key', () =>
  expectFault(start(['-P', lab.directory]), 1, /is not a regular file.*name a file/));

test('unreadable key file', async () => {
  const path = lab.keyFile('secret', new Uint8Array(24));
  chmodSync(path, 0);
  // Root reads everything by two capabilities; without them it is a user like any other.
  const less = '--bounding-set=-dac_override,-dac_read_search';
  const process = lab.host(0).start(['setpriv', less, '--inh-caps=-all', ...cryptcab, '-P', path]);
  await expectFault(process, 1, /not allowed to read key file .*secret.*permissions/);
});

/** A client that is denied says so at once, and goes on. */
async function expectDenied(client: Process, says: RegExp): Promise<void> {
  await client.prints(says, 60_000);
  expect(client.running).toBe(true);
  expect(await client.stop()).toBe(0);
  expect(client.output).not.toMatch(/unexpected|Error:/);
}

test('wrong key', async () => {
  const server = start(['-P', keyFile, '-p', '7700']);
  const wrong = lab.keyFile('wrong', new Uint8Array(24).fill(2));
  const client = start(['-c', '127.0.0.1:7700', '-p', '0', '-P', wrong]);
  await expectDenied(client, /127\.0\.0\.1 denied the key: both ends need the same key file.*still trying/);
  expect(server.output).toMatch(/client with another key/);
  expect(await server.stop()).toBe(0);
});

test('one end encrypts, the other does not', async () => {
  const server = start(['-P', keyFile, '-p', '7701']);
  const client = start(['-c', '127.0.0.1:7701', '-p', '0', '-x']);
  await expectDenied(client, /-x, or neither.*still trying/);
  await server.stop();
});

test.each([
  [['-P', 'KEY', '-c', 'nowhere.invalid'], /cannot resolve nowhere\.invalid yet \(.*\), trying again/],
  [
    ['-P', 'KEY', '-c', '198.51.100.1'],
    /cannot reach 198\.51\.100\.1:7667: .*UNREACH.* \(yet\), trying again/,
  ],
  [
    ['-c', '127.0.0.1'],
    /cannot send the key to 127\.0\.0\.1 by scp \(.*refused.*\).*-P KEYFILE; trying again/,
  ],
])('what may come yet is waited for, and said: %j', async (args, says) => {
  const words = args.map((word) => (word === 'KEY' ? keyFile : word));
  const client = start([...words, '-p', '0'], { SCP_EXTRA_OPTIONS: '-P 1 -o BatchMode=yes' });
  await client.prints(says);
  expect(await client.stop()).toBe(0);
  expect(client.output).not.toMatch(/unexpected|Error:/);
});

test('port in use', async () => {
  const first = start(['-P', keyFile, '-p', '7702', '-v']);
  await first.prints(/waiting for clients/);
  await expectFault(start(['-P', keyFile, '-p', '7702']), 1, /port 7702 is in use.*-p PORT/);
  await first.stop();
});

test('no switch', () =>
  expectFault(
    lab.host(0).start([...cryptcab, '-s', '/nonexistent.ctl', '-P', keyFile, '--now']),
    1,
    /no switch to plug into at \/nonexistent\.ctl.*start vde_switch -s \/nonexistent\.ctl/,
  ));

test('no switch, as a client', () =>
  expectFault(
    lab
      .host(0)
      .start([...cryptcab, '-s', '/nonexistent.ctl', '-P', keyFile, '-c', '127.0.0.1', '-p', '0', '--now']),
    1,
    /no switch to plug into at \/nonexistent\.ctl/,
  ));

test('no vde_plug on the path', () =>
  expectFault(
    startWith([], ['-P', keyFile, '--io', 'portable']),
    1,
    /vde_plug is not installed.*install the package vdeplug/,
  ));

test('no scp on the path', () =>
  expectFault(
    startWith(['vde_plug'], ['-c', '127.0.0.1', '-p', '0']),
    1,
    /scp is not installed.*openssh-client.*-P KEYFILE/,
  ));

test('scp that fails for good', () =>
  expectFault(
    start(['-c', '127.0.0.1', '-p', '0'], { SCP_EXTRA_OPTIONS: '-o Nonsense=yes' }),
    1,
    /cannot send the key to 127\.0\.0\.1 by scp \(.*\).*-P KEYFILE/,
  ));

test.each([
  ["-o 'open", /SCP_EXTRA_OPTIONS.*quote.*close it/],
  ['-P 22; rm x', /SCP_EXTRA_OPTIONS.*';'/],
])('SCP_EXTRA_OPTIONS=%s', (options, says) =>
  expectFault(start(['-c', '127.0.0.1', '-p', '0'], { SCP_EXTRA_OPTIONS: options }), 1, says),
);

test('log and pid files that cannot be written', async () => {
  await expectFault(
    start(['-P', keyFile, '--log-file', '/nonexistent/log']),
    1,
    /log file \/nonexistent\/log/,
  );
  await expectFault(
    start(['-P', keyFile, '-p', '7703', '--pidfile', '/nonexistent/pid']),
    1,
    /pid file \/nonexistent\/pid/,
  );
});

test('help and version', async () => {
  for (const [option, says] of [
    ['--help', /-P, --preshared/],
    ['-h', /-P, --preshared/],
    ['--version', /^\d+\.\d+\.\d+\s*$/],
  ] as const) {
    const process = start([option]);
    expect(await process.exited).toBe(0);
    expect(process.output).toMatch(says);
  }
});
