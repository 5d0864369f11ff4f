// What goes through a cable, and what it costs: between two switches next to a plain cable and the C program,
// and from tap to tap next to other tunnels. In rotation, so that a noisy machine is noisy to all.
import { pieces } from '../lab/checks.js';
import { type Host, Lab } from '../lab/lab.js';
import { ask, figure, machine, median, options, save, table } from './measure.js';
import { usage } from './proc.js';
import { iperf, mbit, ping } from './traffic.js';
import { type Tunnel, tunnels } from './tunnels.js';

const INNER_MTU = 1400;
/** UDP payloads that make frames of the inner MTU, and of 100 bytes: without IP and UDP headers, and Ethernet's. */
const FULL = INNER_MTU - 28;
const SMALL = 100 - 42;

/** Datagrams of a piece that a sender leaves to its kernel to cut: less than 64 KiB. */
const EACH = 40;

/** Pings of a cable that has just come up, whose programs may not have been compiled yet; and where later ones begin. */
const [FIRST_PINGS, LATER] = [50, 100];

/** What is measured; NaN where that failed. */
interface Sample {
  /** TCP, one stream and eight, Mbit/s received. */
  tcp: number;
  tcp8: number;
  /** UDP, the most that was received at any rate offered, Mbit/s. */
  udp: number;
  /** The same, left to the sender's kernel to cut. */
  pieces: number;
  /** Frames of 100 bytes, thousands per second: the most that was received at any rate offered. */
  small: number;
  /** Round trip, median, ms: the first ones of a cable that has just come up, later ones, and beside eight TCP streams. */
  pingFirst: number;
  ping: number;
  pingLoaded: number;
  /** Processor time of both ends per GB of TCP. */
  cpu: number;
  /** Resident set of both ends after all that, MB. */
  resident: number;
  /** All by the rate offered. */
  udpOffered: Record<string, number>;
  piecesOffered: Record<string, number>;
  smallOffered: Record<string, number>;
}

interface Lengths {
  readonly seconds: number;
  /** Rates of UDP offered, Mbit/s, and of 100-byte frames, thousands per second. */
  readonly rates: readonly number[];
  readonly smallRates: readonly number[];
  readonly pings: number;
}

const FULL_LENGTH: Lengths = {
  seconds: 3,
  rates: [200, 400, 800, 1600],
  smallRates: [40, 80, 160, 320],
  pings: 200,
};
const QUICK: Lengths = { seconds: 1, rates: [200, 1200], smallRates: [40, 200], pings: 40 };

const most = (offered: Sample['udpOffered']) => Math.max(...Object.values(offered));

/** One round of one tunnel, in a lab of its own. */
async function measure(tunnel: Tunnel, { seconds, rates, smallRates, pings }: Lengths): Promise<Sample> {
  const nothing = Number.NaN;
  const sample: Sample = {
    ...{ tcp: nothing, tcp8: nothing, udp: nothing, pieces: nothing, small: nothing },
    ...{ pingFirst: nothing, ping: nothing, pingLoaded: nothing, cpu: nothing, resident: nothing },
    ...{ udpOffered: {}, piecesOffered: {}, smallOffered: {} },
  };
  const lab = new Lab(2);
  const attempt = async (what: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      console.log(`    ${tunnel.name}: ${what} failed: ${String(error).split('\n')[0]}`);
    }
  };
  try {
    const [server, client] = lab.hosts as [Host, Host];
    if (tunnel.between === 'taps') for (const host of lab.hosts) host.makeTap(INNER_MTU);
    else await Promise.all(lab.hosts.map((host) => host.startSwitch(INNER_MTU)));
    const processes = (await tunnel.lay(lab, server, client)).map(({ pid }) => pid);
    await client.reaches(server.inner, 20_000);
    await attempt('ping', async () => {
      const times = await ping(client, server, LATER + pings);
      sample.pingFirst = median(times.slice(0, FIRST_PINGS));
      sample.ping = median(times.slice(LATER));
    });
    await attempt('TCP', async () => {
      const before = usage(processes).seconds;
      const traffic = await iperf(client, server, seconds);
      sample.tcp = mbit(traffic);
      sample.cpu = (usage(processes).seconds - before) / (traffic.bytes / 1e9);
    });
    await attempt('TCP, 8 streams', async () => {
      const streams = iperf(client, server, seconds, '-P', '8');
      const [traffic, loaded] = await Promise.all([streams, ping(client, server, (seconds / 0.01) * 0.7)]);
      sample.tcp8 = mbit(traffic);
      sample.pingLoaded = median(loaded);
    });
    for (const rate of rates) {
      await attempt(`UDP at ${rate} Mbit/s`, async () => {
        const traffic = await iperf(client, server, seconds, '-u', '-b', `${rate}M`, '-l', String(FULL));
        sample.udpOffered[rate] = mbit(traffic);
      });
      await attempt(`UDP in pieces at ${rate} Mbit/s`, async () => {
        const { came } = await pieces(client, server, { bytes: FULL, each: EACH, mbit: rate, seconds });
        sample.piecesOffered[rate] = mbit(came);
      });
    }
    for (const rate of smallRates) {
      await attempt(`${rate} kpps of 100-byte frames`, async () => {
        const bits = String(rate * 1000 * SMALL * 8);
        const { bytes, seconds: past } = await iperf(
          client,
          server,
          seconds,
          '-u',
          '-b',
          bits,
          '-l',
          String(SMALL),
        );
        sample.smallOffered[rate] = bytes / SMALL / past / 1e3;
      });
    }
    sample.udp = most(sample.udpOffered);
    sample.pieces = most(sample.piecesOffered);
    sample.small = most(sample.smallOffered);
    sample.resident = usage(processes).resident / 1e6;
  } catch (error) {
    console.log(`    ${tunnel.name}: left out of this round: ${String(error).split('\n')[0]}`);
  } finally {
    await lab.close();
  }
  return sample;
}

