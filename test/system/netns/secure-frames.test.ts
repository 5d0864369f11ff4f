// Frames of every size through the secure cable, between taps left at the MTU that their owner likes, over narrow paths
// where no IP fragment passes: what does not fit one datagram is cut, and put together, by the cable itself.
import { afterEach, expect, test } from 'vitest';
import { lostSizes, transfer } from '../../../lab/checks.js';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import { type Process, until } from '../../../lab/process.js';
import { makeEnd, Peers } from '../../../lab/secure-keys.js';
import { randomness, seed } from '../../support/seed.js';

const LONGEST = 9216;
const HEADER = 14;
const BYTES = 5_000_000;
const random = randomness();
const bytes = (length: number) => random.bytes(length);
let lab: Lab | undefined;

afterEach(async () => {
  await lab?.close();
  lab = undefined;
});

interface Scene {
  readonly lab: Lab;
  readonly router: Host;
  readonly left: Host;
  readonly right: Host;
}

/** A router that lets no fragment through, and two hosts with taps at it. */
function scene(path: number, tap: number): Scene {
  lab = new Lab(3);
  const [router, left, right] = lab.hosts as [Host, Host, Host];
  router.run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  // A packet of two fragments is put together by no router before this, and counted.
  const chain = 'inet strict in { type filter hook prerouting priority -500; }';
  const rules = ['ip frag-off & 0x3fff != 0', 'exthdr frag exists'].map(
    (what) => `add rule inet strict in ${what} counter drop`,
  );
  router.run('nft', [`add table inet strict`, `add chain ${chain}`, ...rules].join('; '));
  for (const host of [left, right]) {
    host.run('ip', 'link', 'set', 'v0', 'mtu', String(path));
    router.run('ip', 'link', 'set', host.gatewayDevice, 'mtu', String(path));
    host.run('ip', 'route', 'add', 'default', 'via', host.link.hub4);
    host.run('ip', '-6', 'route', 'add', 'default', 'via', host.link.hub6);
    host.makeTap(tap);
  }
  return { lab, router, left, right };
}

/** A secure cable between the two taps; returns its client, which calls `target`. */
async function lay(
  { lab, left, right }: Scene,
  more: readonly string[],
  target = left.link.own4,
): Promise<Process> {
  const [server, client] = [makeEnd(lab, 'server', bytes), makeEnd(lab, 'client', bytes)];
  const peers = new Peers(lab, [client.publicKey]);
  const secure = [...cryptcab, '--secure', '-s', 'tap://tap0', '-v', ...more];
  const serving = left.start([...secure, '--key', server.keyFile, '--peers', peers.path, '--no-classic']);
  await serving.prints(/waiting for clients/);
  const keys = ['--key', client.keyFile, '--peer', server.publicKey];
  const calling = right.start([...secure, ...keys, '-c', target]);
  await calling.prints(/the cable is up/);
  await right.reaches(left.inner);
  return calling;
}

const fragments = (router: Host) =>
  router.run('nft', 'list', 'chain', 'inet', 'strict', 'in').match(/packets \d+/g);

/** All sizes around what one packet of the path holds, around twice that, and around the ends. */
function sizesFor(path: number, longest: number): number[] {
  const sizes = [60, 61, 64, 1000, 1500, 1514, 2000, 4095, 8191, longest - 1, longest];
  for (const packets of [1, 2]) for (let off = -96; off <= 0; off += 12) sizes.push(packets * path + off);
  return [...new Set(sizes)].filter((size) => size <= longest).sort((a, b) => a - b);
}

for (const path of [1280, 1400, 1500]) {
  for (const [tap, family, io] of [
    [1500, 'IPv4', 'portable'],
    [1500, 'IPv6', 'native'],
    [LONGEST - HEADER, 'IPv4', 'native'],
    [LONGEST - HEADER, 'IPv6', 'portable'],
  ] as const) {
    test(`frames between taps of MTU ${tap} over a path of ${path} bytes without fragments, ${family}, ${io}`, async () => {
      const here = scene(path, tap);
      const { router, left, right } = here;
      // 1500 is what is taken for granted.
      const told = path === 1500 ? [] : ['--path-mtu', String(path)];
      await lay(here, ['--io', io, ...told], family === 'IPv4' ? left.link.own4 : `[${left.link.own6}]`);
      const sizes = sizesFor(path, tap + HEADER);
      expect(await lostSizes(right, left, sizes), `of ${sizes.length} sizes`).toEqual([]);
      const { sent, received } = await transfer(right, left, { bytes: BYTES }, seed);
      expect(received.sha256).toBe(sent.sha256);
      expect(fragments(router)).toEqual(['packets 0', 'packets 0']);
    });
  }
}

/** Two ends that were not told of their path, with taps of MTU 1500. */
async function untold(io: string, narrow: (scene: Scene) => void): Promise<Scene & { calling: Process }> {
  const here = scene(1500, 1500);
  narrow(here);
  return { ...here, calling: await lay(here, ['--io', io]) };
}

test('without --path-mtu the portable path sends fragments, which the rule of these tests does hold', async () => {
  const { router, left, right } = await untold('portable', ({ right }) =>
    right.run('ip', 'link', 'set', 'v0', 'mtu', '1280'),
  );
  expect(await lostSizes(right, left, [1000, 1500])).toEqual([1500]);
  expect(fragments(router)).toContainEqual(expect.stringMatching(/packets [1-9]/));
});

test('without --path-mtu the native path knows what its own device carries', async () => {
  const { router, left, right, calling } = await untold('native', ({ right }) =>
    right.run('ip', 'link', 'set', 'v0', 'mtu', '1280'),
  );
  await calling.prints(/carries packets of 1280 bytes/);
  expect(await lostSizes(right, left, [1000, 1500])).toEqual([]);
  expect(fragments(router)).toEqual(['packets 0', 'packets 0']);
});

test('without --path-mtu the native path hears of a narrow way behind a router, and of a wide one again', async () => {
  const far = (router: Host, left: Host, mtu: number) => {
    left.run('ip', 'link', 'set', 'v0', 'mtu', String(mtu));
    router.run('ip', 'link', 'set', left.gatewayDevice, 'mtu', String(mtu));
  };
  const { router, left, right, calling } = await untold('native', ({ router, left }) =>
    far(router, left, 1300),
  );
  expect(calling.output).not.toMatch(/carries packets/); // nothing has been too long yet
  expect(await lostSizes(right, left, [1400])).toEqual([]); // the first ones are, and are told of
  await calling.prints(/carries packets of 1300 bytes/);
  const before = fragments(router); // until it was noticed
  expect(await lostSizes(right, left, [1000, 1300, 1400, 1500])).toEqual([]);
  expect(fragments(router)).toEqual(before);
  far(router, left, 1500);
  right.run('ip', 'route', 'flush', 'cache'); // as ten minutes do
  await until('frames flow until it is noticed', async () => {
    await right.reaches(left.inner);
    return /carries packets of 1500 bytes/.test(calling.output);
  });
  const { sent, received } = await transfer(right, left, { bytes: BYTES }, seed);
  expect(received.sha256).toBe(sent.sha256);
});
