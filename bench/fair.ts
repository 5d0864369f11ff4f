// What one client keeps of a cable beside others that send as fast as they can: its round trip and its TCP. One server with
// a switch, clients on taps. In rotation, so that a noisy machine is noisy to all.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { floodFrames } from '../lab/flood.js';
import { cryptcab, type Host, Lab } from '../lab/lab.js';
import { type Process, run } from '../lab/process.js';
import { makeEnd, Peers } from '../lab/secure-keys.js';
import { ask, figure, machine, median, options, save, table } from './measure.js';
import { iperf, mbit, ping } from './traffic.js';

const INNER_MTU = 1372;
/** Clients that flood at most. */
const FLOODS = 4;

interface Flood {
  readonly name: string;
  readonly clients: number;
  /** Bytes of a frame. */
  readonly frame: number;
}

const NONE: Flood = { name: 'alone', clients: 0, frame: 0 };
const CELLS: readonly Flood[] = [
  NONE,
  ...[1, FLOODS].map((clients) => ({ name: `${clients} × 1386`, clients, frame: 1386 })),
  ...[1, FLOODS].map((clients) => ({ name: `${clients} × 100`, clients, frame: 100 })),
];

interface Network {
  readonly name: string;
  lay(lab: Lab, server: Host, clients: readonly Host[]): Promise<readonly Process[]>;
}

/** On a switch, or on a bridge of the kernel's. */
function ours(name: string, plug: 'switch' | 'bridge', args: readonly string[]): Network {
  return {
    name,
    async lay(lab, server, clients) {
      if (plug === 'switch') await server.startSwitch(INNER_MTU);
      else makeBridge(server);
      for (const client of clients) client.makeTap(INNER_MTU);
      const [own, ...others] = [server, ...clients].map((host) =>
        makeEnd(lab, host.namespace, (length) => randomBytes(length)),
      );
      const peers = new Peers(
        lab,
        others.map(({ publicKey }) => publicKey),
      );
      const listening = server.start([
        ...[
          ...cryptcab,
          '--secure',
          '--no-classic',
          '-s',
          plug === 'switch' ? server.switchPath : 'bridge://br0',
          '-v',
        ],
        ...['--key', own?.keyFile as string, '--peers', peers.path, ...args],
      ]);
      await listening.prints(/waiting for clients/);
      const ends = clients.map((client, i) =>
        client.start([
          ...[...cryptcab, '--secure', '-s', 'tap://tap0', '-v', '--key', others[i]?.keyFile as string],
          ...['--peer', own?.publicKey as string, '-c', client.link.hub4, ...args],
        ]),
      );
      await Promise.all(ends.map((end) => end.prints(/the cable is up/)));
      return [listening, ...ends];
    },
  };
}

const fastd: Network = {
  name: 'fastd, salsa2012+umac',
  async lay(lab, server, clients) {
    const port = 10_000;
    const hosts = [server, ...clients];
    const keys = hosts.map(() => {
      const said = run('sh', '-c', 'fastd --generate-key 2>/dev/null');
      const [secret, shown] = [/Secret: (\w+)/, /Public: (\w+)/].map(
        (form) => form.exec(said)?.[1] as string,
      );
      return { secret: secret as string, shown: shown as string };
    });
    const ends = hosts.map((host, i) => {
      host.makeTap(INNER_MTU);
      const peer = (j: number, remote: string) => `peer "p${j}" { key "${keys[j]?.shown}"; ${remote} }`;
      const conf = join(lab.directory, `fastd${i}`);
      const lines = [
        'log level info;',
        'mode tap;',
        'interface "tap0";',
        `mtu ${INNER_MTU};`,
        'method "salsa2012+umac";',
        'forward yes;',
        `secret "${keys[i]?.secret}";`,
        ...(i === 0
          ? [`bind any:${port};`, ...clients.map((_, j) => peer(j + 1, ''))]
          : [peer(0, `remote ${host.link.hub4}:${port};`)]),
      ];
      writeFileSync(conf, lines.join('\n'), { mode: 0o600 });
      return host.start(['fastd', '--config', conf]);
    });
    await Promise.all(ends.slice(1).map((end) => end.prints(/connection with .* established/, 20_000)));
    return ends;
  },
};

