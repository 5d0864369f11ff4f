// Stock WireGuard devices, wireguard-go on a real tun, as hosts on the Ethernet (secure.md §6).
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { carried, transfer } from '../../../lab/checks.js';
import { cryptcab, type Host, Lab, labProgram } from '../../../lab/lab.js';
import { Phone } from '../../../lab/phone.js';
import { type Process, run, until } from '../../../lab/process.js';
import { type End, makeEnd, Peers, startSecureServer } from '../../../lab/secure-keys.js';
import { randomness, seed } from '../../support/seed.js';

const BYTES = 20_000_000;
const PORT = 7667;
const HUB = { four: '10.88.0.1', six: 'fd88::1' };
const { bytes } = randomness();
let lab: Lab;

afterEach(() => lab.close());

interface Scene {
  readonly hub: Host;
  readonly server: Process;
  readonly end: End;
  readonly peers: Peers;
  readonly phones: Phone[];
}

const fourOf = (i: number) => `10.88.0.${7 + i}`;
const sixOf = (i: number) => `fd88::${7 + i}`;

/** A server on the hub, whose network has the hub's own addresses; and devices that are up. */
async function scene(
  io: string,
  plug: 'switch' | 'bridge',
  { devices = 1, mtu = 1420, words = '' } = {},
): Promise<Scene> {
  lab = new Lab(1 + devices, io);
  const [hub, ...hosts] = lab.hosts as [Host, ...Host[]];
  if (plug === 'switch') await hub.startSwitch();
  else makeBridge(hub);
  hub.run('ip', 'address', 'add', `${HUB.six}/64`, 'dev', plug === 'switch' ? 'tap0' : 'br0', 'nodad');
  const end = makeEnd(lab, 'server', bytes);
  const phones = hosts.map((host) => new Phone(lab, host, bytes));
  const peers = new Peers(
    lab,
    phones.map(
      ({ publicKey }, i) => `${publicKey} name=phone${i} ip=${fourOf(i)}/24,${sixOf(i)}/64 ${words}`,
    ),
  );
  const args = plug === 'switch' ? [] : ['-s', 'bridge://br0'];
  const server = await startSecureServer(hub, end, peers, ['--no-classic', ...args]);
  await Promise.all(
    phones.map((phone, i) =>
      phone.start(end.publicKey, `${phone.host.link.hub4}:${PORT}`, [`${fourOf(i)}/24`, `${sixOf(i)}/64`], {
        mtu,
      }),
    ),
  );
  for (const i of phones.keys())
    await server.prints(new RegExp(`"peer":"phone${i}.*"msg":"peer is up, secure"`));
  return { hub, server, end, peers, phones };
}

/** A bridge as a person makes it, which looks at who is in which group, and asks. */
function makeBridge(hub: Host): void {
  hub.run('ip', 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '1', 'mcast_querier', '1');
  hub.run('ip', 'link', 'set', 'br0', 'up');
  hub.run('ip', 'address', 'add', `${HUB.four}/24`, 'dev', 'br0');
}

/** On its bridge, with ten addresses. */
function startDhcp(hub: Host): Process {
  return hub.start([
    ...[
      'dnsmasq',
      '--no-daemon',
      '--conf-file=/dev/null',
      '--port=0',
      '--interface=br0',
      '--bind-interfaces',
      '--log-dhcp',
    ],
    ...['--dhcp-range=10.88.0.50,10.88.0.59,2m', `--dhcp-leasefile=${lab.directory}/leases`],
  ]);
}

const neighbours = (host: Host, address: string) => host.run('ip', 'neighbour', 'show', 'to', address);

