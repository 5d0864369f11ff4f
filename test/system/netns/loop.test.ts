// The route to the other end leads into the cable: what the cable sends comes back to it as frames. They are dropped, and
// that is said, until the route leads past the cable again.
import { afterEach, expect, test } from 'vitest';
import { carried } from '../../../lab/checks.js';
import { type Host, Lab } from '../../../lab/lab.js';
import { until } from '../../../lab/process.js';
import { makeEnd, Peers } from '../../../lab/secure-keys.js';
import { randomness } from '../../support/seed.js';

/** Pings while the route is wrong; each may be sealed, and so may what both ends say of themselves, but nothing twice. */
const PINGS = 20;
const SEALED_MAX = 60;

const { bytes } = randomness();
let lab: Lab | undefined;

afterEach(async () => {
  await lab?.close();
  lab = undefined;
});

test.each([
  ['native', 'tap', 'classic', 'IPv4'],
  ['native', 'tap', 'secure', 'IPv6'],
  ['native', 'switch', 'classic', 'IPv6'],
  ['portable', 'switch', 'classic', 'IPv4'],
  ['portable', 'switch', 'secure', 'IPv4'],
] as const)('%s, %s, %s, %s', async (io, plug, mode, family) => {
  lab = new Lab(2, io);
  const [hub, host] = lab.hosts as [Host, Host];
  const key = lab.keyFile('key', bytes(44));
  const [server, client] = ['server', 'client'].map((name) => makeEnd(lab as Lab, name, bytes));
  if (server === undefined || client === undefined) throw new Error('no keys');
  await hub.startSwitch();
  if (plug === 'tap') host.makeTap();
  else await host.startSwitch();
  const peers = new Peers(lab, [client.publicKey]);
  const serverKeys = ['--secure', '--no-classic', '--key', server.keyFile, '--peers', peers.path];
  const serving = hub.cryptcab([...(mode === 'secure' ? serverKeys : ['-P', key]), '-v']);
  await serving.prints(/waiting for clients/);
  const address = family === 'IPv4' ? host.link.hub4 : host.link.hub6;
  const end = host.cryptcab([
    ...(plug === 'tap' ? ['-s', 'tap://tap0'] : []),
    ...(mode === 'secure' ? ['--secure', '--key', client.keyFile, '--peer', server.publicKey] : ['-P', key]),
    ...['-c', address.includes(':') ? `[${address}]` : address, '-v'],
  ]);
  await end.prints(/the cable is up/);
  await host.reaches(hub.inner);

  const route = [`${address}/${family === 'IPv4' ? 32 : 128}`, 'dev', 'tap0'];
  host.run('ip', 'neighbour', 'replace', address, 'lladdr', hub.mac, 'dev', 'tap0');
  const before = await carried(end);
  host.run('ip', 'route', 'add', ...route);
  // As large as they can be: sealed, IP cuts them on the way into the tap.
  host.start(['ping', '-n', '-c', String(PINGS), '-i', '0.05', '-s', '1372', '-W', '1', hub.inner]);
  const [line] = await end.prints(/.*leads into the cable itself.*/);
  expect(line).toContain(`the route to ${address}`);
  await until('all pings have come back as datagrams', async () => {
    const now = await carried(end);
    return Number(now.refused['own datagram'] ?? 0) >= PINGS;
  });
  const after = await carried(end);
  expect(Number(after.sealed) - Number(before.sealed)).toBeLessThan(SEALED_MAX);
  expect(end.output.match(/leads into the cable itself/g)).toHaveLength(1);

  host.run('ip', 'route', 'delete', ...route);
  await host.reaches(hub.inner, 40_000);
});
