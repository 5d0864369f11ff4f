// Taps on the native path, which give and take TCP and UDP as super-frames: whoever is at the other end sees ordinary frames.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import {
  type Arrivals,
  carried,
  datagrams,
  lostSizes,
  type PiecesCame,
  pieces,
  transfer,
} from '../../../lab/checks.js';
import { cryptcab, type Host, Lab } from '../../../lab/lab.js';
import { type Process, until } from '../../../lab/process.js';
import { encode, FLAG } from '../../quick/unit/core/tap-twin.js';
import { randomness, seed } from '../../support/seed.js';

const BYTES = 20_000_000;
const HEADER = 14;
/** The tap that takes frames gets fewer than so many of them, as others are joined. The thread joins what it finds together, which is less on a busy machine. */
const JOINED = 0.9;
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

function scene(): Scene {
  lab = new Lab(2, 'native');
  const [hub, client] = lab.hosts as [Host, Host];
  return { lab, hub, client, keyFile: lab.keyFile('key', random.bytes(44)) };
}

const tap = ['-s', 'tap://tap0', '-v'];
/** IPv6 on the tap. */
const inner6 = (host: Host) => `fd88::${host.index + 1}`;
/** A tap with IPv6, too. */
function makeTap(host: Host, mtu: number): void {
  host.makeTap(mtu);
  host.run('ip', 'address', 'add', `${inner6(host)}/64`, 'dev', 'tap0', 'nodad');
}

async function startServer({ hub, keyFile }: Scene, ...more: string[]): Promise<Process> {
  const server = hub.cryptcab([...tap, '-P', keyFile, ...more]);
  await server.prints(/waiting for clients/);
  return server;
}

async function startClient({ client, keyFile }: Scene, ...more: string[]): Promise<Process> {
  const cable = client.cryptcab([...tap, '-P', keyFile, '-c', client.link.hub4, ...more]);
  await cable.prints(/the cable is up/);
  return cable;
}

/** Moves a file from one host to the other, to an address there. */
async function moves(from: Host, to: Host, address = to.inner, bytes = BYTES): Promise<void> {
  const { sent, received } = await transfer(from, to, { bytes }, seed, 60_000, 1, address);
  expect(sent.bytes).toBe(bytes);
  expect(received.sha256).toBe(sent.sha256);
}

/** 2000 datagrams, 2000 a second. Again if one is lost, as the receiver's own socket is full on a busy machine; not for ever. */
async function allArrive(from: Host, to: Host): Promise<Arrivals> {
  const arrivals = await datagrams(from, to, 2000, 2000);
  return arrivals.different === 2000 ? arrivals : await datagrams(from, to, 2000, 2000);
}

/** Whether the kernel leaves the cutting of TCP to whoever has the tap. */
const offloaded = (host: Host) => /tx-tcp-segmentation: on/.test(host.run('ethtool', '-k', 'tap0'));

/** Pieces of 20 datagrams, the last one shorter: all come as they were sent. Again if one is lost, as above; not for ever. */
async function piecesArrive(from: Host, to: Host, address = to.inner): Promise<PiecesCame> {
  const send = () => pieces(from, to, { bytes: 1200, each: 20, short: 700, mbit: 40, seconds: 1 }, address);
  let { sent, came } = await send();
  if (came.datagrams !== sent.datagrams) ({ sent, came } = await send());
  expect(sent.datagrams).toBeGreaterThan(100);
  expect(came).toMatchObject({ datagrams: sent.datagrams, bytes: sent.bytes, wrong: 0, again: 0 });
  return came;
}

/** Whether the kernel leaves the cutting of UDP to whoever has the tap. */
const offloadsUdp = (host: Host) => /tx-udp-segmentation: on/.test(host.run('ethtool', '-k', 'tap0'));

test('UDP that its sender leaves uncut, over IPv4 and IPv6', async () => {
  const stage = scene();
  const { hub, client } = stage;
  for (const host of [hub, client]) makeTap(host, 1400);
  const ends = [await startServer(stage), await startClient(stage)];
  await client.reaches(hub.inner);
  await client.reaches(inner6(hub));
  expect([hub, client].map(offloadsUdp)).toEqual([true, true]);
  for (const address of [hub.inner, inner6(hub)]) {
    const before = { tx: client.tapped('tx'), rx: hub.tapped('rx') };
    const { datagrams } = await piecesArrive(client, hub, address);
    expect(client.tapped('tx') - before.tx).toBeLessThan(datagrams / 5);
    expect(hub.tapped('rx') - before.rx).toBeLessThan(JOINED * datagrams);
  }
  await piecesArrive(hub, client);
  for (const end of ends) {
    expect((await carried(end)).refused).not.toHaveProperty('frame too long');
    expect(await end.stop()).toBe(0);
  }
  expect([hub, client].map(offloadsUdp)).toEqual([false, false]);
});

