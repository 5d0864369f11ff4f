// How much TCP goes through a cable between two switches with taps: a plain cable, the C program, ours.
// In rotation, so that a noisy machine is noisy to all; medians and ratios.
//   node dist/bench/cable.js [--rounds N] [--seconds N] [--json FILE]
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';
import { parseArgs } from 'node:util';
import { type Host, Lab } from '../lab/lab.js';
import { type Process, until } from '../lab/process.js';
import { DEFAULT_PORT } from '../src/index.js';

const INNER_MTU = 1400;

interface Cable {
  readonly name: string;
  lay(lab: Lab, server: Host, client: Host, keyFile: string): Promise<Process[]>;
}

function ours(io: string, cipher: string, options: readonly string[]): Cable {
  return {
    name: `cryptcab ${io}, ${cipher}`,
    async lay(_lab, server, client, keyFile) {
      const listening = server.cryptcab(['-P', keyFile, '-v', '--io', io]);
      await listening.prints(/waiting for clients/);
      const connecting = client.cryptcab([
        '-P',
        keyFile,
        '-c',
        client.link.hub4,
        '-v',
        '--io',
        io,
        ...options,
      ]);
      await connecting.prints(/the cable is up/);
      return [listening, connecting];
    },
  };
}

const CABLES: readonly Cable[] = [
  {
    name: 'plain cable (dpipe vde_plug = vde_plug)',
    async lay(lab, server, client) {
      return [lab.start(['dpipe', 'vde_plug', server.switchPath, '=', 'vde_plug', client.switchPath])];
    },
  },
  {
    name: 'C vde_cryptcab, Blowfish',
    async lay(_lab, server, client, keyFile) {
      // Without -v, which would slow it down, it says nothing: its socket tells that it is there.
      const listening = server.original(['-P', keyFile]);
      await until('the C server listens', () => server.listens(DEFAULT_PORT));
      const connecting = client.original(['-P', keyFile, '-c', client.link.hub4]);
      return [listening, connecting];
    },
  },
  ours('portable', 'Blowfish', []),
  ours('native', 'Blowfish', []),
  ours('portable', 'ChaCha20', ['--cipher', 'chacha20']),
  ours('native', 'ChaCha20', ['--cipher', 'chacha20']),
];

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** One measurement of one cable, Mbit/s received, in a lab of its own. */
async function measure(cable: Cable, seconds: number): Promise<number> {
  const lab = new Lab(2);
  try {
    const [server, client] = lab.hosts as [Host, Host];
    await Promise.all(lab.hosts.map((host) => host.startSwitch(INNER_MTU)));
    await cable.lay(lab, server, client, lab.keyFile('key', randomBytes(44)));
    await client.reaches(server.inner, 20_000);
    const receiver = server.start(['iperf3', '-s', '-1', '--forceflush']);
    await receiver.prints(/listening/);
    const report = client.run('iperf3', '-c', server.inner, '-t', String(seconds), '-J');
    return JSON.parse(report).end.sum_received.bits_per_second / 1e6;
  } finally {
    await lab.close();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '5' },
      json: { type: 'string' },
    },
  });
  const rounds = Number(values.rounds);
  const seconds = Number(values.seconds);
  const machine = { cpu: cpus()[0]?.model, cores: cpus().length, kernel: release(), node: process.version };
  console.log(
    `${machine.cores} × ${machine.cpu}, Linux ${machine.kernel}, Node ${machine.node}, load ${loadavg()[0]?.toFixed(2)}`,
  );
  console.log(`TCP, one stream, ${seconds} s, inner MTU ${INNER_MTU}; ${rounds} rounds in rotation\n`);
  const results: Record<string, number[]> = {};
  for (let round = 0; round < rounds; round++) {
    for (const cable of CABLES) {
      const mbit = await measure(cable, seconds);
      results[cable.name] = [...(results[cable.name] ?? []), mbit];
      console.log(`  round ${round + 1}  ${cable.name.padEnd(42)} ${mbit.toFixed(0).padStart(5)} Mbit/s`);
    }
  }
  const medians = CABLES.map(({ name }) => median(results[name] ?? []));
  const [plain = Number.NaN, original = Number.NaN] = medians;
  console.log(`\n${'median'.padStart(49)} Mbit/s   ÷ C   ÷ plain`);
  for (const [i, { name }] of CABLES.entries()) {
    const mbit = medians[i] as number;
    const ratios = `${(mbit / original).toFixed(2).padStart(5)} ${(mbit / plain).toFixed(2).padStart(9)}`;
    console.log(`  ${name.padEnd(42)} ${mbit.toFixed(0).padStart(5)} Mbit/s ${ratios}`);
  }
  if (values.json !== undefined) {
    writeFileSync(
      values.json,
      `${JSON.stringify({ machine, seconds, innerMtu: INNER_MTU, mbit: results }, null, 2)}\n`,
    );
  }
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
