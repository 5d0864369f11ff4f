// `cryptcab invite` and `cryptcab join` on real hosts: a line is all that goes from one to the other.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import { type Process, until } from '../../../lab/process.js';
import { readInviteLine, writeInviteLine } from '../../../src/protocol/secure/invite-line.js';

let lab: Lab;
let hub: Host;
let hosts: Host[];
let serving: Process;

async function lay(guests: number, io?: string): Promise<void> {
  lab = new Lab(1 + guests, io);
  [hub, ...hosts] = lab.hosts as [Host, ...Host[]];
  await Promise.all(lab.hosts.map((host) => host.startSwitch()));
  serving = await serve();
}

afterEach(() => lab.close());

async function serve(): Promise<Process> {
  const process = hub.cryptcab(['--secure', '--no-classic', '-v']);
  await process.prints(/waiting for clients/, 60_000);
  return process;
}

/** Runs a command to its end; what it printed, and its status. */
async function command(host: Host, args: readonly string[], status = 0): Promise<string> {
  const process = host.start([...cryptcab, ...args]);
  expect([await process.exited, process.output]).toEqual([status, process.output]);
  return process.output;
}

/** An invite's line. */
async function invite(...args: string[]): Promise<string> {
  const said = await command(hub, ['invite', ...args]);
  return /^cryptcab:1:[\w-]+$/m.exec(said)?.[0] as string;
}

function joins(host: Host, line: string, ...args: string[]): Process {
  const io = lab.io === undefined ? [] : ['--io', lab.io];
  return host.start([...cryptcab, 'join', line, '-s', host.switchPath, '-v', ...io, ...args]);
}

const host = (index: number) => hosts[index] as Host;

describe.each(['portable', 'native'])('%s', (io) => {
  test('two join over IPv4 and IPv6, though the server was killed meanwhile, and need no line to come back', async () => {
    await lay(2, io);
    const four = await invite('alice', '--at', host(0).link.hub4);
    const six = await invite('bob', '--at', `[${host(1).link.hub6}]:7667`);
    expect(await serving.stop('SIGKILL')).not.toBe(0);
    serving = await serve();
    const cables = [joins(host(0), four), joins(host(1), six)];
    for (const cable of cables) await cable.prints(/the cable is up/, 60_000);
    for (const one of hosts) await one.reaches(hub.inner);
    await host(0).reaches(host(1).inner);
    for (const name of ['alice', 'bob'])
      expect(serving.output).toMatch(new RegExp(`joined by the invite ${name}`));

    // Of the line, or its keys, nothing is left anywhere that others see.
    const kept = join(
      host(0).stateDirectory,
      'joined',
      readdirSync(join(host(0).stateDirectory, 'joined'))[0] as string,
    );
    for (const file of ['private.key', 'preshared.key'])
      expect(statSync(join(kept, file)).mode & 0o777).toBe(0o600);
    expect(statSync(kept).mode & 0o777).toBe(0o700);
    const state = readFileSync(join(hub.stateDirectory, '7667', 'peers.json'), 'utf8');
    for (const text of [
      serving.output,
      state,
      ...cables.map(({ output }) => output),
      readFileSync(`/proc/${cables[0]?.pid}/cmdline`, 'utf8'),
    ])
      for (const line of [four, six]) expect(text).not.toContain(line.slice(54, 90));

    // What join has printed starts the cable again, after a restart of the server, too.
    const again = /^ {4}cryptcab (.*)$/m.exec(cables[0]?.output ?? '')?.[1] as string;
    expect(await cables[0]?.stop()).toBe(0);
    await serving.stop();
    serving = await serve();
    const back = host(0).start([...cryptcab, ...again.split(' ')]);
    await back.prints(/the cable is up/, 60_000);
    await host(0).reaches(hub.inner);
    await host(1).reaches(hub.inner, 30_000);
  });
});

