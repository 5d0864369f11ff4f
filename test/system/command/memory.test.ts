// Where keys are in memory: once while they are used, and nowhere afterwards; never as text.
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import { keysIn } from '../../../lab/memory.js';
import { run, until } from '../../../lab/process.js';
import { randomness } from '../../support/seed.js';

const { bytes } = randomness();

let lab: Lab;
let hub: Host;
let client: Host;

beforeEach(async () => {
  lab = new Lab(2);
  [hub, client] = lab.hosts as [Host, Host];
  await Promise.all(lab.hosts.map((host) => host.startSwitch()));
});

afterEach(() => lab.close());

/** A file with a key as text. */
function textFile(name: string, key: Uint8Array): string {
  const path = join(lab.directory, name);
  writeFileSync(path, `${Buffer.from(key).toString('base64')}\n`, { mode: 0o600 });
  return path;
}

function privateKey(): Uint8Array {
  const key = bytes(32);
  key[0] = (key[0] as number) & 248;
  key[31] = ((key[31] as number) & 127) | 64;
  return key;
}

const publicOf = (path: string) => run('sh', '-c', `wg pubkey < '${path}'`).trim();

/** Waits until a process has exactly these keys: what is under way is wiped in the next turn. */
async function expectKeys(
  pid: number,
  keys: Record<string, Uint8Array>,
  expected: Record<string, number>,
): Promise<void> {
  let counts: Record<string, number> = {};
  await until('the keys are as they should be', () => {
    counts = keysIn(pid, keys);
    return (
      JSON.stringify(counts, Object.keys(counts).sort()) ===
      JSON.stringify(expected, Object.keys(expected).sort())
    );
  }).catch(() => {});
  expect(counts).toEqual(expected);
}

describe.each(['native', 'portable'])('%s', (io) => {
  test('keys of files stand there once; a peer that is removed takes its own along', async () => {
    const keys = { server: privateKey(), client: privateKey(), preshared: bytes(32) };
    const [server, cable, psk] = Object.entries(keys).map(([name, key]) => textFile(name, key)) as [
      string,
      string,
      string,
    ];
    const peers = join(lab.directory, 'peers');
    writeFileSync(peers, `${publicOf(cable)} name=alice psk=${psk}\n`);
    const serving = hub.cryptcab([
      '--secure',
      '--no-classic',
      '--key',
      server,
      '--peers',
      peers,
      '-v',
      '--io',
      io,
    ]);
    await serving.prints(/waiting for clients/);
    const calling = client.cryptcab([
      ...['--secure', '--key', cable, '--peer', publicOf(server), '--psk', psk],
      ...['-c', client.link.hub4, '-v', '--io', io],
    ]);
    await client.reaches(hub.inner);
    await expectKeys(serving.pid, keys, { 'server raw': 1, 'preshared raw': 1 });
    await expectKeys(calling.pid, keys, { 'client raw': 1, 'preshared raw': 1 });
    // Read again, and compared.
    for (const end of [serving, calling]) {
      end.signal('SIGHUP');
      await end.prints(/SIGHUP: read /);
    }
    await expectKeys(serving.pid, keys, { 'server raw': 1, 'preshared raw': 1 });
    await expectKeys(calling.pid, keys, { 'client raw': 1, 'preshared raw': 1 });
    writeFileSync(peers, '# nobody\n');
    await serving.prints(/peer is cut off/);
    await expectKeys(serving.pid, keys, { 'server raw': 1 });
  });

  test('a key that goes by scp stands there once, and in no file', async () => {
    // A scp that carries nowhere, but to a directory here.
    const directory = join(lab.directory, 'keys');
    mkdirSync(directory, { mode: 0o700 });
    const copy = join(lab.directory, 'copy');
    const script = `#!/bin/sh\nwhile [ $# -gt 2 ]; do shift; done\ncp "$1" '${copy}' && cp "$1" "\${2#*:}"\n`;
    writeFileSync(join(lab.directory, 'scp'), script, { mode: 0o755 });
    const serving = hub.cryptcab(['--key-dir', directory, '-v', '--io', io]);
    await serving.prints(/waiting for clients/);
    const env = { PATH: `${lab.directory}:${process.env.PATH}` };
    const calling = client.cryptcab(['-c', client.link.hub4, '--key-dir', directory, '-v', '--io', io], env);
    await client.reaches(hub.inner);
    expect(readdirSync(directory)).toEqual([]);
    const key = readFileSync(copy);
    expect(key).toHaveLength(44);
    await expectKeys(serving.pid, { key }, { 'key raw': 1 });
    await expectKeys(calling.pid, { key }, { 'key raw': 1 });
    const left = readdirSync(client.temporaryDirectory).filter((name) => /^cryptcab-(?!lab)/.test(name));
    expect(left).toEqual([]);
  });
});

