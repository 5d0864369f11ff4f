// One server with 1, 10, 100 and 1000 clients: what it carries, what a datagram costs it, and a client that is quiet.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { cryptcab, type Host, Lab } from '../lab/lab.js';
import { type Process, until } from '../lab/process.js';
import { DEFAULT_PORT } from '../src/protocol/classic/constants.js';
import { ask, figure, machine, median, options, root, save, table } from './measure.js';
import { usage } from './proc.js';

/** Bytes of a frame, and frames that are under way at a time. */
const FRAME = 1412;
const IN_FLIGHT = 64;
/** A server answers 10 logins per second from one address: this many clients share one. */
const CLIENTS_PER_ADDRESS = 10;
/** The switch would drop what its ports do not take at once: by default it has room for 10 frames. */
const QUEUE = 512;
const SPARE_PORTS = 32;
const BRIDGE = 'br0';
const BRIDGE_ADDRESS = '10.77.9.1';
/** Of what answers (peers-load.ts). */
const ECHO_MAC = '02:65:00:00:00:01';

interface Server {
  readonly name: string;
  /** How many clients it is tried with. */
  readonly counts: readonly number[];
  /** On a bridge of the kernel's, not on a vde_switch. */
  readonly bridge?: boolean;
  start(lab: Lab, host: Host, key: string): Promise<Process>;
}

function ours(io: string, counts: readonly number[], bridge = false): Server {
  return {
    name: `cryptcab ${io}${bridge ? ', bridge://' : ''}`,
    counts,
    bridge,
    async start(_lab, host, key) {
      const on = bridge ? `bridge://${BRIDGE}` : host.switchPath;
      const server = host.start([...cryptcab, '-s', on, '-P', key, '-v', '--io', io]);
      await server.prints(/waiting for clients/);
      return server;
    },
  };
}

const SERVERS: readonly Server[] = [
  ours('native', [1, 10, 100, 1000]),
  // From client to client: it takes two.
  ours('native', [2, 10, 100, 1000], true),
  // It has a vde_plug for each client.
  ours('portable', [1, 10, 100]),
  {
    name: 'C vde_cryptcab',
    counts: [1, 10, 100],
    async start(_lab, host, key) {
      const server = host.original(['-P', key]);
      await until('the C server listens', () => host.listens(DEFAULT_PORT));
      return server;
    },
  },
];

interface Sample {
  /** ms until all were logged in, and until all had a frame back. */
  login: number;
  carries: number;
  /** Resident set of the server, for each quiet client, kB. */
  idle: number;
  /** Datagrams per second, both directions together; processor time of the server for each, µs. */
  datagrams: number;
  cost: number;
  /** Of the frames sent, how many did not come back, per cent. */
  lost: number;
}

const NOTHING: Sample = { login: NaN, carries: NaN, idle: NaN, datagrams: NaN, cost: NaN, lost: NaN };

/** Waits, but not for ever, until a program has ended by itself. */
async function ends(process: Process): Promise<void> {
  await until(`${process.name.slice(0, 100)} ends`, () => !process.running, 30_000);
}

async function says(load: Process, what: string, ms: number): Promise<Record<string, number>> {
  const [line] = await load.prints(new RegExp(`^\\{"says":"${what}".*\\}$`, 'm'), ms);
  return JSON.parse(line);
}

