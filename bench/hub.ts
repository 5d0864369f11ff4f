// What passes from one client through the server to another one: by a vde_switch, and by a bridge of the kernel's. In rotation, so
// that a noisy machine is noisy to all.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cryptcab, type Host, Lab } from '../lab/lab.js';
import { type Process, until } from '../lab/process.js';
import { makeEnd, Peers } from '../lab/secure-keys.js';
import { ask, figure, machine, median, options, save, table } from './measure.js';
import { usage } from './proc.js';
import { iperf, mbit, ping } from './traffic.js';

const INNER_MTU = 1372;
/** Broadcasts a second of a client that storms, in the cell of that name. */
const STORM = 60_000;
/** A storm that nobody ends is over after so many seconds. */
const STORM_MOST = 120;
/** So many frames of it have passed before anything is measured. */
const STORM_BEGUN = 1_000;

interface Hub {
  readonly name: string;
  /** What the server is told. */
  readonly args: readonly string[];
  readonly bridge: boolean;
}

const SWITCH: Hub = { name: 'vde_switch', args: [], bridge: false };
const BRIDGE: Hub = { name: 'bridge', args: [], bridge: true };
const LIMITED: Hub = {
  name: 'bridge, broadcast=100',
  args: ['--peer-defaults', 'broadcast=100'],
  bridge: true,
};
/** Here the server refuses them before they cost it a call of the system each. */
const REFUSED: Hub = {
  name: 'bridge, --broadcast-limit 100',
  args: ['--broadcast-limit', '100'],
  bridge: true,
};
const HUBS = [SWITCH, BRIDGE, LIMITED, REFUSED];

interface Sample {
  /** Mbit/s of one TCP stream from client to client; beside others; while a client storms. */
  tcp: number;
  storm: number;
  /** Mbit/s of UDP in frames of 106 bytes. */
  small: number;
  /** Median round trip, ms. */
  rtt: number;
  /** Processor time of the server and its switch for a gigabyte of that TCP, s. */
  cpu: number;
}

/** Server and clients, all up. */
async function lay(lab: Lab, hub: Hub): Promise<readonly Process[]> {
  const [server, ...clients] = lab.hosts as [Host, ...Host[]];
  const running: Process[] = [];
  if (!hub.bridge) running.push(await server.startSwitch(INNER_MTU));
  const [own, ...others] = lab.hosts.map((host) =>
    makeEnd(lab, host.namespace, (length) => randomBytes(length)),
  );
  const peers = new Peers(
    lab,
    others.map(({ publicKey }) => publicKey),
  );
  const place = hub.bridge ? 'bridge://br0' : server.switchPath;
  const listening = server.start([
    ...[...cryptcab, '--secure', '--no-classic', '-s', place, '-v', ...hub.args],
    ...['--key', own?.keyFile as string, '--peers', peers.path],
  ]);
  await listening.prints(/waiting for clients/);
  running.push(listening);
  for (const [i, client] of clients.entries()) {
    client.makeTap(INNER_MTU);
    const end = client.start([
      ...[...cryptcab, '--secure', '-s', 'tap://tap0', '-v', '--key', others[i]?.keyFile as string],
      ...['--peer', own?.publicKey as string, '-c', client.link.hub4],
    ]);
    await end.prints(/the cable is up/);
  }
  return running;
}

