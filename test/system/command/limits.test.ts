// What the system or the runtime limits: each call that is refused has the cable step down and say why, and what cannot be done
// without ends it with one line.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import type { Process } from '../../../lab/process.js';

const REFUSE = new URL('refuse.py', import.meta.url).pathname;
let lab: Lab;
let hub: Host;
let client: Host;
let key: readonly string[];

beforeAll(async () => {
  lab = new Lab(2, 'auto');
  [hub, client] = lab.hosts as [Host, Host];
  key = ['-P', lab.keyFile('key', new Uint8Array(24).fill(9)), '-v'];
  await Promise.all(lab.hosts.map((host) => host.startSwitch()));
});

afterAll(() => lab.close());

/** Starts a server by a program that limits it. */
function limited(by: readonly string[], args: readonly string[], env: NodeJS.ProcessEnv = {}): Process {
  return hub.start([...by, ...cryptcab, '-s', hub.switchPath, ...key, ...args], env);
}

async function ioOf(process: Process): Promise<string> {
  const [line] = await process.prints(/^\{.*how frames and datagrams are moved.*\}$/m);
  return JSON.parse(line).io;
}

test.each([
  ['EPERM', 'recvmmsg', /^portable \(not native: the I\/O thread does not start \(recvmmsg EPERM\)\)$/],
  ['ENOSYS', 'sendmmsg', /^portable \(not native: the I\/O thread does not start \(sendmmsg ENOSYS\)\)$/],
  ['EPERM', 'setsockopt:2=26', /^portable \(not native: setsockopt EPERM\)$/], // IPV6_V6ONLY
  ['EPERM', 'sched_setattr', /^native \(GSO, GRO, libvdeplug, sched_setattr refused: EPERM\), 2 threads$/],
  [
    'ENOPROTOOPT',
    'setsockopt:1=17',
    /^native \(sendmmsg, recvmmsg, libvdeplug, GSO refused: ENOPROTOOPT, GRO re/,
  ],
  [
    'EPERM',
    'setsockopt:2=51',
    /^native \(GSO, GRO, libvdeplug, one thread: SO_ATTACH_REUSEPORT_CBPF EPERM\)$/,
  ],
])('%s of %s', async (error, call, says) => {
  const server = limited(['python3', REFUSE, error, call], ['--threads', '2']);
  expect(await ioOf(server)).toMatch(says);
  const cable = client.cryptcab([...key, '-c', client.link.hub4]);
  await cable.prints(/the cable is up/);
  await client.reaches(hub.inner);
  await cable.stop();
  expect(await server.stop()).toBe(0);
});

test('--io native, where a call is refused', async () => {
  const server = limited(['python3', REFUSE, 'EPERM', 'recvmmsg'], ['--io', 'native']);
  expect(await server.exited).toBe(1);
  expect(server.output).toMatch(
    /^\S+: no native I\/O here: the I\/O thread does not start \(recvmmsg EPERM\); .*\n$/,
  );
});

describe.skipIf(process.versions.bun !== undefined || process.versions.deno !== undefined)('Node.js', () => {
  const limit = (what: string) => ['sh', '-c', `ulimit ${what} && exec "$@"`, 'sh'];

  async function oneLine(process: Process, says: RegExp): Promise<void> {
    expect(await process.exited).toBe(1);
    const lines = process.output.split('\n').filter((line) => line !== '' && !line.startsWith('Warning: '));
    expect(lines).toEqual([expect.stringMatching(says)]);
  }

  test.each(['--jitless', '--no-expose-wasm'])('%s', async (flag) => {
    const [node, main] = cryptcab as [string, string];
    await oneLine(hub.start([node, flag, main, ...key]), /: there is no WebAssembly here.*without --jitless/);
    await oneLine(hub.start([node, flag, main, 'vectors', 'verify']), /: there is no WebAssembly here/);
  });

  test.each(['8000000', '2000000'])('ulimit -v %s', (kilobytes) =>
    oneLine(
      limited(limit(`-v ${kilobytes}`), []),
      /: not enough address space for the core: raise .*ulimit -v/,
    ),
  );

  test('ulimit -v, with room for the core and none for a thread', async () => {
    const server = limited(limit('-v 2000000'), [], { NODE_OPTIONS: '--disable-wasm-trap-handler' });
    expect(await ioOf(server)).toMatch(/^portable \(not native: the address space is limited.*ulimit -v\)$/);
    await server.prints(/waiting for clients/);
    await server.stop();
  });

  test.each(['30', '24', '20'])('ulimit -n %s', (files) =>
    oneLine(
      limited(limit(`-n ${files}`), []),
      /: too many files are open in this process: raise .*ulimit -n/,
    ),
  );

  test('no child may be started', async () => {
    const server = limited([], ['--io', 'portable'], {
      NODE_OPTIONS: '--experimental-permission --allow-fs-read=* --allow-fs-write=* --no-warnings',
    });
    expect(await server.exited).toBe(1);
    expect(server.output).toMatch(/: vde_plug does not start: /);
    expect(server.output).not.toMatch(/unexpected|^ +at /m);
  });
});
