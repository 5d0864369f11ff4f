// What passes between a station of an Ethernet and a device that has WireGuard alone: as a host of ours, and by the usual recipe,
// wireguard-go and proxy ARP. In rotation, so that a noisy machine is noisy to both.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pieces } from '../lab/checks.js';
import { cryptcab, type Host, Lab } from '../lab/lab.js';
import { Phone } from '../lab/phone.js';
import { type Process, run, until } from '../lab/process.js';
import { makeEnd, Peers } from '../lab/secure-keys.js';
import { ask, figure, machine, median, options, save, table } from './measure.js';
import { usage } from './proc.js';
import { iperf, mbit, ping, type Traffic } from './traffic.js';

const PORT = 7_667;
const INNER_MTU = 1_420;
/** Payload of a small packet, which has 92 bytes then; how many of them a sender leaves to its kernel to cut, and at which rates, Mbit/s. */
const SMALL = 64;
const EACH = 40;
const RATES = [40, 120];
const random = (length: number) => randomBytes(length);

/** What the device has. */
interface Device {
  readonly publicKey: string;
  /** @returns its process */
  start(serverKey: string): Promise<Process>;
}

interface Kind {
  readonly name: string;
  make(lab: Lab, host: Host, station: Host): Device;
}

const endpointOf = ({ link }: Host) => `${link.hub4}:${PORT}`;

/** wireguard-go: it takes one datagram with a call, and bounds what can pass. */
const STOCK: Kind = {
  name: 'wireguard-go',
  make(lab, host) {
    const phone = new Phone(lab, host, random);
    return {
      publicKey: phone.publicKey,
      start: (serverKey) =>
        phone.start(serverKey, endpointOf(host), [`${host.inner}/24`], { mtu: INNER_MTU }),
    };
  },
};

/** Ours with its ends changed over: its "device" is the station, so IP packets are what it sends, and takes. It bounds less. */
const SWIFT: Kind = {
  name: 'swift',
  make(lab, host, station) {
    const end = makeEnd(lab, 'device', random);
    return {
      publicKey: end.publicKey,
      async start(serverKey) {
        host.makeTap(INNER_MTU);
        const line = `${serverKey} name=station ip=${station.inner}/24 endpoint=${endpointOf(host)}`;
        const peers = new Peers(lab, [line], 'device-peers');
        const options = ['--secure', '--no-classic', '-s', 'tap://tap0', '-v', '--key', end.keyFile];
        return host.start([...cryptcab, ...options, '--peers', peers.path]);
      },
    };
  },
};

const KINDS = [STOCK, SWIFT];

interface Way {
  readonly name: string;
  /** Starts what serves the device on the hub. @returns its key, and its process */
  serve(lab: Lab, hub: Host, device: Device, host: Host): Promise<{ key: string; server: Process }>;
}

const OURS: Way = {
  name: 'cryptcab',
  async serve(lab, hub, { publicKey }, host) {
    const end = makeEnd(lab, 'server', random);
    const peers = new Peers(lab, [`${publicKey} name=phone ip=${host.inner}/24`]);
    const server = hub.start([
      ...[...cryptcab, '--secure', '--no-classic', '-s', 'bridge://br0', '-v'],
      ...['--key', end.keyFile, '--peers', peers.path],
    ]);
    await server.prints(/waiting for clients/);
    return { key: end.publicKey, server };
  },
};

const RECIPE: Way = {
  name: 'wireguard-go, proxy ARP',
  async serve(lab, hub, { publicKey }, host) {
    const end = makeEnd(lab, 'server', random);
    const server = hub.start(['wireguard-go', '-f', 'wg9']);
    await until('wireguard-go listens', () => existsSync(join(hub.runDirectory, 'wireguard/wg9.sock')));
    hub.run(
      'wg',
      ...['set', 'wg9', 'listen-port', String(PORT), 'private-key', end.keyFile],
      ...['peer', publicKey, 'allowed-ips', `${host.inner}/32`],
    );
    hub.run('ip', 'link', 'set', 'wg9', 'mtu', String(INNER_MTU), 'up');
    hub.run('ip', 'route', 'add', `${host.inner}/32`, 'dev', 'wg9');
    hub.run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv4.conf.br0.proxy_arp=1');
    return { key: end.publicKey, server };
  },
};

const WAYS = [OURS, RECIPE];

/** What passed one way, and what it cost. */
interface Passed {
  mbit: number;
  /** Processor time of what serves the device, and of what the device has, s for a gigabyte. */
  server: number;
  device: number;
}

