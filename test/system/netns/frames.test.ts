// Frames of every size, over paths of every width, between taps without a switch (vde_switch cuts at 1518).
import { afterEach, expect, test } from 'vitest';
import { lostSizes } from '../../../lab/checks.js';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import type { Process } from '../../../lab/process.js';
import { randomness } from '../../support/seed.js';

const LONGEST = 9216;
const HEADER = 14;
/** Ethernet, IPv4 and ICMP headers: a ping's frame without its payload. */
const PING = 42;
const random = randomness();
let lab: Lab | undefined;

afterEach(async () => {
  await lab?.close();
  lab = undefined;
});

const locator = ['-s', 'tap://tap0'];

/** A router, and two hosts with taps at it, of whom the second has a narrower way to it. */
function scene(mtu: number): { lab: Lab; left: Host; right: Host; keyFile: string } {
  lab = new Lab(3);
  const [router, left, right] = lab.hosts as [Host, Host, Host];
  router.run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  for (const [host, device, width] of [
    [left, 'v1', 9500],
    [right, 'v2', mtu],
  ] as const) {
    host.run('ip', 'link', 'set', 'v0', 'mtu', String(host === left ? 9500 : mtu));
    router.run('ip', 'link', 'set', device, 'mtu', String(width));
    host.run('ip', 'route', 'add', 'default', 'via', host.link.hub4);
    host.run('ip', '-6', 'route', 'add', 'default', 'via', host.link.hub6);
    host.makeTap(LONGEST - HEADER);
  }
  return { lab, left, right, keyFile: lab.keyFile('key', random.bytes(44)) };
}

async function cable(
  server: Host,
  client: Host,
  address: string,
  keyFile: string,
  more: readonly string[] = [],
): Promise<[Process, Process]> {
  const listening = server.start([...cryptcab, ...locator, '-P', keyFile, '-v']);
  await listening.prints(/waiting for clients/);
  const target = address.includes(':') ? `[${address}]` : address;
  const calling = client.start([...cryptcab, ...locator, '-P', keyFile, '-c', target, '-v', ...more]);
  await calling.prints(/the cable is up/);
  return [listening, calling];
}

/** All sizes around what one packet of the path holds, and around the ends. */
function sizesFor(mtu: number): number[] {
  const sizes = [60, 61, 64, 1000, 1500, 1514, 2000, 4095, 4096, 8191, LONGEST - 1, LONGEST];
  for (let off = -80; off <= 0; off += 8) sizes.push(mtu + off, mtu + off + 1);
  return sizes.filter((size) => size <= LONGEST).sort((a, b) => a - b);
}

for (const mtu of [1280, 1500, 9000]) {
  for (const family of ['IPv4', 'IPv6'] as const) {
    test(`frames of 60 to 9216 bytes over a path of ${mtu} bytes, ${family}`, async () => {
      const { left, right, keyFile } = scene(mtu);
      const more = family === 'IPv6' ? ['--cipher', 'chacha20'] : [];
      await cable(left, right, family === 'IPv4' ? left.link.own4 : left.link.own6, keyFile, more);
      await right.reaches(left.inner);
      const sizes = sizesFor(mtu);
      expect(await lostSizes(right, left, sizes), `of ${sizes.length} sizes`).toEqual([]);
    });
  }
}

/** How often a program has said this. */
const said = (process: Process, what: RegExp) => process.output.match(new RegExp(what, 'g'))?.length ?? 0;

/** The longest frame whose datagram a C program takes (2000 bytes). */
const CUT = 1979;

for (const kind of ['server', 'client'] as const) {
  test(`frames above ${CUT} bytes for a C ${kind}, which cuts them: dropped, counted, told of once`, async () => {
    const { lab, left, right, keyFile } = scene(1500);
    const ours = ['-P', keyFile, '-v'];
    const original = (host: Host, ...args: string[]) =>
      host.start(['stdbuf', '-oL', 'vde_cryptcab', ...locator, '-P', keyFile, '-vvvv', ...args], {
        OPENSSL_CONF: lab.legacyProvider,
      });
    let cable: Process;
    if (kind === 'server') {
      await original(left).prints(/Verbosity: 4/);
      cable = right.start([...cryptcab, ...locator, ...ours, '-c', left.link.own4]);
      await cable.prints(/the cable is up/);
    } else {
      cable = right.start([...cryptcab, ...locator, ...ours]);
      await cable.prints(/waiting for clients/);
      await original(left, '-c', right.link.own4, '-k').prints(/Successfully authenticated/, 30_000);
    }
    await right.reaches(left.inner);
    const told = new RegExp(`dropped a frame of more than ${CUT} bytes.*MTU.*to ${CUT - HEADER} at most`);
    // A client sends a probe with the first one that comes more than 5 s after it logged in.
    const large = right.start(['ping', '-n', '-i', '0.2', '-s', String(CUT + 1 - PING), left.inner]);
    await cable.prints(told, 30_000);
    await large.stop('SIGINT');
    expect(large.output).toContain('100% packet loss');
    expect(await lostSizes(right, left, [60, 1514, CUT])).toEqual([]);
    expect(await lostSizes(right, left, [CUT + 1, 4000])).toEqual([CUT + 1, 4000]);
    expect(said(cable, told)).toBe(1);
    cable.signal('SIGUSR2');
    await cable.prints(/"frame too long":"?\d/);
  });
}

test('frames longer than any cable carries: dropped, counted, told of once', async () => {
  const { left, right, keyFile } = scene(1500);
  for (const host of [left, right]) host.run('ip', 'link', 'set', 'tap0', 'mtu', String(LONGEST));
  const [, calling] = await cable(left, right, left.link.own4, keyFile);
  await right.reaches(left.inner);
  expect(await lostSizes(right, left, [LONGEST, LONGEST + 1])).toEqual([LONGEST + 1]);
  expect(said(calling, /dropped a frame of more than 9216 bytes.*MTU.*to 9202 at most/)).toBe(1);
});