describe.each([
  ['native', 'switch'],
  ['portable', 'switch'],
  ['native', 'bridge'],
] as const)('%s, %s', (io, plug) => {
  test('two devices and a machine reach each other by both families, each with its own MAC address', async () => {
    const { hub, phones, server } = await scene(io, plug, { devices: 2 });
    const [one, two] = phones as [Phone, Phone];
    for (const [i, phone] of phones.entries()) {
      await phone.host.reaches(HUB.four);
      await phone.host.reaches(HUB.six);
      await hub.reaches(fourOf(i));
      await hub.reaches(sixOf(i));
      for (const address of [fourOf(i), sixOf(i)])
        expect(neighbours(hub, address)).toContain(`lladdr ${phone.mac}`);
    }
    expect(one.mac).not.toBe(two.mac);
    await one.host.reaches(fourOf(1));
    await two.host.reaches(sixOf(0));
    expect(await server.stop()).toBe(0);
  });

  test('each finds the other by multicast DNS', async () => {
    const { hub, phones } = await scene(io, plug);
    const { host } = phones[0] as Phone;
    const device = plug === 'switch' ? 'tap0' : 'br0';
    for (const [near, far] of [
      [HUB.four, fourOf(0)],
      [HUB.six, sixOf(0)],
    ] as const) {
      const here = hub.start([...labProgram('mdns'), near, device]);
      const there = host.start([...labProgram('mdns'), far, 'wg0']);
      for (const one of [here, there]) await one.prints(/^ready/m);
      for (const [asker, name] of [
        [here, far],
        [there, near],
      ] as const) {
        const answer = `answer ${name.replaceAll(/[.:]/g, '-')} ${name}\n`;
        await until(`${name} answers`, async () => {
          asker.write(`${name}\n`);
          return asker.output.includes(answer);
        });
      }
      await Promise.all([here.stop(), there.stop()]);
    }
  });

  test('what leaves under an address that is not its own never reaches the switch', async () => {
    const { hub, phones, server } = await scene(io, plug);
    const [{ host }] = phones as [Phone];
    const table =
      'table inet seen { counter spoofed {}; chain in { type filter hook prerouting priority 0; ip saddr 10.88.0.99 counter name spoofed; ip6 saddr fd88::99 counter name spoofed; }; }';
    hub.run('nft', `add ${table}`);
    host.run('ip', 'address', 'add', '10.88.0.99/24', 'dev', 'wg0');
    host.run('ip', 'address', 'add', 'fd88::99/64', 'dev', 'wg0', 'nodad');
    for (const [source, to] of [
      ['10.88.0.99', HUB.four],
      ['fd88::99', HUB.six],
    ] as const)
      expect(
        await host.start(['ping', '-n', '-c', '3', '-i', '0.2', '-W', '1', '-I', source, to]).exited,
      ).toBe(1);
    const { refused } = await carried(server);
    expect(refused).toMatchObject({ 'not its address': expect.anything() });
    expect(hub.run('nft', 'list', 'counter', 'inet', 'seen', 'spoofed')).toContain('packets 0 bytes 0');
    await host.reaches(HUB.four);
  });
});

describe.each([
  ['native', 'bridge'],
  ['native', 'switch'],
  ['portable', 'switch'],
] as const)('20 MB by TCP each way: %s, %s', (io, plug) => {
  test.each([1420, 1280])('at an inner MTU of %i', async (mtu) => {
    const { hub, phones } = await scene(io, plug, { mtu });
    const { host } = phones[0] as Phone;
    for (const [from, to, address] of [
      [host, hub, HUB.four],
      [hub, host, fourOf(0)],
      [host, hub, HUB.six],
      [hub, host, sixOf(0)],
    ] as const) {
      const { sent, received } = await transfer(from, to, { bytes: BYTES }, seed, 120_000, 1, address);
      expect(received).toMatchObject({ bytes: BYTES, sha256: sent.sha256 });
    }
  });
});

test('a device that moves goes on with its transfer', async () => {
  const { hub, phones, server } = await scene('native', 'bridge');
  const [{ host }] = phones as [Phone];
  let ports = 40_000;
  const moves = setInterval(() => host.run('wg', 'set', 'wg0', 'listen-port', String(++ports)), 500);
  try {
    const { sent, received } = await transfer(host, hub, { seconds: 4 }, seed, 120_000, 1, HUB.four);
    expect(received.sha256).toBe(sent.sha256);
    expect(received.bytes).toBeGreaterThan(0);
  } finally {
    clearInterval(moves);
  }
  await server.prints(/"msg":"the peer has moved"/);
});

test('a device whose line has changed is called at once, and does not wait until it notices by itself', async () => {
  const { hub, phones, peers, server } = await scene('native', 'bridge');
  const [phone] = phones as [Phone];
  const ups = () => server.output.split('"msg":"peer is up, secure"').length - 1;
  expect(ups()).toBe(1);
  const from = performance.now();
  peers.write([`${phone.publicKey} name=phone0 ip=10.88.0.70/24`]);
  await until('it is up again', () => ups() > 1);
  expect(performance.now() - from).toBeLessThan(10_000); // a WireGuard that waits notices after 15 s
  phone.host.run('ip', 'address', 'add', '10.88.0.70/24', 'dev', 'wg0');
  await hub.reaches('10.88.0.70');
});