interface Sample {
  /** One TCP stream to the device, and from it. */
  to: Passed;
  from: Passed;
  /** UDP in small packets to the device, and from it: one call for each, and in pieces, the most at any rate. */
  small: Passed;
  smallFrom: Passed;
  pieces: Passed;
  piecesFrom: Passed;
  /** The same from the station to the hub, which is no tunnel, Mbit/s: the sender makes no more. */
  bare: number;
  /** Median round trip, ms. */
  rtt: number;
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

async function measure(way: Way, kind: Kind, seconds: number): Promise<Sample> {
  const lab = new Lab(3);
  try {
    const [hub, host, station] = lab.hosts as [Host, Host, Host];
    layNetwork(hub, station);
    const device = kind.make(lab, host, station);
    const { key, server } = await way.serve(lab, hub, device, host);
    const its = await device.start(key);
    await host.reaches(station.inner, 20_000);
    await station.reaches(host.inner, 20_000);
    const rtt = median(await ping(station, host, 100));
    const cost = async (pass: () => Promise<Traffic>): Promise<Passed> => {
      const before = [server, its].map(({ pid }) => usage([pid]).seconds);
      const traffic = await pass();
      const [served = 0, had = 0] = [server, its].map(
        ({ pid }, i) => usage([pid]).seconds - (before[i] as number),
      );
      const gigabytes = traffic.bytes / 1e9;
      return { mbit: mbit(traffic), server: served / gigabytes, device: had / gigabytes };
    };
    const tcp = (from: Host, to: Host) => cost(() => iperf(from, to, seconds));
    const alone = (from: Host, to: Host) => iperf(from, to, seconds, '-u', '-b', '200M', '-l', String(SMALL));
    const small = (from: Host, to: Host) => cost(() => alone(from, to));
    const together = async (from: Host, to: Host) => {
      const all: Passed[] = [];
      for (const rate of RATES) {
        const wanted = { bytes: SMALL, each: EACH, mbit: rate, seconds };
        all.push(await cost(async () => (await pieces(from, to, wanted)).came));
      }
      return all.reduce((best, one) => (one.mbit > best.mbit ? one : best));
    };
    return {
      to: await tcp(station, host),
      from: await tcp(host, station),
      small: await small(station, host),
      smallFrom: await small(host, station),
      pieces: await together(station, host),
      piecesFrom: await together(host, station),
      bare: mbit(await alone(station, hub)),
      rtt,
    };
  } finally {
    await lab.close();
  }
}

const PASSED = [
  ['to', 'TCP to it'],
  ['from', 'TCP from it'],
  ['small', 'small UDP to it'],
  ['smallFrom', 'small UDP from it'],
  ['pieces', 'in pieces to it'],
  ['piecesFrom', 'in pieces from it'],
] as const;

ask(async () => {
  const chosen = options();
  const found = machine(['wireguard-go', 'iproute2', 'iperf3']);
  const seconds = chosen.quick ? 1 : 3;
  const raw: Record<string, (Sample | undefined)[]> = {};
  const nameOf = (way: Way, kind: Kind) => `${way.name} · ${kind.name}`;
  for (let round = 0; round < chosen.rounds; round++) {
    console.log(`  round ${round + 1}`);
    for (const kind of KINDS) {
      for (const way of WAYS) {
        const name = nameOf(way, kind);
        let sample: Sample | undefined;
        try {
          sample = await measure(way, kind, seconds);
          const passed = PASSED.map(([column, head]) => {
            const { mbit: rate, server, device } = (sample as Sample)[column];
            return `${head} ${figure(rate)} (${figure(server)}, ${figure(device)})`;
          });
          console.log(
            `    ${name}: ${passed.join('; ')}; ${figure(sample.rtt)} ms; no tunnel ${figure(sample.bare)}`,
          );
        } catch (error) {
          console.log(`    ${name}: left out of this round: ${String(error).split('\n')[0]}`);
        }
        raw[name] = [...(raw[name] ?? []), sample];
      }
    }
  }
  const all = (name: string, of: (sample: Sample) => number) =>
    (raw[name] ?? []).map((one) => (one === undefined ? Number.NaN : of(one)));
  for (const kind of KINDS) {
    console.log(`\nThe device has ${kind.name}`);
    const columns = PASSED.flatMap(([column, head]) => [
      { head: `${head}, Mbit/s`, of: (sample: Sample) => sample[column].mbit },
      { head: 'CPU s/GB', of: (sample: Sample) => sample[column].server },
    ]);
    const both = [
      ...columns,
      { head: 'small UDP without a tunnel', of: ({ bare }: Sample) => bare },
      { head: 'round trip, ms', of: ({ rtt }: Sample) => rtt },
    ];
    const [ours, recipe] = WAYS.map((way) => nameOf(way, kind)) as [string, string];
    table(
      ['', ...WAYS.map(({ name }) => name), 'ours ÷ the recipe'],
      both.map(({ head, of }) => {
        const others = all(recipe, of);
        const ratios = all(ours, of).map((one, i) => one / (others[i] ?? Number.NaN));
        return [head, figure(median(all(ours, of))), figure(median(others)), figure(median(ratios))];
      }),
    );
  }
  save(chosen, 'phones', { machine: found, seconds, runs: raw }, {});
});