test('a kernel that cuts UDP itself', async () => {
  const stage = scene();
  const { hub, client } = stage;
  for (const host of [hub, client]) makeTap(host, 1400);
  const without = { NODE_OPTIONS: `--import=${new URL('../command/without.mjs', import.meta.url).pathname}` };
  const server = hub.cryptcab([...tap, '-P', stage.keyFile], { ...without, WITHOUT: 'uso' });
  await server.prints(/waiting for clients/);
  await startClient(stage);
  await client.reaches(hub.inner);
  expect([hub, client].map(offloadsUdp)).toEqual([false, true]);
  expect([hub, client].map(offloaded)).toEqual([true, true]);
  const before = hub.tapped('rx');
  const { datagrams } = await piecesArrive(client, hub);
  expect(hub.tapped('rx') - before).toBeGreaterThanOrEqual(datagrams); // it takes none joined
  await piecesArrive(hub, client);
  await moves(client, hub);
});

for (const mtu of [1400, 1500, 9000]) {
  test(`TCP, UDP and pings between taps of MTU ${mtu}`, async () => {
    const stage = scene();
    const { hub, client } = stage;
    for (const host of [hub, client]) makeTap(host, mtu);
    const server = await startServer(stage);
    const cable = await startClient(stage, ...(mtu === 1500 ? ['--cipher', 'chacha20'] : []));
    await client.reaches(hub.inner);
    await client.reaches(inner6(hub));
    expect([hub, client].map(offloaded)).toEqual([true, true]);
    const before = { tx: client.tapped('tx'), rx: hub.tapped('rx') };
    await moves(client, hub);
    const frames = Number((await carried(server)).opened);
    expect(client.tapped('tx') - before.tx).toBeLessThan(frames / 2);
    expect(hub.tapped('rx') - before.rx).toBeLessThan(JOINED * frames);
    await moves(client, hub, inner6(hub));
    await moves(hub, client, inner6(client));
    const sizes = [60, 61, 64, 1000, 1413, 1414, 1513, 1514, 9013, 9014].filter(
      (size) => size <= mtu + HEADER,
    );
    expect(await lostSizes(client, hub, sizes)).toEqual([]);
    expect(await allArrive(client, hub)).toEqual({ different: 2000, duplicates: 0 });
    for (const end of [server, cable])
      expect((await carried(end)).refused).not.toHaveProperty('bad checksum');
  });
}

test('eight streams at once', async () => {
  const stage = scene();
  for (const host of [stage.hub, stage.client]) makeTap(host, 1400);
  await startServer(stage);
  await startClient(stage);
  await stage.client.reaches(stage.hub.inner);
  const { sent, received } = await transfer(stage.client, stage.hub, { bytes: BYTES }, seed, 60_000, 8);
  expect(received.sha256).toBe(sent.sha256);
});

const PCAP = { file: 24, packet: 16, length: 8 } as const;

/** The frames that a file in pcap's format holds so far: none where it is not there yet. */
function framesIn(file: string): Buffer[] {
  const pcap = existsSync(file) ? readFileSync(file) : Buffer.alloc(0);
  const frames: Buffer[] = [];
  for (let at: number = PCAP.file; at + PCAP.packet <= pcap.length; ) {
    const end = at + PCAP.packet + pcap.readUInt32LE(at + PCAP.length);
    if (end > pcap.length) break; // the rest of it comes later
    frames.push(pcap.subarray(at + PCAP.packet, end));
    at = end;
  }
  return frames;
}