test('a device leases an address by DHCP, and gives it back when its line is gone', async () => {
  lab = new Lab(2, 'native');
  const [hub, far] = lab.hosts as [Host, Host];
  makeBridge(hub);
  const dhcp = startDhcp(hub);
  const end = makeEnd(lab, 'server', bytes);
  const phone = new Phone(lab, far, bytes);
  const peers = new Peers(lab, [`${phone.publicKey} name=phone ip=dhcp`]);
  const server = await startSecureServer(hub, end, peers, ['--no-classic', '-s', 'bridge://br0']);
  await phone.start(end.publicKey, `${far.link.hub4}:${PORT}`, []);
  const [, address = ''] = await server.prints(
    /"address":"(10\.88\.0\.5\d)\/24".*"msg":"a device has leased an address"/,
  );
  await dhcp.prints(new RegExp(`DHCPACK\\(br0\\) ${address} ${phone.mac} phone`));
  far.run('ip', 'address', 'add', `${address}/24`, 'dev', 'wg0');
  await far.reaches(HUB.four);
  await hub.reaches(address);
  peers.write([]);
  await dhcp.prints(new RegExp(`DHCPRELEASE\\(br0\\) ${address} ${phone.mac}`));
});

test('an invited device joins with what was printed; its address is picked, and it is shown', async () => {
  lab = new Lab(3, 'native');
  const [hub, one, two] = lab.hosts as [Host, Host, Host];
  makeBridge(hub);
  const end = makeEnd(lab, 'server', bytes);
  const peers = new Peers(lab, []);
  const server = await startSecureServer(hub, end, peers, ['--no-classic', '-s', 'bridge://br0']);
  const said = async (...args: string[]): Promise<string> => {
    const command = hub.start([...cryptcab, ...args]);
    expect([await command.exited, command.output]).toEqual([0, command.output]);
    return command.output;
  };
  const invite = (...args: string[]) => said('invite', ...args, '--wireguard', '--at', one.link.hub4);
  const network = ['--network', '10.88.0.0/24,fd88::/64'];
  const printed = await invite('phone', ...network);
  expect(printed).toContain('Address = 10.88.0.2/24, fd88::2/64');
  expect(printed).toContain('AllowedIPs = 10.88.0.0/24, fd88::/64, 224.0.0.0/4, ff00::/8');
  const phone = new Phone(lab, one, bytes);
  await phone.startWith(printed);
  await one.reaches(HUB.four);
  // The second one by its own key; the network is known by now.
  const tablet = new Phone(lab, two, bytes);
  const more = await invite('tablet', '--public-key', tablet.publicKey, '--default-route');
  expect(more).toContain('Address = 10.88.0.3/24, fd88::3/64');
  expect(more).toContain('AllowedIPs = 0.0.0.0/0, ::/0');
  expect(more).not.toMatch(/^PrivateKey/m);
  await tablet.start(end.publicKey, `${two.link.hub4}:${PORT}`, ['10.88.0.3/24']);
  await two.reaches('10.88.0.2');
  const status = await said('status');
  expect(status).toMatch(/wireguard {2}phone .*: 10\.88\.0\.2\/24, fd88::2\/64, [0-9a-f][26ae]:/);
  expect(status).toContain(`10.88.0.3/24, fd88::3/64, ${tablet.mac}`);
  // What is kept is the line alone.
  const secret = /PrivateKey = (\S+)/.exec(printed)?.[1] as string;
  expect(readFileSync(peers.path, 'utf8')).toMatch(/ name=phone ip=10\.88\.0\.2\/24,fd88::2\/64$/m);
  for (const text of [readFileSync(peers.path, 'utf8'), server.output]) expect(text).not.toContain(secret);
});

