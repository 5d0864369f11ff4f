// QEMU at both ends of a cable, by its own sockets: no switch, and no tap.
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Guest, makeGuestImage } from '../../../lab/guest.js';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import { until } from '../../../lab/process.js';
import { randomness } from '../../support/seed.js';

const BYTES = 20_000_000;
let lab: Lab;

afterEach(() => lab.close());

test('two machines in QEMU: by -netdev stream, and by -netdev dgram', async () => {
  lab = new Lab(2, 'native');
  const [hub, client] = lab.hosts as [Host, Host];
  const keyFile = lab.keyFile('key', randomness().bytes(44));
  const image = makeGuestImage(lab.directory);
  const path = (name: string) => join(lab.directory, name);

  // The server listens for QEMU, and QEMU for the client.
  const server = hub.start([...cryptcab, '-s', `qemu:${path('a')}`, '-P', keyFile, '-v']);
  await server.prints(/no QEMU is connected at .*start it with -netdev stream,id=net0,server=off/);
  const dgramServer = hub.start([
    ...[...cryptcab, '-s', `qemu-dgram:${path('c1')},${path('c2')}`, '-P', keyFile, '-v', '-p', '7777'],
  ]);
  await dgramServer.prints(/no QEMU has the socket/);
  const dgram = (own: string, other: string) =>
    `dgram,local.type=unix,local.path=${path(own)},remote.type=unix,remote.path=${path(other)}`;
  const a = new Guest(hub, image, [
    `stream,server=off,addr.type=unix,addr.path=${path('a')}`,
    dgram('c2', 'c1'),
  ]);
  const b = new Guest(client, image, [
    `stream,server=on,addr.type=unix,addr.path=${path('b')}`,
    dgram('d2', 'd1'),
  ]);
  const to = ['-P', keyFile, '-v', '-p', '0', '-c', client.link.hub4];
  const cable = client.start([...cryptcab, '-s', `qemu:${path('b')},connect`, ...to]);
  const dgramCable = client.start([
    ...[...cryptcab, '-s', `qemu-dgram:${path('d1')},${path('d2')}`, ...to, '-c', `${client.link.hub4}:7777`],
  ]);
  await Promise.all([a.boots(), b.boots()]);
  await Promise.all([cable.prints(/the cable is up/), dgramCable.prints(/the cable is up/)]);

  await a.run('ip address add 10.1.0.1/24 dev eth0; ip link set eth0 up');
  await a.run('ip address add 10.2.0.1/24 dev eth1; ip link set eth1 up');
  // One address by DHCP, which is broadcasts.
  await a.run(
    'mkdir -p /var/lib/misc; printf "start 10.1.0.20\\nend 10.1.0.20\\ninterface eth0\\noption subnet 255.255.255.0\\nlease_file /leases\\n" > /dhcp; touch /leases; udhcpd /dhcp',
  );
  await b.run('ip link set eth0 up; ip address add 10.2.0.2/24 dev eth1; ip link set eth1 up');
  await b.run(
    'printf "#!/bin/sh\\n[ \\$1 = bound ] && ip address add \\$ip/24 dev eth0\\ntrue\\n" > /lease; chmod +x /lease; udhcpc -q -n -t 20 -i eth0 -s /lease',
  );
  expect(await b.run('ip address show eth0')).toContain('10.1.0.20/24');
  await a.run(`mkdir /www; head -c ${BYTES} /dev/urandom > /www/file; httpd -h /www`);
  const digest = /([0-9a-f]{32})/; // behind a prompt
  const [, sum] = digest.exec(await a.run('md5sum /www/file')) as RegExpExecArray;
  for (const network of ['10.1.0', '10.2.0']) {
    await b.run(`ping -c 5 -A ${network}.1`);
    const got = await b.run(`wget -q -O - http://${network}.1/file | md5sum`);
    expect(digest.exec(got)?.[1]).toBe(sum);
  }
  // QEMU goes; the cable says so, and waits for the next one.
  await a.process.stop('SIGKILL');
  await server.prints(/QEMU has left/);
  await dgramServer.prints(/QEMU has left/);
  await until('nobody has ended', () => server.running && dgramServer.running);
  for (const end of [cable, dgramCable, server, dgramServer]) expect(await end.stop()).toBe(0);
}, 300_000);
