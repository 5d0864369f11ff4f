// Taps, which are for one client each; a switch of another user's; and a limit of open files.
import { chmodSync, chownSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { answers, cryptcab, type Host, Lab } from '../../../lab/lab.js';
import { type Process, run, until } from '../../../lab/process.js';
import { type End, makeEnd, Peers, startSecureServer } from '../../../lab/secure-keys.js';
import { randomness } from '../../support/seed.js';

const random = randomness();
let lab: Lab;
let host: Host;
let keyFile: string;

afterEach(() => lab.close());

function open(io: string): void {
  lab = new Lab(1, io);
  host = lab.host(0);
  keyFile = lab.keyFile('key', random.bytes(44));
}

async function startServer(...more: string[]): Promise<Process> {
  const server = host.cryptcab(['-P', keyFile, '-v', ...more]);
  await server.prints(/waiting for clients/);
  return server;
}

let tapsAtClients = 0;

/** A client with a tap of its own. */
function startClient(...more: string[]): Process {
  const tap = `tap://client${tapsAtClients++}`;
  return host.cryptcab(['-P', keyFile, '-c', '127.0.0.1', '-p', '0', '-s', tap, '-v', ...more]);
}

/** Children of a process that are vde_plug. */
function plugsOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean);
  return children.map(Number).filter(isPlug);
}

function isPlug(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'vde_plug';
  } catch {
    return false;
  }
}

const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all'];

describe.each(['native', 'portable'] as const)('%s', (io) => {
  test('a tap is for one client: the second one is refused', async () => {
    open(io);
    const server = await startServer('-s', 'tap://tap0');
    await startClient().prints(/the cable is up/);
    const second = startClient();
    await server.prints(
      /refused a client: the tap tap0 is for one client, and another client of this server has it: give each client a tap of its own with -s tap:\/\/NAME%d/,
    );
    expect(server.output.match(/client is up/g)).toHaveLength(1);
    expect(second.output).not.toContain('the cable is up');
  });

  test('with %d each client has a tap of its own', async () => {
    open(io);
    const server = await startServer('-s', 'tap://many%d');
    await startClient().prints(/the cable is up/);
    await startClient().prints(/the cable is up/);
    await server.prints(/"port":"many0","msg":"client is up"/);
    await server.prints(/"port":"many1","msg":"client is up"/);
    expect(host.run('ip', '-br', 'link')).toMatch(/many0 [\s\S]*many1 /);
  });

  test('on the secure cable the second one gets the tap when the first one is gone', async () => {
    open(io);
    const [own, ...others] = ['server', 'peer0', 'peer1'].map((name) => makeEnd(lab, name, random.bytes)) as [
      End,
      End,
      End,
    ];
    const peers = new Peers(
      lab,
      others.map(({ publicKey }, i) => `${publicKey} name=peer${i}`),
    );
    const server = await startSecureServer(host, own, peers, ['--no-classic', '-s', 'tap://tap0']);
    const connect = (i: number) =>
      host.cryptcab([
        ...['--secure', '--key', (others[i] as End).keyFile, '--peer', own.publicKey],
        ...['-c', '127.0.0.1', '-p', '0', '-s', `tap://client${i}`, '-k', '-v'],
      ]);
    connect(0);
    await server.prints(/"peer":"peer0 [^"]*","address":"[^"]*","port":"tap0","msg":"peer is up, secure"/);
    connect(1);
    await server.prints(
      /"peer":"peer1 [^"]*","times":1,"msg":"no port of the switch yet, trying again: the tap tap0 is for one client/,
    );
    expect(server.output).not.toMatch(
      /"peer":"peer1 [^"]*","address":"[^"]*","port":"[^"]*","msg":"peer is up/,
    );
    const status = host.start([...cryptcab, 'status']);
    expect(await status.exited).toBe(0);
    expect(status.output).toMatch(/peer0 [^\n]* tap0 /);
    expect(status.output).toMatch(/peer1 [^\n]* missing /);
    peers.without('peer0');
    await server.prints(/"peer":"peer1 [^"]*","address":"[^"]*","port":"tap0","msg":"peer is up, secure"/);
  });

  test('a tap that was there at the start and is deleted is waited for', async () => {
    open(io);
    host.makeTap();
    const server = await startServer('-s', 'tap://tap0');
    await startClient().prints(/the cable is up/);
    await server.prints(/client is up/);
    host.run('ip', 'link', 'delete', 'tap0');
    await server.prints(
      /lost the switch, trying again: the tap tap0 is gone: make it again, with ip tuntap add/,
    );
    expect(host.run('ip', '-br', 'link')).not.toContain('tap0');
    host.makeTap();
    await server.prints(/"port":"tap0","msg":"plugged into the switch again"/);
  });

  test('a switch of a group: whoever is not in it is told so', async () => {
    open(io);
    const { switchPath } = host;
    chmodSync(lab.directory, 0o755);
    host.start(['vde_switch', '-s', switchPath]);
    const control = join(switchPath, 'ctl');
    await until('the switch answers', () => answers(control));
    const start = () =>
      host.start([...nobody, ...cryptcab, '--io', io, '-x', '-s', switchPath, '-c', '127.0.0.1', '-p', '0']);
    const ofGroup = new RegExp(`: may not use the switch at ${switchPath}: join the group daemon `);
    chownSync(switchPath, 0, 1); // daemon, of every Debian
    chownSync(control, 0, 1);
    chmodSync(control, 0o660);
    chmodSync(switchPath, 0o2770);
    const outside = start();
    expect(await outside.exited).toBe(1);
    expect(outside.output).toMatch(ofGroup);
    chmodSync(switchPath, 0o2775);
    const atSocket = start();
    expect(await atSocket.exited).toBe(1);
    expect(atSocket.output).toMatch(ofGroup);
    chmodSync(control, 0o600);
    const owners = start();
    expect(await owners.exited).toBe(1);
    expect(owners.output).toContain(`may not use the switch at ${switchPath}: start it for a group`);
    const none = host.start([
      ...nobody,
      ...cryptcab,
      '--io',
      io,
      '-x',
      '-s',
      '/tmp/no/switch',
      '-p',
      '0',
      '-c',
      '127.0.0.1',
      '--now',
    ]);
    expect(await none.exited).toBe(1);
    expect(none.output).toContain('no switch to plug into at /tmp/no/switch');
  });
});

test('descriptors run out: one line, those who are up stay, and no vde_plug outlives the server', async () => {
  open('portable');
  const path = host.switchPath;
  const switch_ = host.start(['vde_switch', '-s', path]);
  await until('the switch answers', () => answers(join(path, 'ctl')));
  const server = host.start([...cryptcab, '--io', 'portable', '-s', path, '-P', keyFile, '-v']);
  await server.prints(/waiting for clients/);
  run('prlimit', '--pid', String(server.pid), '--nofile=44:44'); // now: to load the program takes more
  for (let i = 0; i < 9 && !/Too many open files/.test(server.output); i++)
    await Promise.race([
      server.prints(/Too many open files/),
      startClient('--io', 'native').prints(/the cable is up/),
    ]);
  await server.prints(/raise the limit of open files, with ulimit -n/);
  expect(server.running).toBe(true);
  expect(server.output.match(/Too many open files/g)).toHaveLength(1);
  const plugs = plugsOf(server.pid);
  expect(plugs.length).toBeGreaterThan(0);
  // They cannot hand over what they have, nor read that their standard input has ended.
  switch_.signal('SIGSTOP');
  server.signal('SIGKILL');
  await until('all are gone', () => !plugs.some(isPlug));
  switch_.signal('SIGCONT');
});