describe('on whichever path', () => {
  test('a line without places leads to the server by its addresses; read from standard input, cut in two, it does as well', async () => {
    await lay(1);
    // The system lists the addresses of a device when its carrier is known, a second after that came.
    const { gatewayDevice } = host(0);
    await until(
      'the way is up',
      () => hub.run('ip', 'link', 'show', gatewayDevice).includes('state UP'),
      20_000,
    );
    const line = await invite('alice');
    const args = ['join', '-s', host(0).switchPath, '-v', '--to', join(lab.directory, 'keys')];
    const process = host(0).start([...cryptcab, ...args]);
    process.write(`${line.slice(0, 80)}\n${line.slice(80)}\n`);
    await process.prints(/the cable is up/, 60_000);
    await host(0).reaches(hub.inner);
    expect(readdirSync(join(lab.directory, 'keys')).sort()).toEqual([
      'invite',
      'preshared.key',
      'private.key',
      'server',
    ]);
    expect(existsSync(join(host(0).stateDirectory, 'joined'))).toBe(false);
  });

  test('used by a thief first, used twice, taken back, torn: one line at both ends, and nobody gets in', async () => {
    await lay(2);
    const line = await invite('alice', '--at', host(0).link.hub4);
    const thief = joins(host(0), line);
    await thief.prints(/the cable is up/, 60_000);
    host(1).run('ip', 'route', 'add', host(0).link.hub4, 'via', host(1).link.hub4);
    const late = await command(host(1), ['join', line, '-s', host(1).switchPath], 1);
    expect(late).toMatch(
      /^cryptcab: joins the server with the public key \S{44}, at 10\.77\.1\.1:7667\ncryptcab: this invite was used at .* somebody else has joined in your place\n$/,
    );
    await serving.prints(
      /"level":40,[^\n]*came with the invite alice, which was used at [^\n]* from 10\.77\.1\.2:\d+: two have had the line/,
    );
    // Its keys were of no use: they are gone.
    expect(readdirSync(join(host(1).stateDirectory, 'joined'))).toEqual([]);
    expect(await command(hub, ['peers', 'list'])).toMatch(/\balice\b/);

    const other = await invite('bob', '--at', host(1).link.hub4, '--for', '30m');
    expect(await command(hub, ['invite', 'bob', '--cancel'])).toBe('revoked the invite bob\n');
    expect(await command(host(1), ['join', other], 1)).toMatch(
      /: this invite was over at .* for another one\n$/,
    );
    await serving.prints(/came with the invite bob, which was cancelled at/);
    expect(await command(hub, ['invite', 'bob', '--cancel'], 1)).toBe(
      'cryptcab: there is no open invite bob\n',
    );
    expect(await command(hub, ['invite', 'alice'], 1)).toMatch(/there is a peer alice already/);

    const torn = await command(host(1), ['join', other.slice(0, -9)], 2);
    expect(torn).toBe(
      'cryptcab: this invite is torn, or a letter of it is another one: copy the whole line, from cryptcab: to its end\n',
    );
    expect(await host(1).pings(hub.inner)).toBe(false);
  });

  test('with another private key, or for another server: the server says who calls, and join why there is no answer', async () => {
    await lay(1);
    const line = await invite('alice', '--at', host(0).link.hub4);
    const read = readInviteLine(line);
    if (typeof read === 'string') throw new Error(read);
    const changed = writeInviteLine({
      ...read,
      privateKey: read.privateKey.map((byte, i) => (i === 9 ? byte ^ 1 : byte)),
    });
    const [first, second] = [
      joins(host(0), changed),
      joins(
        host(0),
        writeInviteLine({
          ...read,
          serverPublicKey: read.serverPublicKey.map((byte, i) => (i === 9 ? byte ^ 1 : byte)),
        }),
        '--to',
        join(lab.directory, 'other'),
      ),
    ];
    for (const process of [first, second])
      await process.prints(
        /: no answer from 10\.77\.1\.1:7667: see that the server runs there .*; still trying/,
        60_000,
      );
    await serving.prints(
      /somebody calls whose public key is not known here: to let them in, use cryptcab peers add, or add/,
    );
    await serving.prints(/"level":40,[^\n]*dropped: bad mac1, of somebody who calls another server/);
    await Promise.all([first.stop('SIGINT'), second.stop('SIGINT')]);
    await joins(host(0), line).prints(/the cable is up/, 60_000);
  });
});