test('the preshared key of an enrolment stands there once, also after a restart', async () => {
  const keys = { preshared: bytes(32) };
  // With a collector that is always at work: what it moves stays where it was as well.
  const [runtime, ...program] = cryptcab as [string, ...string[]];
  const words = ['--secure', '--no-classic', '-v', '-s', hub.switchPath];
  const server = [runtime, '--gc-interval=20', ...program, ...words];
  const serving = hub.start(server);
  await serving.prints(/waiting for clients/);
  const path = textFile('client', privateKey());
  const line = join(lab.directory, 'line');
  writeFileSync(line, `${publicOf(path)} ${Buffer.from(keys.preshared).toString('base64')}\n`);
  chmodSync(line, 0o600);
  const command = `${cryptcab.map((word) => `'${word}'`).join(' ')} enroll < '${line}'`;
  expect(await hub.start(['sh', '-c', command]).exited).toBe(0);
  await serving.prints(/enrolled a peer/);
  await expectKeys(serving.pid, keys, { 'preshared raw': 1 });
  await serving.stop();
  const again = hub.start(server);
  await again.prints(/waiting for clients/);
  await expectKeys(again.pid, keys, { 'preshared raw': 1 });
});

describe('-d, while the server is not there', () => {
  /** A program in place of one of OpenSSH's. */
  const fake = (name: string, script: string) =>
    writeFileSync(join(lab.directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });

  /** The parent waits for 10 s, while the daemon has what that one handed over. */
  async function expectHandedOver(
    args: readonly string[],
    keys: () => Record<string, Uint8Array>,
    kept: Record<string, number>,
  ): Promise<void> {
    const env = { PATH: `${lab.directory}:${process.env.PATH}` };
    const parent = client.cryptcab(['-c', client.link.hub4, '-d', ...args], env);
    const log = join(lab.directory, 'log');
    await until(
      'the daemon tries to connect',
      () => existsSync(log) && readFileSync(log, 'utf8') !== '',
      20_000,
    );
    const child = Number(readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, 'utf8').trim());
    const all = keys();
    try {
      await expectKeys(child, all, kept);
      await expectKeys(parent.pid, all, {});
    } finally {
      process.kill(child, 'SIGTERM');
      await parent.exited;
    }
  }

  test('a key by scp stands in the daemon once, and no more in its parent', async () => {
    const copy = join(lab.directory, 'copy');
    fake('scp', `while [ $# -gt 2 ]; do shift; done; cp "$1" '${copy}'`);
    const log = ['--log-file', join(lab.directory, 'log'), '-vv'];
    await expectHandedOver(log, () => ({ key: readFileSync(copy) }), { 'key raw': 1 });
  });

  test('nor do the keys of an enrolment', async () => {
    const copy = join(lab.directory, 'copy');
    const server = publicOf(textFile('server', privateKey()));
    fake(
      'ssh',
      `case " $* " in *" -G "*) echo hostname ${client.link.hub4};; *) head -n 1 > '${copy}'; echo '${server} 7667';; esac`,
    );
    const log = ['--log-file', join(lab.directory, 'log'), '-vv'];
    const preshared = () => Buffer.from(readFileSync(copy, 'utf8').split(/\s+/)[1] as string, 'base64');
    await expectHandedOver(['--secure', ...log], () => ({ preshared: preshared() }), { 'preshared raw': 1 });
  });
});
