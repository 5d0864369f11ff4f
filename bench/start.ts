// How long it takes until something happens: help, a server that waits, the first ping through a cable.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cryptcab, type Host, Lab } from '../lab/lab.js';
import { until } from '../lab/process.js';
import { keyText } from '../src/keys/key-text.js';
import { publicKeyOf } from '../src/keys/public-key.js';
import { DEFAULT_PORT } from '../src/protocol/classic/constants.js';
import { ask, figure, machine, median, options, save, table } from './measure.js';
import { childrenSeconds } from './proc.js';

const BASE = 'node -e 0';
/** Commands that end by themselves; times from their start to their end, and of the processor. */
const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  [BASE]: [process.execPath, '-e', '0'],
  'cryptcab --help': [...cryptcab, '--help'],
  'C vde_cryptcab --help': ['vde_cryptcab', '--help'],
};

function runs(command: readonly string[]): number {
  const [program, ...args] = command as [string, ...string[]];
  const from = performance.now();
  spawnSync(program, args, { stdio: 'ignore', timeout: 20_000 });
  return performance.now() - from;
}

/** What is laid: by name, the options of both ends; none for the C program. */
const CABLES: Readonly<Record<string, { io: 'native' | 'portable'; secure: boolean } | undefined>> = {
  'cryptcab native': { io: 'native', secure: false },
  'cryptcab portable': { io: 'portable', secure: false },
  'cryptcab native, secure': { io: 'native', secure: true },
  'cryptcab portable, secure': { io: 'portable', secure: true },
  'C vde_cryptcab': undefined,
};

/** Options for keys: the server's, and the client's. */
function keyOptions(lab: Lab, secure: boolean): [string[], string[]] {
  if (!secure) {
    const key = ['-P', lab.keyFile('key', randomBytes(44))];
    return [key, key];
  }
  const [own, other] = [randomBytes(32), randomBytes(32)];
  const text = (bytes: Uint8Array) => Buffer.from(`${keyText(bytes)}\n`);
  return [
    [
      '--secure',
      '--no-classic',
      '--key',
      lab.keyFile('server', text(own)),
      '--peers',
      lab.keyFile('peers', text(publicKeyOf(other))),
    ],
    ['--secure', '--key', lab.keyFile('client', text(other)), '--peer', keyText(publicKeyOf(own))],
  ];
}

/** Lays a cable between two switches; ms until the server waits, and from the client's start to the first answer. */
async function lays(cable: keyof typeof CABLES): Promise<{ ready: number; ping: number }> {
  const lab = new Lab(2);
  try {
    const [server, client] = lab.hosts as [Host, Host];
    await Promise.all(lab.hosts.map((host) => host.startSwitch()));
    // ARP would ask once a second, and not at once when the cable is there.
    for (const [one, other] of [
      [server, client],
      [client, server],
    ] as const)
      one.run('ip', 'neighbour', 'replace', other.inner, 'lladdr', other.mac, 'dev', 'tap0');
    const how = CABLES[cable];
    const [serverKeys, clientKeys] = keyOptions(lab, how?.secure ?? false);
    const options = (host: Host) => ['-s', host.switchPath, '-v', '--io', how?.io ?? 'auto'];
    let from = performance.now();
    if (how === undefined) {
      server.original(serverKeys);
      await until('the C server listens', () => server.listens(DEFAULT_PORT));
    } else {
      await server.start([...cryptcab, ...options(server), ...serverKeys]).prints(/waiting for clients/);
    }
    const ready = performance.now() - from;
    const pings = client.start(['stdbuf', '-oL', 'ping', '-n', '-i', '0.01', '-w', '20', server.inner]);
    await pings.prints(/PING/);
    from = performance.now();
    if (how === undefined) client.original([...clientKeys, '-c', client.link.hub4]);
    else client.start([...cryptcab, ...options(client), ...clientKeys, '-c', client.link.hub4]);
    await pings.prints(/time=/, 20_000);
    return { ready, ping: performance.now() - from };
  } finally {
    await lab.close();
  }
}

ask(async () => {
  const chosen = options();
  const found = machine(['vde2', 'vde2-cryptcab']);
  const times = (chosen.quick ? 5 : 10) * chosen.rounds;
  const raw: Record<string, number[]> = {};
  /** Of all times together, ms: the kernel counts in steps of 10. */
  const processor: Record<string, number> = {};
  const add = (name: string, ms: number) => {
    raw[name] = [...(raw[name] ?? []), ms];
  };
  for (let i = 0; i < times; i++) {
    for (const [name, command] of Object.entries(COMMANDS)) {
      const before = childrenSeconds();
      add(name, runs(command));
      processor[name] = (processor[name] ?? 0) + 1e3 * (childrenSeconds() - before);
    }
  }
  for (let i = 0; i < Math.ceil(times / 2); i++) {
    for (const name of Object.keys(CABLES)) {
      const { ready, ping } = await lays(name);
      add(`${name}: server waits`, ready);
      add(`${name}: first ping, from the client's start`, ping);
    }
  }
  const base = raw[BASE] as number[];
  const names = Object.keys(raw);
  table(
    ['', 'ms', 'least ms', `÷ ${BASE}`, 'processor ms', `÷ ${BASE}`],
    names.map((name) => {
      const values = raw[name] as number[];
      const ratio = median(values) / median(base);
      const used =
        processor[name] === undefined
          ? []
          : [processor[name] / times, processor[name] / (processor[BASE] as number)];
      return [name, ...[median(values), Math.min(...values), ratio, ...used].map(figure)];
    }),
  );
  const bars = names.map((name) => ({ name, value: median(raw[name] as number[]) }));
  save(
    chosen,
    'start',
    { machine: found, ms: raw, times, processorMs: processor },
    { ms: { title: 'Time to start', unit: 'ms, medians; shorter is better', groups: [{ name: '', bars }] } },
  );
});