async function measure(server: Server, clients: number, seconds: number): Promise<Sample> {
  const lab = new Lab(2);
  const sample = { ...NOTHING };
  try {
    const [near, far] = lab.hosts as [Host, Host];
    const addresses = Array.from(
      { length: Math.ceil(clients / CLIENTS_PER_ADDRESS) },
      (_, i) => `10.77.1.${10 + i}`,
    );
    for (const address of addresses) far.run('ip', 'address', 'add', `${address}/24`, 'dev', far.device);
    for (const host of lab.hosts) host.run('sysctl', '-qw', `net.unix.max_dgram_qlen=${QUEUE}`);
    const ports = String(clients + SPARE_PORTS);
    if (server.bridge) {
      near.run('ip', 'link', 'add', BRIDGE, 'address', ECHO_MAC, 'type', 'bridge');
      near.run('ip', 'link', 'set', BRIDGE, 'up');
      near.run('ip', 'address', 'add', `${BRIDGE_ADDRESS}/24`, 'dev', BRIDGE);
    } else {
      await near.startSwitch(1400, ['-n', ports]);
    }
    const key = lab.keyFile('key', randomBytes(44));
    const process_ = await server.start(lab, near, key);
    const before = usage([process_.pid]).resident;
    const load = far.start([
      process.execPath,
      join(root, 'dist/bench/peers-load.js'),
      ...[
        far.link.hub4,
        String(DEFAULT_PORT),
        key,
        server.bridge ? `bridge:${BRIDGE_ADDRESS}` : near.switchPath,
        String(clients),
        ...addresses,
      ],
    ]);
    sample.login = (await says(load, 'up', 60_000)).ms as number;
    sample.carries = (await says(load, 'carries', 60_000)).ms as number;
    sample.idle = (usage([process_.pid]).resident - before) / clients / 1e3;
    const from = usage([process_.pid]).seconds;
    load.write(`${seconds} ${FRAME} ${IN_FLIGHT}\n`);
    const { frames = 0, lost = 0, seconds: past = 1 } = await says(load, 'returned', seconds * 1000 + 20_000);
    sample.lost = (100 * lost) / (frames + lost);
    sample.datagrams = (2 * frames) / past;
    sample.cost = ((usage([process_.pid]).seconds - from) / (2 * frames)) * 1e6;
    load.write('end\n');
    // Before their time is up: with many vde_plugs to end they need some.
    await ends(load);
    process_.signal('SIGTERM');
    await ends(process_);
  } catch (error) {
    console.log(`    ${server.name}, ${clients} clients: ${String(error).split('\n')[0]?.slice(-200)}`);
  } finally {
    await lab.close();
  }
  return sample;
}

const COLUMNS = {
  datagrams: 'datagrams/s',
  cost: 'CPU µs each',
  lost: 'lost %',
  idle: 'kB per quiet client',
  login: 'all logged in, ms',
  carries: 'all carry, ms',
} as const;
type Column = keyof typeof COLUMNS;
const columns = Object.keys(COLUMNS) as Column[];

ask(async () => {
  const chosen = options();
  const found = machine(['vde2', 'vde2-cryptcab']);
  const seconds = chosen.quick ? 2 : 5;
  const cases = SERVERS.flatMap((server) => server.counts.map((clients) => ({ server, clients })));
  const raw: Record<string, Sample[]> = {};
  const nameOf = ({ server, clients }: (typeof cases)[number]) => `${server.name}, ${clients}`;
  for (let round = 0; round < chosen.rounds; round++) {
    for (const one of cases) {
      const sample = await measure(one.server, one.clients, seconds);
      raw[nameOf(one)] = [...(raw[nameOf(one)] ?? []), sample];
      console.log(
        `  round ${round + 1}  ${nameOf(one).padEnd(26)} ${figure(sample.datagrams).padStart(6)} datagrams/s`,
      );
    }
  }
  const value = (name: string, column: Column) => median((raw[name] ?? []).map((sample) => sample[column]));
  console.log(`\nFrames of ${FRAME} bytes, Blowfish; ${IN_FLIGHT} under way`);
  table(
    ['server, clients', ...columns.map((column) => COLUMNS[column])],
    cases.map((one) => [nameOf(one), ...columns.map((column) => figure(value(nameOf(one), column)))]),
  );
  const group = (column: Column) =>
    SERVERS.map((server) => ({
      name: server.name,
      bars: cases
        .filter((one) => one.server === server)
        .map((one) => ({
          name: one.clients === 1 ? '1 client' : `${one.clients} clients`,
          value: value(nameOf(one), column),
        })),
    }));
  save(
    chosen,
    'peers',
    { machine: found, seconds, frame: FRAME, inFlight: IN_FLIGHT, runs: raw },
    {
      datagrams: {
        title: 'Datagrams that one server carries',
        unit: 'per second, both directions together, medians; longer is better',
        groups: group('datagrams'),
      },
      cost: {
        title: 'Processor time of the server per datagram',
        unit: 'µs, medians; shorter is better',
        groups: group('cost'),
      },
    },
  );
});