async function measure(hub: Hub, clients: number, seconds: number): Promise<Sample> {
  const lab = new Lab(1 + clients);
  try {
    const running = await lay(lab, hub);
    const [, from, to, ...others] = lab.hosts as [Host, Host, Host, ...Host[]];
    await from.reaches(to.inner, 20_000);
    const rtt = median(await ping(from, to, 100));
    const pids = running.map(({ pid }) => pid);
    const used = usage(pids).seconds;
    const stream = await iperf(from, to, seconds);
    const cpu = (usage(pids).seconds - used) / (stream.bytes / 1e9);
    const small = mbit(await iperf(from, to, seconds, '-u', '-b', '60M', '-l', '64'));
    // Broadcasts of the last client, as fast as it can.
    const stormer = others.at(-1) as Host;
    const conf = join(lab.directory, 'storm.cfg');
    writeFileSync(conf, `{ eth(da=ff:ff:ff:ff:ff:ff, sa=${stormer.mac}, type=0x88b5), fill(0x5a, 60) }`);
    // trafgen has a child of its own, which timeout ends as well.
    const trafgen = stormer.start([
      ...[
        'timeout',
        '-s',
        'KILL',
        String(STORM_MOST),
        'trafgen',
        '--dev',
        'tap0',
        '--conf',
        conf,
        '--cpus',
        '1',
        '--no-sock-mem',
        '--num',
        String(STORM * STORM_MOST), // its child ends as well where nobody is left to end it
        '--rate',
        `${STORM}pps`,
      ],
    ]);
    let storm = 0;
    const before = stormer.tapped('tx');
    try {
      await until('the storm blows', () => stormer.tapped('tx') - before > STORM_BEGUN);
      storm = mbit(await iperf(from, to, seconds));
    } catch {
      // nothing came through
    } finally {
      await trafgen.stop(); // not before: a stream that only begins when the storm is over would be free of it
    }
    return { tcp: mbit(stream), storm, small, rtt, cpu };
  } finally {
    await lab.close();
  }
}

ask(async () => {
  const chosen = options();
  const found = machine(['vde2', 'iproute2', 'iperf3']);
  const seconds = chosen.quick ? 1 : 3;
  const raw: Record<string, (Sample | undefined)[]> = {};
  const sizes = chosen.quick ? [3] : [3, 8, 32];
  for (let round = 0; round < chosen.rounds; round++) {
    console.log(`  round ${round + 1}`);
    for (const clients of sizes) {
      for (const hub of HUBS) {
        const name = `${hub.name}, ${clients} clients`;
        let sample: Sample | undefined;
        try {
          sample = await measure(hub, clients, seconds);
          const { tcp, storm, small, rtt } = sample;
          console.log(
            `    ${name.padEnd(42)} TCP ${figure(tcp)}, in a storm ${figure(storm)}, small ${figure(small)} Mbit/s, ${figure(rtt)} ms`,
          );
        } catch (error) {
          console.log(`    ${name}: left out of this round: ${String(error).split('\n')[0]}`);
        }
        raw[name] = [...(raw[name] ?? []), sample];
      }
    }
  }
  const value = (name: string, column: keyof Sample) =>
    median((raw[name] ?? []).map((one) => one?.[column] ?? Number.NaN));
  const columns: readonly (readonly [keyof Sample, string])[] = [
    ['tcp', 'TCP, Mbit/s'],
    ['storm', 'in a storm'],
    ['small', 'UDP of 64 bytes, Mbit/s'],
    ['rtt', 'round trip, ms'],
    ['cpu', 'CPU s/GB'],
  ];
  table(
    ['client to client', ...columns.map(([, head]) => head)],
    Object.keys(raw).map((name) => [name, ...columns.map(([column]) => figure(value(name, column)))]),
  );
  for (const clients of sizes) {
    const [ours, others] = [BRIDGE, SWITCH].map(({ name }) => raw[`${name}, ${clients} clients`] ?? []);
    const ratios = (ours ?? []).map((one, i) => (one?.tcp ?? Number.NaN) / (others?.[i]?.tcp ?? Number.NaN));
    console.log(`  TCP by bridge ÷ by vde_switch, ${clients} clients: ${figure(median(ratios))}`);
  }
  for (const name of Object.keys(raw)) {
    const kept = (raw[name] ?? []).map((one) => (one?.storm ?? Number.NaN) / (one?.tcp ?? Number.NaN));
    console.log(`  TCP in a storm ÷ without, ${name}: ${figure(median(kept))}`);
  }
  const groups = (column: keyof Sample) =>
    sizes.map((clients) => ({
      name: `${clients} clients`,
      bars: HUBS.map(({ name }) => ({ name, value: value(`${name}, ${clients} clients`, column) })),
    }));
  save(
    chosen,
    'hub',
    { machine: found, seconds, runs: raw },
    {
      tcp: { title: 'TCP from client to client', unit: 'Mbit/s', groups: groups('tcp') },
      storm: { title: 'The same while a third client storms', unit: 'Mbit/s', groups: groups('storm') },
    },
  );
});
