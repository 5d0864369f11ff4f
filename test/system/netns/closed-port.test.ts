// A server that is not there, on a machine that is: the network says so, and so does the client, of both protocols, on both paths.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Host, Lab } from '../../../lab/lab.js';
import { makeEnd, Peers, startSecureServer } from '../../../lab/secure-keys.js';
import { randomness } from '../../support/seed.js';

const random = randomness();
let lab: Lab;
let hub: Host;
let client: Host;

beforeAll(async () => {
  lab = new Lab(2, 'auto');
  [hub, client] = lab.hosts as [Host, Host];
  // Six reports at once and one a second is what a host gets of another: all clients here are one host.
  hub.run('sysctl', '-qw', 'net.ipv4.icmp_ratelimit=0', 'net.ipv6.icmp.ratelimit=0');
  await Promise.all(lab.hosts.map((host) => host.startSwitch()));
});

afterAll(() => lab.close());

const cases = ['classic', 'secure'].flatMap((mode) =>
  ['native', 'portable'].flatMap((io) => ([4, 6] as const).map((family) => [mode, io, family] as const)),
);

// Each has a port of its own, and most of their time goes by waiting.
test.concurrent.each(cases)('%s, %s, IPv%i', async (mode, io, family) => {
  const address = family === 4 ? client.link.hub4 : `[${client.link.hub6}]`;
  const port = 7000 + cases.findIndex((one) => one.join() === [mode, io, family].join());
  const [serving, calling] = [makeEnd(lab, `s${port}`, random.bytes), makeEnd(lab, `c${port}`, random.bytes)];
  const key = lab.keyFile(`key${port}`, random.bytes(24));
  const how =
    mode === 'classic' ? ['-P', key] : ['--secure', '--key', calling.keyFile, '--peer', serving.publicKey];
  // Said without -v as well.
  const cable = client.cryptcab([...how, '-p', String(port), '-c', `${address}:${port}`, '--io', io]);
  const [said] = await cable.prints(/nobody listens at \S+, still trying: .*-c HOST:PORT/, 40_000);
  expect(said).toContain(`${address}:${port}`);
  expect(cable.output).not.toMatch(/no (secure )?answer/);
  // It has tried on.
  const server =
    mode === 'classic'
      ? hub.cryptcab(['-P', key, '-p', String(port), '-v'])
      : await startSecureServer(hub, serving, new Peers(lab, [calling.publicKey], `peers${port}`), [
          '-p',
          String(port),
          '--no-classic',
        ]);
  await server.prints(/(client is up|peer is up)/, 40_000);
  await Promise.all([cable.stop(), server.stop()]);
});
