// Three servers and thousands of clients on this machine, a server that dies, and what the model of `fleet` says of the same.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fleet } from '../lab/fleet.js';
import { cryptcab, type Host } from '../lab/lab.js';
import type { Process } from '../lab/process.js';
import { keyText, newPrivateKey } from '../src/keys/key-text.js';
import { publicKeyOf } from '../src/keys/public-key.js';
import { DEFAULT_PORT } from '../src/protocol/classic/constants.js';
import type { ServerCosts } from './fleet-end.js';
import { AGAIN, NOTICED, numbers, printed, QUEUED, RENEWED, SERVERS } from './fleet-inputs.js';
import { type FleetOutcome, simulate } from './fleet-model.js';
import { ask, figure, machine, median, options, root, save, table } from './measure.js';
import { scheduled, usage } from './proc.js';

/** For each server. */
const CLIENTS = { quick: 100, whole: 1_000 };
/** A server looks at few calls of one address under load. */
const CLIENTS_PER_ADDRESS = 10;
const SPARE_PORTS = 32;
const PATIENCE_MS = 600_000;

interface Sample {
  readonly clients: number;
  readonly lost: number;
  readonly half: number;
  readonly all: number;
  /** Processor time of the servers that are left for each client that came, s, everything included; and of their main threads. */
  readonly cost: number;
  readonly main: number;
  /** Which part of the time these had a processor, of that when they wanted one. */
  readonly had: number;
  /** Bytes of a server's resident set for each client that came. */
  readonly memory: number;
}

async function says<T>(load: Process, what: string): Promise<T> {
  const [line] = await load.prints(new RegExp(`^\\{"says":"${what}".*\\}$`, 'm'), PATIENCE_MS);
  return JSON.parse(line) as T;
}

async function serve(fleet: Fleet, number: number, clients: number): Promise<Process> {
  const host = fleet.servers.get(number) as Host;
  // No bridge: that has 1024 ports.
  await host.startSwitch(1400, ['-n', String(clients + SPARE_PORTS)]);
  const keys = ['--key', fleet.key.keyFile, '--peers', fleet.peers, '--server-id', String(number)];
  const server = host.start([...cryptcab, 'serve', '-s', host.switchPath, ...keys, '-v']);
  await server.prints(/waiting for clients/, PATIENCE_MS);
  return server;
}

async function measure(clients: number): Promise<Sample> {
  const random = (length: number) => new Uint8Array(randomBytes(length));
  const fleet = new Fleet({ servers: SERVERS, clients: 0, random });
  try {
    const keys = Array.from({ length: clients }, () => newPrivateKey(random));
    const lines = keys.map((key, i) => `${keyText(publicKeyOf(key))} name=c${i}\n`);
    writeFileSync(fleet.peers, lines.join(''), { mode: 0o600 });
    const file = join(fleet.lab.directory, 'keys');
    writeFileSync(file, keys.map((key) => `${keyText(key)}\n`).join(''), { mode: 0o600 });
    const servers = new Map<number, Process>();
    for (const number of fleet.servers.keys()) servers.set(number, await serve(fleet, number, clients));
    const resident = (number: number) => usage([servers.get(number)?.pid as number]).resident;
    const empty = resident(1);
    fleet.balance();
    const far = fleet.lab.addHost();
    far.run('ip', 'route', 'add', 'default', 'via', far.link.hub4);
    const count = Math.ceil(clients / CLIENTS_PER_ADDRESS);
    const addresses = Array.from({ length: count }, (_, i) => `172.16.${i >> 7}.${1 + (i & 127)}`);
    const steps = addresses.map((one) => `address add ${one}/32 dev lo`).join('\\n');
    far.run('sh', '-c', `printf '${steps}\\n' | ip -batch -`);
    fleet.balancer.run('ip', 'route', 'add', '172.16.0.0/16', 'via', far.link.own4);
    const program = join(root, 'dist/bench/fleet-load.js');
    const target = [fleet.address, String(DEFAULT_PORT), fleet.key.publicKey, file];
    const load = far.start([process.execPath, program, ...target, ...addresses]);
    const up = await says<{ seconds: number; shares: Record<string, number> }>(load, 'up');
    console.log(`    all are up after ${figure(up.seconds)} s: ${JSON.stringify(up.shares)} by server`);
    const memory = (resident(1) - empty) / (up.shares['1'] ?? 1);
    const left = [...servers.keys()].filter((number) => number !== SERVERS);
    const pids = left.map((number) => servers.get(number)?.pid as number);
    const times = () => pids.map(scheduled);
    const [before, spent] = [times(), usage(pids).seconds];
    servers.get(SERVERS)?.signal('SIGKILL');
    load.write(`lost ${SERVERS}\n`);
    fleet.balance(left);
    const back = await says<{ lost: number; half: number; all: number }>(load, 'back');
    const after = times();
    const sum = (key: 'ran' | 'waited') =>
      after.reduce((all, one, i) => all + one[key] - (before[i]?.[key] ?? 0), 0);
    const [ran, waited] = [sum('ran'), sum('waited')];
    const cost = (usage(pids).seconds - spent) / back.lost;
    load.write('end\n');
    return { clients, ...back, cost, main: ran / back.lost, had: ran / (ran + waited), memory };
  } finally {
    await fleet.close();
  }
}