const COLUMNS = {
  tcp: 'TCP Mbit/s',
  tcp8: '8 × TCP',
  udp: 'UDP Mbit/s',
  pieces: 'UDP in pieces',
  small: '100-byte kpps',
  pingFirst: 'first pings ms',
  ping: 'ping ms',
  pingLoaded: 'under load',
  cpu: 'CPU s/GB',
  resident: 'resident MB',
} as const;
type Column = keyof typeof COLUMNS;
const columns = Object.keys(COLUMNS) as Column[];

ask(async () => {
  const chosen = options();
  const found = machine([
    'vde2',
    'vdeplug',
    'vde2-cryptcab',
    'fastd',
    'tinc',
    'openvpn',
    'wireguard-go',
    'iperf3',
  ]);
  const lengths = chosen.quick ? QUICK : FULL_LENGTH;
  const all = tunnels();
  console.log(`inner MTU ${INNER_MTU}, ${lengths.seconds} s each, ${chosen.rounds} rounds in rotation\n`);
  const raw: Record<string, Sample[]> = {};
  for (let round = 0; round < chosen.rounds; round++) {
    for (const tunnel of all) {
      const sample = await measure(tunnel, lengths);
      raw[tunnel.name] = [...(raw[tunnel.name] ?? []), sample];
      console.log(`  round ${round + 1}  ${tunnel.name.padEnd(42)} ${figure(sample.tcp).padStart(5)} Mbit/s`);
    }
  }
  const samples = (name: string) => raw[name] as Sample[];
  for (const [between, bases] of [
    ['switches', [all[1], all[0]]],
    ['taps', [all.find(({ name }) => name.startsWith('fastd'))]],
  ] as const) {
    const those = all.filter((tunnel) => tunnel.between === between);
    console.log(`\nBetween ${between}, medians`);
    table(
      ['', ...columns.map((column) => COLUMNS[column])],
      those.map(({ name }) => [
        name,
        ...columns.map((column) => figure(median(samples(name).map((sample) => sample[column])))),
      ]),
    );
    for (const base of bases) {
      if (base === undefined) continue;
      table(
        [`÷ ${base.name}`, ...columns.map((column) => COLUMNS[column])],
        those.map(({ name }) => [
          name,
          ...columns.map((column) => {
            const ratios = samples(name).map(
              (sample, i) => sample[column] / (samples(base.name)[i] as Sample)[column],
            );
            return figure(median(ratios));
          }),
        ]),
      );
    }
    for (const [what, field, rates] of [
      ['UDP Mbit/s received, by Mbit/s offered', 'udpOffered', lengths.rates],
      ['UDP in pieces, Mbit/s received, by Mbit/s offered', 'piecesOffered', lengths.rates],
      ['100-byte kpps received, by kpps offered', 'smallOffered', lengths.smallRates],
    ] as const) {
      table(
        [what, ...rates.map(String)],
        those.map(({ name }) => [
          name,
          ...rates.map((rate) =>
            figure(median(samples(name).map((sample) => sample[field][rate] ?? Number.NaN))),
          ),
        ]),
      );
    }
  }
  const chart = (title: string, unit: string, column: Column) => ({
    title,
    unit,
    groups: (['switches', 'taps'] as const).map((between) => ({
      name: `between ${between}`,
      bars: all
        .filter((tunnel) => tunnel.between === between)
        .map(({ name }) => ({ name, value: median(samples(name).map((sample) => sample[column])) })),
    })),
  });
  const charts = {
    tcp: chart('One TCP stream through the cable', 'Mbit/s, medians; longer is better', 'tcp'),
    small: chart('Frames of 100 bytes', 'thousands per second received, medians; longer is better', 'small'),
    cpu: chart(
      'Processor time of both ends, per GB of TCP',
      'seconds per GB, medians; shorter is better',
      'cpu',
    ),
    ping: chart('Round trip beside eight TCP streams', 'ms, medians; shorter is better', 'pingLoaded'),
  };
  save(chosen, 'cable', { machine: found, innerMtu: INNER_MTU, ...lengths, runs: raw }, charts);
});
