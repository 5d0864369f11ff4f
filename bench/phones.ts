// What passes between a station of an Ethernet and a device that has WireGuard alone: as a host of ours, and by the usual recipe,
// wireguard-go and proxy ARP. In rotation, so that a noisy machine is noisy to both.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cryptcab, type Host, Lab } from '../lab/lab.js';
import { Phone } from '../lab/phone.js';
import { type Process, run, until } from '../lab/process.js';
import { makeEnd, Peers } from '../lab/secure-keys.js';
import { ask, figure, machine, median, options, save, table } from './measure.js';
import { usage } from './proc.js';
import { iperf, mbit, ping } from './traffic.js';

const PORT = 7_667;
const INNER_MTU = 1_420;

interface Way {
  readonly name: string;
  /** Starts what serves the device on the hub; returns it. */
  serve(lab: Lab, hub: Host, device: Phone, host: Host): Promise<Process>;
}

const OURS: Way = {
  name: 'cryptcab',
  async serve(lab, hub, device, host) {
    const end = makeEnd(lab, 'server', (length) => randomBytes(length));
    const peers = new Peers(lab, [`${device.publicKey} name=phone ip=${host.inner}/24`]);
    const server = hub.start([
      ...[...cryptcab, '--secure', '--no-classic', '-s', 'bridge://br0', '-v'],
      ...['--key', end.keyFile, '--peers', peers.path],
    ]);
    await server.prints(/waiting for clients/);
    await device.start(end.publicKey, `${host.link.hub4}:${PORT}`, [`${host.inner}/24`], { mtu: INNER_MTU });
    return server;
  },
};

const RECIPE: Way = {
  name: 'wireguard-go, proxy ARP',
  async serve(lab, hub, device, host) {
    const end = makeEnd(lab, 'server', (length) => randomBytes(length));
    const server = hub.start(['wireguard-go', '-f', 'wg9']);
    await until('wireguard-go listens', () => existsSync(join(hub.runDirectory, 'wireguard/wg9.sock')));
    hub.run(
      'wg',
      ...['set', 'wg9', 'listen-port', String(PORT), 'private-key', end.keyFile],
      ...['peer', device.publicKey, 'allowed-ips', `${host.inner}/32`],
    );
    hub.run('ip', 'link', 'set', 'wg9', 'mtu', String(INNER_MTU), 'up');
    hub.run('ip', 'route', 'add', `${host.inner}/32`, 'dev', 'wg9');
    hub.run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv4.conf.br0.proxy_arp=1');
    await device.start(end.publicKey, `${host.link.hub4}:${PORT}`, [`${host.inner}/24`], { mtu: INNER_MTU });
    return server;
  },
};

const WAYS = [OURS, RECIPE];

interface Sample {
  /** Mbit/s of one TCP stream to the device, and from it. */
  to: number;
  from: number;
  /** Mbit/s of UDP in packets of 92 bytes to the device. */
  small: number;
  /** Median round trip, ms. */
  rtt: number;
  /** Processor time of what serves the device for a gigabyte of TCP, both ways, s. */
  cpu: number;
}

/** A bridge on the hub, with a station behind it. */
function layNetwork(hub: Host, station: Host): void {
  hub.run('ip', 'link', 'add', 'br0', 'type', 'bridge');
  hub.run('ip', 'address', 'add', `${hub.inner}/24`, 'dev', 'br0');
  hub.run('ip', 'link', 'set', 'br0', 'up');
  run(
    'ip',
    '-n',
    hub.namespace,
    'link',
    'add',
    'lan',
    'type',
    'veth',
    'peer',
    'name',
    'lan',
    'netns',
    station.namespace,
  );
  hub.run('ip', 'link', 'set', 'lan', 'master', 'br0', 'up');
  station.run('ip', 'address', 'add', `${station.inner}/24`, 'dev', 'lan');
  station.run('ip', 'link', 'set', 'lan', 'up');
}

async function measure({ serve }: Way, seconds: number): Promise<Sample> {
  const lab = new Lab(3);
  try {
    const [hub, host, station] = lab.hosts as [Host, Host, Host];
    layNetwork(hub, station);
    const device = new Phone(lab, host, (length) => randomBytes(length));
    const server = await serve(lab, hub, device, host);
    await host.reaches(station.inner, 20_000);
    await station.reaches(host.inner, 20_000);
    const rtt = median(await ping(station, host, 100));
    const before = usage([server.pid]).seconds;
    const to = await iperf(station, host, seconds);
    const from = await iperf(host, station, seconds);
    const cpu = (usage([server.pid]).seconds - before) / ((to.bytes + from.bytes) / 1e9);
    const small = mbit(await iperf(station, host, seconds, '-u', '-b', '200M', '-l', '64'));
    return { to: mbit(to), from: mbit(from), small, rtt, cpu };
  } finally {
    await lab.close();
  }
}

ask(async () => {
  const chosen = options();
  const found = machine(['wireguard-go', 'iproute2', 'iperf3']);
  const seconds = chosen.quick ? 1 : 3;
  const raw: Record<string, (Sample | undefined)[]> = {};
  for (let round = 0; round < chosen.rounds; round++) {
    console.log(`  round ${round + 1}`);
    for (const way of WAYS) {
      let sample: Sample | undefined;
      try {
        sample = await measure(way, seconds);
        const { to, from, small, rtt } = sample;
        console.log(
          `    ${way.name.padEnd(24)} TCP to ${figure(to)}, from ${figure(from)}, small ${figure(small)} Mbit/s, ${figure(rtt)} ms`,
        );
      } catch (error) {
        console.log(`    ${way.name}: left out of this round: ${String(error).split('\n')[0]}`);
      }
      raw[way.name] = [...(raw[way.name] ?? []), sample];
    }
  }
  const columns: readonly (readonly [keyof Sample, string])[] = [
    ['to', 'TCP to the device, Mbit/s'],
    ['from', 'from it'],
    ['small', 'UDP of 64 bytes to it, Mbit/s'],
    ['rtt', 'round trip, ms'],
    ['cpu', 'CPU s/GB'],
  ];
  const all = (name: string, column: keyof Sample) =>
    (raw[name] ?? []).map((one) => one?.[column] ?? Number.NaN);
  table(
    ['station and device', ...columns.map(([, head]) => head)],
    WAYS.map(({ name }) => [name, ...columns.map(([column]) => figure(median(all(name, column))))]),
  );
  for (const [column, head] of columns.slice(0, 3)) {
    const others = all(RECIPE.name, column);
    const ratios = all(OURS.name, column).map((one, i) => one / (others[i] ?? Number.NaN));
    console.log(`  ${head}: ours ÷ the recipe ${figure(median(ratios))}`);
  }
  save(chosen, 'phones', { machine: found, seconds, runs: raw }, {});
});