type Round = {
  readonly sample: Sample;
  /** Of one core, by the handshake alone. */
  readonly responder: number;
  readonly session: number;
  /** With a core for each server; and with as much of one as it had here. */
  readonly alone: FleetOutcome;
  readonly here: FleetOutcome;
};

ask(async () => {
  const chosen = options();
  const found = machine(['vde2']);
  const clients = SERVERS * (chosen.quick ? CLIENTS.quick : CLIENTS.whole);
  const rounds: Round[] = [];
  for (let round = 0; round < chosen.rounds; round++) {
    const { responder } = printed<{ responder: number }>('./handshakes-end.js', '100', '500');
    const { session } = printed<ServerCosts>('./fleet-end.js', '300');
    const sample = await measure(clients);
    const of = (cores: number) =>
      simulate({
        ...{ servers: SERVERS, clients, handshakes: responder, queue: QUEUED, cores },
        arrival: Math.max(0, sample.main - 1 / responder),
        ...{ noticed: NOTICED, again: AGAIN, renewed: RENEWED, random: numbers() },
      });
    const [alone, here] = [of(1), of(sample.had)];
    rounds.push({ sample, responder, session, alone, here });
    console.log(`  round ${round + 1}: all ${sample.lost} clients are back after ${figure(sample.all)} s`);
  }
  const of = (pick: (round: Round) => number) => figure(median(rounds.map(pick)));
  console.log(
    `\n${SERVERS} servers, ${clients} clients; one server is killed, and the balancer told at once`,
  );
  table(
    ['', 'the model, a core for each server', 'with what they had here', 'measured'],
    [
      [
        'half of its clients are back, s',
        of(({ alone }) => alone.half),
        of(({ here }) => here.half),
        of(({ sample }) => sample.half),
      ],
      [
        'all are back, s',
        of(({ alone }) => alone.all),
        of(({ here }) => here.all),
        of(({ sample }) => sample.all),
      ],
    ],
  );
  console.log('What the model is given, and what is beside it:');
  table(
    ['', ''],
    [
      ['a handshake alone, processor ms', of(({ responder }) => 1e3 / responder)],
      ['a client that comes, processor ms of its server', of(({ sample }) => 1e3 * sample.cost)],
      ['of that on the main thread, which takes all calls', of(({ sample }) => 1e3 * sample.main)],
      ['of the time that this wanted a processor, it had one, %', of(({ sample }) => 100 * sample.had)],
      ['a client notices after, s', NOTICED.join(' to ')],
      ['and calls again each, s', AGAIN.join(' to ')],
      ['memory for a session, KiB', of(({ session }) => session / 1024)],
      ['memory of a server for a client that is up, KiB', of(({ sample }) => sample.memory / 1024)],
    ],
  );
  save(chosen, 'fleet-run', { machine: found, servers: SERVERS, clients, results: rounds }, {});
});