test('frames of a VLAN', async () => {
  const stage = scene();
  const { lab, hub, client } = stage;
  for (const host of [hub, client]) host.makeTap();
  await startServer(stage);
  await startClient(stage);
  await client.reaches(hub.inner);
  const [mark, port] = [4001, 4000];
  const frame = (port: number, i: number, payload: Uint8Array) =>
    encode({
      ...{ version: 4, tags: [5], tos: 0, id: i, dontFragment: true, ttl: 64, flow: 0, host: 2, port },
      ...{ sequence: 1000 * i, acknowledged: 1, flags: FLAG.ACK, window: 500, urgent: 0 },
      ...{ options: new Uint8Array(), payload },
    });
  const send = async (...frames: Uint8Array[]) => {
    const conf = join(lab.directory, 'frames.cfg');
    writeFileSync(conf, frames.map((one) => `{ ${[...one].join(', ')} }`).join('\n'));
    const trafgen = client.start([
      ...['trafgen', '--dev', 'tap0', '--conf', conf, '--cpus', '1', '--no-sock-mem', '--qdisc-path'],
      ...['--num', String(frames.length)],
    ]);
    expect(await trafgen.exited).toBe(0);
  };
  // No device of a VLAN is needed: what the tap was given is recorded there.
  const file = join(lab.directory, 'came.pcap');
  const recorder = hub.start(['tshark', '-i', 'tap0', '-f', 'vlan and tcp', '-F', 'pcap', '-w', file]);
  // It says that it is recording before it is: so marks are sent until one has been recorded.
  await until('the recorder records', async () => {
    await send(frame(mark, 0, random.bytes(10)));
    return framesIn(file).length > 0;
  });
  // Of one connection, so that they are joined.
  const text = random.bytes(12_000);
  await send(
    ...Array.from({ length: 12 }, (_, i) => frame(port, i, text.subarray(1000 * i, 1000 * (i + 1)))),
  );
  const TCP = 14 + 4 + 20;
  const payloads = () =>
    Buffer.concat(
      framesIn(file)
        .filter((one) => one.readUInt16BE(TCP) === port)
        .map((one) => one.subarray(TCP + 20)),
    );
  await until('all have come', () => payloads().length >= text.length);
  expect(payloads().equals(text)).toBe(true);
  await recorder.stop('SIGINT');
});

test('offloads that are switched off', async () => {
  const stage = scene();
  for (const host of [stage.hub, stage.client]) makeTap(host, 1400);
  await startServer(stage);
  await startClient(stage);
  await stage.client.reaches(stage.hub.inner);
  for (const host of [stage.hub, stage.client]) {
    host.run('ethtool', '-K', 'tap0', 'tx', 'off');
    expect(offloaded(host)).toBe(false);
  }
  await moves(stage.client, stage.hub);
  await moves(stage.hub, stage.client, inner6(stage.client));
});

test('the portable path at the other end', async () => {
  const stage = scene();
  for (const host of [stage.hub, stage.client]) makeTap(host, 1400);
  const server = stage.hub.start([...cryptcab, ...tap, '--io', 'portable', '-P', stage.keyFile]);
  await server.prints(/waiting for clients/);
  await startClient(stage);
  await stage.client.reaches(stage.hub.inner);
  await moves(stage.client, stage.hub);
  await moves(stage.hub, stage.client);
  await moves(stage.hub, stage.client, inner6(stage.client));
});

test('a C server on a switch at the other end', async () => {
  const stage = scene();
  await stage.hub.startSwitch();
  makeTap(stage.client, 1400);
  const server = stage.hub.original(['-P', stage.keyFile, '-vvvv']);
  await server.prints(/Verbosity: 4/);
  await startClient(stage);
  await stage.client.reaches(stage.hub.inner);
  await moves(stage.client, stage.hub);
  await moves(stage.hub, stage.client);
});

test('a tap that goes down and comes up', async () => {
  const stage = scene();
  const { hub, client } = stage;
  for (const host of [hub, client]) makeTap(host, 1400);
  await startServer(stage);
  await startClient(stage);
  await client.reaches(hub.inner);
  client.run('ip', 'link', 'set', 'tap0', 'down');
  const ping = hub.start(['ping', '-n', '-c', '5', '-i', '0.05', '-W', '1', client.inner]);
  await ping.exited;
  expect(ping.output).toContain('100% packet loss');
  client.run('ip', 'link', 'set', 'tap0', 'up');
  await client.reaches(hub.inner);
  await moves(client, hub, hub.inner, 2_000_000);
});

test('a tap that the cable made, and that is deleted, is made again', async () => {
  const stage = scene();
  const { hub, client } = stage;
  makeTap(hub, 1400);
  await startServer(stage);
  const cable = await startClient(stage);
  const configure = () => {
    client.run('ip', 'link', 'set', 'tap0', 'address', client.mac, 'up');
    client.run('ip', 'address', 'add', `${client.inner}/24`, 'dev', 'tap0');
  };
  configure();
  await client.reaches(hub.inner);
  client.run('ip', 'link', 'delete', 'tap0');
  await cable.prints(/the tap tap0 is gone/);
  await until('there is one again', () => client.run('ls', '/sys/class/net').includes('tap0'));
  configure();
  await client.reaches(hub.inner);
  expect(await cable.stop()).toBe(0);
  expect(client.run('ls', '/sys/class/net')).not.toContain('tap0'); // nobody made it to stay
});