test('an invited device gets no address that a station of the network has', async () => {
  lab = new Lab(2, 'native');
  const [hub, far] = lab.hosts as [Host, Host];
  makeBridge(hub);
  // A station that the server has never heard of.
  const peer = ['peer', 'name', 's1', 'netns', far.namespace];
  run('ip', '-n', hub.namespace, 'link', 'add', 's0', 'type', 'veth', ...peer);
  hub.run('ip', 'link', 'set', 's0', 'master', 'br0', 'up');
  far.run('ip', 'link', 'set', 's1', 'up');
  far.run('ip', 'address', 'add', '10.88.0.2/24', 'dev', 's1');
  far.run('ip', 'address', 'add', 'fd88::2/64', 'dev', 's1', 'nodad');
  const end = makeEnd(lab, 'server', bytes);
  const server = await startSecureServer(hub, end, new Peers(lab, []), [
    '--no-classic',
    '-s',
    'bridge://br0',
  ]);
  const invite = async (network: string) => {
    const at = ['--at', '192.0.2.1', '--network', network];
    const command = hub.start([...cryptcab, 'invite', 'phone', '--wireguard', ...at]);
    return [await command.exited, command.output] as const;
  };
  expect(await invite('10.88.0.2/24')).toEqual([
    1,
    expect.stringContaining('10.88.0.2 is in use, by a station'),
  ]);
  const [status, printed] = await invite('10.88.0.0/24,fd88::/64');
  expect([status, printed]).toEqual([0, expect.stringContaining('Address = 10.88.0.3/24, fd88::3/64')]);
  expect(server.output).not.toMatch(/"level":(?:40|50)/);
  expect(hub.run('ip', 'link', 'show', 'master', 'br0').split('\n').length).toBeLessThan(4); // s0 alone
});

test('a device is invited by DHCP: it is printed what the server leases, which the device then has', async () => {
  lab = new Lab(2, 'native');
  const [hub, far] = lab.hosts as [Host, Host];
  makeBridge(hub);
  const dhcp = startDhcp(hub);
  const end = makeEnd(lab, 'server', bytes);
  const peers = new Peers(lab, []);
  const server = await startSecureServer(hub, end, peers, ['--no-classic', '-s', 'bridge://br0']);
  const command = hub.start([
    ...[...cryptcab, 'invite', 'phone', '--wireguard'],
    ...['--network', 'dhcp,fd88::/64', '--at', far.link.hub4],
  ]);
  expect([await command.exited, command.output]).toEqual([0, command.output]);
  const [, address = ''] = /^Address = (10\.88\.0\.5\d)\/24, fd88::2\/64$/m.exec(command.output) ?? [];
  expect(command.output).toContain('AllowedIPs = 10.88.0.0/24, fd88::/64, ');
  expect(command.output).toContain(`${address} is leased from the DHCP server`);
  expect(readFileSync(peers.path, 'utf8')).toMatch(/ name=phone ip=dhcp,fd88::2\/64$/m);
  const phone = new Phone(lab, far, bytes);
  await phone.startWith(command.output);
  await server.prints(new RegExp(`"address":"${address}/24".*"msg":"a device has leased an address"`));
  await far.reaches(HUB.four);
  await hub.reaches(address);
  await dhcp.prints(new RegExp(`DHCPACK\\(br0\\) ${address} `));
});

/** A file with these lines. */
const config = (name: string, ...lines: string[]) => lab.keyFile(name, Buffer.from(`${lines.join('\n')}\n`));

// Its package starts a daemon of the machine's: where it is not installed nobody installs it for this.
test('a device finds what Avahi announces', async () => {
  const { hub, phones } = await scene('native', 'bridge');
  const [{ host }] = phones as [Phone];
  const avahi = config(
    'avahi.conf',
    ...[
      '[server]',
      'host-name=printer',
      'allow-interfaces=br0',
      'enable-dbus=no',
      '[wide-area]',
      'enable-wide-area=no',
    ],
  );
  hub.start(['avahi-daemon', '--no-drop-root', '--no-chroot', '--no-rlimits', `--file=${avahi}`]);
  for (const own of [fourOf(0), sixOf(0)]) {
    const asker = host.start([...labProgram('mdns'), own, 'wg0']);
    await asker.prints(/^ready/m);
    await until('Avahi answers', async () => {
      asker.write('printer\n');
      return asker.output.includes('answer printer ');
    });
    await asker.stop();
  }
});

test('a device goes by a router that radvd announces', async () => {
  const { hub, phones } = await scene('native', 'bridge');
  const [{ host }] = phones as [Phone];
  // Beyond the router is another network; nobody names it in the device's line.
  const far = '2001:db8:ffff::1';
  hub.run('ip', 'address', 'add', `${far}/128`, 'dev', 'lo');
  hub.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1');
  const radvd = config(
    'radvd.conf',
    'interface br0 { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; };',
  );
  hub.start([
    'radvd',
    '--nodaemon',
    '--logmethod',
    'stderr',
    '--config',
    radvd,
    '--pidfile',
    `${lab.directory}/radvd.pid`,
  ]);
  host.run('ip', 'route', 'add', '2001:db8:ffff::/48', 'dev', 'wg0');
  await host.reaches(far, 20_000);
});
