// What the C program does of its own, and what our ends make of it: a restart under load, and an OpenSSL without Blowfish.
import { afterEach, describe, expect, test } from 'vitest';
import { type Host, Lab } from '../../../lab/lab.js';
import type { Process } from '../../../lab/process.js';
import { type Sshd, startSshd } from '../../../lab/sshd.js';
import { randomness } from '../../support/seed.js';

const PORT = 7667;
/** From the server's being there again to the first frame that comes through, ms. */
const OUTAGE = 10_000;
/** Debian's OpenSSL as it comes: the legacy provider is off. */
const NO_LEGACY = { OPENSSL_CONF: '/dev/null' };

const random = randomness();
let lab: Lab | undefined;

afterEach(async () => {
  await lab?.close();
  lab = undefined;
});

interface Scene {
  readonly lab: Lab;
  readonly hub: Host;
  readonly client: Host;
  readonly keyFile: string;
}

async function scene(io = 'native'): Promise<Scene> {
  lab = new Lab(2, io);
  await Promise.all(lab.hosts.map((host) => host.startSwitch()));
  return { lab, hub: lab.host(0), client: lab.host(1), keyFile: lab.keyFile('key', random.bytes(24)) };
}

async function startServer(hub: Host, keys: readonly string[]): Promise<Process> {
  const server = hub.cryptcab(['-p', String(PORT), ...keys, '-v']);
  await server.prints(/waiting for clients/);
  return server;
}

/** How many ids a server has let in. */
const ids = (server: Process) =>
  new Set(
    [...server.output.matchAll(/"id":"(\w+)".*?client (?:is up|logged in again)/g)].map(([, id]) => id),
  );

describe('a C client comes back after a restart under load', () => {
  const cases = (['-P', 'scp'] as const).flatMap((keys) => [20, 1_000].map((rate) => [keys, rate] as const));
  test.each(cases)('%s, %d frames a second', async (keys, rate) => {
    const stage = await scene();
    const { hub, client, keyFile } = stage;
    const sshd: Sshd | undefined = keys === 'scp' ? await startSshd(stage.lab, hub) : undefined;
    const options = keys === '-P' ? ['-P', keyFile] : [];
    let server = await startServer(hub, options);
    const target = `${keys === 'scp' ? 'root@' : ''}${client.link.hub4}:${PORT}`;
    // Without -v: a thousand lines a second would hold it up, whatever the server does.
    client.original(['-c', target, ...options], { SCP_EXTRA_OPTIONS: sshd?.singleOption ?? '' });
    await client.reaches(hub.inner, 30_000);
    const load = client.start(['ping', '-n', '-i', String(1 / rate), '-s', '200', hub.inner]);
    await load.prints(/icmp_seq=[5-9]\d /);
    const logins = () => sshd?.output.match(/Accepted publickey/g)?.length ?? 0;
    const before = logins();
    await server.stop();
    server = await startServer(hub, options);
    const ms = await client.reaches(hub.inner, 40_000);
    await load.stop();
    console.log(
      `${keys}, ${rate}/s: back after ${Math.round(ms)} ms, ${ids(server).size} keys, ${logins() - before} scp`,
    );
    expect(ids(server).size).toBeLessThanOrEqual(2);
    expect(logins() - before).toBeLessThanOrEqual(2);
    expect(ms).toBeLessThanOrEqual(OUTAGE);
  });
});

describe('a C program whose OpenSSL has no Blowfish', () => {
  test.each(['native', 'portable'])('as a client is told from one with another key (%s)', async (io) => {
    const { hub, client, keyFile } = await scene(io);
    const server = await startServer(hub, ['-P', keyFile]);
    client.original(['-c', `${client.link.hub4}:${PORT}`, '-P', keyFile, '-vvvv'], NO_LEGACY);
    // It says nothing before a frame should be sent.
    client.start(['ping', '-n', '-i', '0.2', hub.inner]);
    await server.prints(/answered with an empty datagram.*OPENSSL_CONF.*legacy provider/, 20_000);
    expect(server.output).not.toMatch(/another key/);
  });

  test('as a server is what a denied client hears of', async () => {
    const { hub, client, keyFile } = await scene();
    const server = hub.original(['-p', String(PORT), '-P', keyFile, '-vvvv'], NO_LEGACY);
    await server.prints(/Verbosity: 4/);
    const cable = client.cryptcab(['-c', `${client.link.hub4}:${PORT}`, '-P', keyFile]);
    await cable.prints(/denied the key.*OPENSSL_CONF.*legacy provider.*still trying/, 20_000);
    expect(cable.running).toBe(true);
  });

  test('as a server that was sent its key, too', async () => {
    const stage = await scene();
    const { hub, client } = stage;
    const sshd = await startSshd(stage.lab, hub);
    const server = hub.original(['-p', String(PORT), '-vvvv'], NO_LEGACY);
    await server.prints(/Verbosity: 4/);
    const cable = client.cryptcab(['-c', `root@${client.link.hub4}:${PORT}`], {
      SCP_EXTRA_OPTIONS: sshd.options,
    });
    await cable.prints(
      /denied the key that it was sent.*OPENSSL_CONF.*legacy provider.*still trying/,
      30_000,
    );
    expect(cable.running).toBe(true);
  });
});

describe('a C server, and a client without encryption', () => {
  /** The C program is Debian's: of the other generation, which sends no frame without encryption, none is in a distribution. */
  test.each(['native', 'portable'])(
    'is up when a frame has come, and says before that why it is not (%s)',
    async (io) => {
      const stage = await scene(io);
      const { hub, client } = stage;
      const sshd = await startSshd(stage.lab, hub);
      // The kernel sends frames of its own where there is IPv6.
      for (const host of [hub, client]) host.run('sysctl', '-qw', 'net.ipv6.conf.tap0.disable_ipv6=1');
      const server = hub.original(['-p', String(PORT), '-x', '-vvvv']);
      await server.prints(/Verbosity: 4/);
      const cable = client.cryptcab(['-x', '-c', `root@${client.link.hub4}:${PORT}`, '-v'], {
        SCP_EXTRA_OPTIONS: sshd.options,
      });
      await cable.prints(/logged in/, 30_000);
      const from = performance.now();
      await cable.prints(
        /no frame comes from .*: one of 2\.3\.3 or later .* leave -x out at both ends/,
        20_000,
      );
      console.log(`${io}: said after ${Math.round(performance.now() - from)} ms`);
      expect(cable.output).not.toContain('the cable is up');
      await client.reaches(hub.inner);
      await cable.prints(/the cable is up/);
    },
  );

  test.each([
    ['-P', ['-P']],
    ['-x and -P: it encrypts all the same', ['-x', '-P']],
  ])('with %s is told from one that does not encrypt', async (_, options) => {
    const { hub, client, keyFile } = await scene();
    const server = hub.original(['-p', String(PORT), ...options, keyFile, '-vvvv']);
    await server.prints(/Verbosity: 4/);
    const cable = client.cryptcab(['-x', '-c', `root@${client.link.hub4}:${PORT}`, '-v']);
    await cable.prints(
      /wants encryption: start both ends with -x, or neither; a C program that also has -P/,
      20_000,
    );
    expect(cable.output).not.toMatch(/logged in|the cable is up/);
  });
});