function makeBridge(server: Host): void {
  server.run('ip', 'link', 'add', 'br0', 'type', 'bridge');
  server.run('ip', 'link', 'set', 'br0', 'address', server.mac, 'mtu', String(INNER_MTU), 'up');
  server.run('ip', 'address', 'add', `${server.inner}/24`, 'dev', 'br0');
}

const bridge: Network = {
  name: 'plain bridge',
  async lay(_lab, server, clients) {
    makeBridge(server);
    for (const client of clients) {
      server.run('ip', 'link', 'set', client.gatewayDevice, 'master', 'br0');
      client.run('ip', 'address', 'add', `${client.inner}/24`, 'dev', 'v0');
      client.run('ip', 'link', 'set', 'v0', 'mtu', String(INNER_MTU));
    }
    return [];
  },
};

const all: readonly Network[] = [
  ours('cryptcab, secure', 'switch', []),
  ours('cryptcab, secure, bridge://', 'bridge', []),
  ours('cryptcab, secure, --io portable', 'switch', ['--io', 'portable']),
  fastd,
  bridge,
];

interface Sample {
  /** Round trip, median and worst twentieth, ms; lost, per cent; TCP to the server and from it, Mbit/s. */
  rtt: number;
  rtt95: number;
  lost: number;
  tcp: number;
  back: number;
}

async function measure(network: Network, seconds: number): Promise<Record<string, Sample>> {
  const samples: Record<string, Sample> = {};
  const lab = new Lab(2 + FLOODS);
  try {
    const [server, ...clients] = lab.hosts as [Host, ...Host[]];
    const [victim, ...floods] = clients as [Host, ...Host[]];
    await network.lay(lab, server, clients);
    for (const client of clients) await client.reaches(server.inner, 20_000);
    for (const cell of CELLS) {
      const running = floods
        .slice(0, cell.clients)
        .map((host) => floodFrames(host, server.inner, cell.frame));
      try {
        if (running.length > 0) await new Promise((resolve) => setTimeout(resolve, 500)); // until queues stand
        const count = seconds * 50;
        const times = await ping(victim, server, count, 0.02);
        const sorted = [...times].sort((a, b) => a - b);
        const attempt = async (...args: string[]) => {
          try {
            return mbit(await iperf(victim, server, seconds, ...args));
          } catch (error) {
            console.log(`    ${network.name}, ${cell.name}: ${String(error).split('\n')[0]}`);
            return 0; // nothing came through
          }
        };
        samples[cell.name] = {
          rtt: median(times),
          rtt95: sorted[Math.floor(sorted.length * 0.95)] ?? Number.NaN,
          lost: 100 * (1 - times.length / count),
          tcp: await attempt(),
          back: await attempt('-R'),
        };
        const { rtt, rtt95, tcp, back } = samples[cell.name] as Sample;
        console.log(
          `    ${network.name.padEnd(32)} ${cell.name.padEnd(8)} ${figure(rtt)} ms (${figure(rtt95)}), TCP ${figure(tcp)} and ${figure(back)} Mbit/s`,
        );
      } finally {
        await Promise.all(running.map((one) => one.stop('SIGKILL')));
      }
    }
  } catch (error) {
    console.log(`    ${network.name}: left out of this round: ${String(error).split('\n')[0]}`);
  } finally {
    await lab.close();
  }
  return samples;
}

ask(async () => {
  const chosen = options();
  const found = machine(['vde2', 'fastd', 'iperf3']);
  const seconds = chosen.quick ? 1 : 3;
  const raw: Record<string, Record<string, Sample>[]> = {};
  for (let round = 0; round < chosen.rounds; round++) {
    console.log(`  round ${round + 1}`);
    for (const network of all) {
      raw[network.name] = [...(raw[network.name] ?? []), await measure(network, seconds)];
    }
  }
  const value = (name: string, cell: string, column: keyof Sample) =>
    median((raw[name] ?? []).map((round) => round[cell]?.[column] ?? Number.NaN));
  for (const [column, head] of Object.entries({
    rtt: 'round trip, ms',
    rtt95: 'worst twentieth, ms',
    lost: 'pings lost, %',
    tcp: 'TCP to the server, Mbit/s',
    back: 'TCP from it, Mbit/s',
  }))
    table(
      [head, ...CELLS.map(({ name }) => name)],
      all.map(({ name }) => [
        name,
        ...CELLS.map((cell) => figure(value(name, cell.name, column as keyof Sample))),
      ]),
    );
  save(chosen, 'fair', { machine: found, seconds, runs: raw }, {});
});
