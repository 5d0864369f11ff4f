// What is not there yet at the start is waited for, and said once: a switch, a tap, an address, a route. With --now it is not.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import { type Process, run } from '../../../lab/process.js';

const CASES = [
  ['classic', 'native'],
  ['classic', 'portable'],
  ['secure', 'native'],
  ['secure', 'portable'],
] as const;
type Case = (typeof CASES)[number];

let lab: Lab;
let hub: Host;
let client: Host;
let server: string[];
let cable: string[];

beforeEach(() => {
  lab = new Lab(2);
  [hub, client] = lab.hosts as [Host, Host];
  const key = lab.keyFile('key', new Uint8Array(24).fill(1));
  const [own, other] = ['own', 'other'].map((name) => {
    const file = lab.keyFile(name, Buffer.from(run(...(cryptcab as [string, ...string[]]), 'keygen')));
    return { file, text: run('sh', '-c', `${cryptcab.join(' ')} pubkey <'${file}'`).trim() };
  }) as [{ file: string; text: string }, { file: string; text: string }];
  const peers = join(lab.directory, 'peers');
  writeFileSync(peers, `${other.text}\n`);
  keys = {
    classic: [
      ['-P', key],
      ['-P', key],
    ],
    secure: [
      ['--secure', '--no-classic', '--key', own.file, '--peers', peers],
      ['--secure', '--key', other.file, '--peer', own.text],
    ],
  };
});
let keys: Record<Case[0], [string[], string[]]>;

function take([protocol, io]: Case): void {
  server = [...keys[protocol][0], '-v', '--io', io];
  cable = [...keys[protocol][1], '-v', '--io', io, '-c', client.link.hub4];
}

afterEach(() => lab.close());

/** How often a program has said something that it waits for. */
const times = ({ output }: Process, what: RegExp) =>
  output.split('\n').filter((line) => what.test(line)).length;

describe.each(CASES)('%s, %s', (...one) => {
  beforeEach(() => take(one as unknown as Case));

  test('a switch, at both ends', async () => {
    const ends = [hub.cryptcab(server), client.cryptcab(cable)];
    for (const end of ends) await end.prints(/no switch to plug into at \S+switch\d/);
    await Promise.all(lab.hosts.map((host) => host.startSwitch()));
    await client.reaches(hub.inner);
    for (const end of ends) expect(times(end, /no switch to plug into/)).toBe(1);
  });
});

// What it takes is the same for the other two.
describe.each([CASES[1], CASES[2]])('%s, %s', (...one) => {
  beforeEach(() => take(one as unknown as Case));

  test('an address of this machine, and with it the route', async () => {
    await Promise.all(lab.hosts.map((host) => host.startSwitch()));
    client.run('ip', 'addr', 'flush', 'dev', client.device);
    const ends = [
      hub.cryptcab([...server, '--bind', '10.77.99.1']),
      client.cryptcab(cable.map((word) => (word === client.link.hub4 ? '10.77.99.1' : word))),
    ] as const;
    await ends[0].prints(/this machine has no address 10\.77\.99\.1: .*; waiting for it/);
    await ends[1].prints(/ENETUNREACH|cannot send|unreachable/);
    hub.run('ip', 'addr', 'add', '10.77.99.1/24', 'dev', client.gatewayDevice);
    client.run('ip', 'addr', 'add', '10.77.99.2/24', 'dev', client.device);
    await client.reaches(hub.inner);
    expect(times(ends[0], /this machine has no address/)).toBe(1);
  });

  test('with --now nothing is waited for', async () => {
    const fails = async (host: Host, words: string[], why: RegExp) => {
      const end = host.cryptcab([...words, '--now']);
      expect(await end.exited).toBe(1);
      expect(end.output).toMatch(why);
      expect(end.output).not.toMatch(/trying again|waiting for it/);
    };
    await fails(hub, server, /no switch to plug into/);
    await fails(client, cable, /no switch to plug into/);
    await Promise.all(lab.hosts.map((host) => host.startSwitch()));
    await fails(hub, [...server, '--bind', '10.77.99.1'], /has no address 10\.77\.99\.1/);
    const to = (host: string) => cable.map((word) => (word === client.link.hub4 ? host : word));
    await fails(client, to('nowhere.invalid'), /cannot resolve nowhere\.invalid/);
    client.run('ip', 'addr', 'flush', 'dev', client.device);
    await fails(client, to('10.77.99.1'), /cannot reach 10\.77\.99\.1:7667: .*ENETUNREACH/);
  });
});

test.each(['native', 'portable'])('a tap that another program is about to make, %s', async (io) => {
  const nobody = ['setpriv', '--reuid=65534', '--clear-groups'];
  const end = hub.start([...nobody, ...cryptcab, '-x', '-s', 'tap://late0', '-v', '--io', io]);
  await end.prints(/may not open the tap late0: .*; waiting for it/);
  hub.run('ip', 'tuntap', 'add', 'late0', 'mode', 'tap', 'user', '65534');
  await end.prints(/the switch is there now/);
});

test('a daemon returns and says what it waits for, with its pid file', async () => {
  take(['classic', 'native']);
  const pidFile = join(lab.directory, 'pid');
  const words = [...server, '--bind', '10.77.99.1', '-d', '--pidfile', pidFile];
  const started = hub.cryptcab(words);
  expect(await started.exited).toBe(0);
  expect(started.output).toMatch(/this machine has no address \S+: .*; still trying in the background\n$/);
  process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGTERM');
  const again = hub.cryptcab([...words, '--now']);
  expect(await again.exited).toBe(1);
});
