// A device whose WireGuard is the kernel's, as that of OpenWrt and of many an Android is (secure.md §6): a machine in QEMU with Debian's
// kernel, as that of the machine here may have none.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Guest, makeGuestImage } from '../../lab/guest.js';
import { type Host, Lab } from '../../lab/lab.js';
import { type Process, until } from '../../lab/process.js';
import { type End, makeEnd, Peers, startSecureServer } from '../../lab/secure-keys.js';
import { parseKey } from '../../src/keys/key-text.js';
import { macText } from '../../src/network/host.js';
import { macOf } from '../../src/protocol/host/mac.js';
import { randomness } from '../support/seed.js';

const BYTES = 4_000_000;
const HUB = { four: '10.88.0.1', six: 'fd88::1' };
const OWN = { four: '10.88.0.7', six: 'fd88::7' };
const UNDER = { hub: '10.99.0.1', guest: '10.99.0.2' };
const PORT = 7667;
const MINUTES = 240_000; // in emulation, on processors that others use as well
const random = randomness();

let lab: Lab;
let hub: Host;
let guest: Guest;
let server: Process;
let dhcp: Process;
let end: End;
let device: End;
let leasing: End;
let peers: Peers;

const macOfEnd = ({ publicKey }: End) => macText(macOf(parseKey(publicKey) as Uint8Array));

/** Makes a WireGuard device in the guest's kernel. */
async function plug(name: string, { keyFile }: End): Promise<void> {
  const peer = `peer ${end.publicKey} endpoint ${UNDER.hub}:${PORT} persistent-keepalive 1`;
  await guest.run(`ip link add ${name} type wireguard`);
  await guest.run(`wg set ${name} private-key ${keyFile} ${peer} allowed-ips 10.88.0.0/24,fd88::/64`);
  await guest.run(`ip link set ${name} mtu 1420 up`);
}

beforeAll(async () => {
  lab = new Lab(1, 'native');
  hub = lab.host(0);
  hub.run('ip', 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '1', 'mcast_querier', '1');
  hub.run('ip', 'link', 'set', 'br0', 'up');
  hub.run('ip', 'address', 'add', `${HUB.four}/24`, 'dev', 'br0');
  hub.run('ip', 'address', 'add', `${HUB.six}/64`, 'dev', 'br0', 'nodad');
  hub.run('ip', 'tuntap', 'add', 'under', 'mode', 'tap');
  hub.run('ip', 'link', 'set', 'under', 'up');
  hub.run('ip', 'address', 'add', `${UNDER.hub}/24`, 'dev', 'under');
  dhcp = hub.start([
    ...['dnsmasq', '--no-daemon', '--conf-file=/dev/null', '--port=0', '--interface=br0'],
    ...['--bind-interfaces', '--log-dhcp', '--dhcp-range=10.88.0.50,10.88.0.59,2m'],
    `--dhcp-leasefile=${lab.directory}/leases`,
  ]);
  [end, device, leasing] = ['server', 'device', 'leasing'].map((name) =>
    makeEnd(lab, name, random.bytes),
  ) as [End, End, End];
  peers = new Peers(lab, [
    `${device.publicKey} name=device ip=${OWN.four}/24,${OWN.six}/64`,
    `${leasing.publicKey} name=leasing ip=dhcp`,
  ]);
  server = await startSecureServer(hub, end, peers, ['--no-classic', '-s', 'bridge://br0']);
  const image = makeGuestImage(lab.directory, {
    programs: ['ip', 'wg'],
    modules: ['wireguard'],
    files: [device.keyFile, leasing.keyFile],
  });
  guest = new Guest(hub, image, ['tap,ifname=under,script=no,downscript=no']);
  await guest.boots();
  await guest.run(`ip address add ${UNDER.guest}/24 dev eth0; ip link set eth0 up; ip link set lo up`);
}, 400_000);

afterAll(() => lab?.close());

test('it is a host: ping both ways, by both families, and its own MAC address', async () => {
  await plug('wg0', device);
  await guest.run(`ip address add ${OWN.four}/24 dev wg0; ip address add ${OWN.six}/64 dev wg0 nodad`);
  await server.prints(/"peer":"device .*"msg":"peer is up, secure"/, MINUTES);
  await guest.run(`ping -c 3 -W 10 ${HUB.four}`);
  await guest.run(`ping6 -c 3 -W 10 ${HUB.six}`);
  for (const address of [OWN.four, OWN.six]) {
    await hub.reaches(address, MINUTES);
    expect(hub.run('ip', 'neighbour', 'show', 'to', address)).toContain(`lladdr ${macOfEnd(device)}`);
  }
}, 400_000);

test('TCP both ways, by both families', async () => {
  const digest = /([0-9a-f]{32})/;
  const www = join(lab.directory, 'www');
  mkdirSync(www);
  writeFileSync(join(www, 'file'), random.bytes(BYTES));
  hub.start(['busybox', 'httpd', '-f', '-p', '80', '-h', www]);
  const [, own] = digest.exec(hub.run('md5sum', join(www, 'file'))) as RegExpExecArray;
  for (const host of [HUB.four, `[${HUB.six}]`]) {
    const got = await guest.run(`wget -q -O - http://${host}/file | md5sum`);
    expect(digest.exec(got)?.[1]).toBe(own);
  }
  await guest.run(`mkdir /www; head -c ${BYTES} /dev/urandom > /www/file; httpd -h /www`);
  const [, there] = digest.exec(await guest.run('md5sum /www/file')) as RegExpExecArray;
  for (const host of [OWN.four, `[${OWN.six}]`]) {
    const got = hub.start(['sh', '-c', `busybox wget -q -O - http://${host}/file | md5sum`]);
    await got.exited;
    expect(digest.exec(got.output)?.[1]).toBe(there);
  }
}, 400_000);

test('it leases an address by DHCP, and gives it back when its line is gone', async () => {
  await guest.run('ip link delete wg0');
  await plug('wg1', leasing);
  const [, address = ''] = await server.prints(
    /"address":"(10\.88\.0\.5\d)\/24".*"msg":"a device has leased an address"/,
    MINUTES,
  );
  await dhcp.prints(new RegExp(`DHCPACK\\(br0\\) ${address} ${macOfEnd(leasing)} leasing`));
  await guest.run(`ip address add ${address}/24 dev wg1; ping -c 3 -W 10 ${HUB.four}`);
  await hub.reaches(address, MINUTES);
  peers.write([]);
  await dhcp.prints(new RegExp(`DHCPRELEASE\\(br0\\) ${address} ${macOfEnd(leasing)}`), MINUTES);
  await until('nothing is said to it any more', async () => !(await hub.pings(address)));
  expect(await server.stop()).toBe(0);
}, 400_000);