test('a tap that stays is left as it was', async () => {
  const stage = scene();
  for (const host of [stage.hub, stage.client]) host.makeTap();
  const ends = [await startServer(stage), await startClient(stage)];
  await stage.client.reaches(stage.hub.inner);
  expect([stage.hub, stage.client].map(offloaded)).toEqual([true, true]);
  for (const end of ends) expect(await end.stop()).toBe(0);
  // Others that open it would get super-frames, and checksums that are not finished.
  expect([stage.hub, stage.client].map(offloaded)).toEqual([false, false]);
});

test('without IFF_VNET_HDR, frames go as they are', async () => {
  const stage = scene();
  for (const host of [stage.hub, stage.client]) makeTap(host, 1400);
  const without = { NODE_OPTIONS: `--import=${new URL('../command/without.mjs', import.meta.url).pathname}` };
  const server = stage.hub.cryptcab([...tap, '-P', stage.keyFile], { ...without, WITHOUT: 'vnet' });
  await server.prints(/waiting for clients/);
  await startClient(stage);
  await stage.client.reaches(stage.hub.inner);
  expect([stage.hub, stage.client].map(offloaded)).toEqual([false, true]);
  await moves(stage.client, stage.hub);
  await moves(stage.hub, stage.client, inner6(stage.client));
});

test('a tap needs no libvdeplug', async () => {
  const stage = scene();
  for (const host of [stage.hub, stage.client]) makeTap(host, 1400);
  const without = { NODE_OPTIONS: `--import=${new URL('../command/without.mjs', import.meta.url).pathname}` };
  const server = stage.hub.cryptcab([...tap, '-P', stage.keyFile], { ...without, WITHOUT: 'libvdeplug' });
  await server.prints(/waiting for clients/);
  await startClient(stage);
  await stage.client.reaches(stage.hub.inner);
  expect(readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, 'utf8').trim()).toBe('');
});

/** The one line that a program says which cannot start. */
async function refuses(process: Process): Promise<string> {
  expect(await process.exited).toBe(1);
  const lines = process.output.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  expect(lines).toHaveLength(1);
  return lines[0] as string;
}

test('a tap that cannot be had: one line that says what to do', async () => {
  const stage = scene();
  const { hub, client, keyFile } = stage;
  for (const host of [hub, client]) host.makeTap();
  const ours = [...cryptcab, '--io', 'native', '-P', keyFile];
  await startServer(stage);
  await startClient(stage);
  const inUse = client.start([...ours, '-s', 'tap://tap0', '-p', '7777']);
  expect(await refuses(inUse)).toMatch(/: the tap tap0 is in use: end the program that has it/);
  const other = client.start([...ours, '-s', 'tap://v0', '-p', '7777']);
  expect(await refuses(other)).toMatch(/: v0 cannot be opened as a tap: it is a device of another kind/);
  const open = [...cryptcab, '--io', 'native', '-x', '-s', 'tap://tap1', '-p', '7777', '--now'];
  // Somebody who may open the device of taps, and somebody who may not.
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all'];
  const nobodyWith = (mode: string) =>
    client.start([
      ...[
        ...['unshare', '-m', 'sh', '-c'],
        `mount -t tmpfs none /dev/net && mknod -m ${mode} /dev/net/tun c 10 200 && exec "$@"`,
        'sh',
      ],
      ...[...nobody, ...open],
    ]);
  expect(await refuses(nobodyWith('666'))).toMatch(
    /: may not open the tap tap1: be root, or have one made by ip tuntap add tap1 mode tap user/,
  );
  expect(await refuses(nobodyWith('600'))).toMatch(
    /: may not open \/dev\/net\/tun, for the tap tap1: be root/,
  );
  const hidden = client.start([
    'unshare',
    '-m',
    'sh',
    '-c',
    'mount -t tmpfs none /dev/net && exec "$@"',
    'sh',
    ...open,
  ]);
  expect(await refuses(hidden)).toMatch(/: no taps here: there is no \/dev\/net\/tun; load the module tun/);
});
