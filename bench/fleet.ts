// What several servers carry, by what one was measured to do: memory, frames, and the handshakes when one of them dies.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ServerCosts } from './fleet-end.js';
import { simulate } from './fleet-model.js';
import { ask, figure, machine, median, options, save, table } from './measure.js';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const SERVERS = 3;
const CLIENTS = [1_000, 10_000, 100_000];
/** Sessions that a core's memory has room for (assembly/layout.ts). */
const SESSIONS = 64_000;
/** The receive buffer, and an initiation in it with what the kernel keeps of a datagram, bytes. */
const [BUFFER, DATAGRAM] = [256 * 1024, 768];
/** secure.md §1.5, §7.3, §7.4: s. */
const [RENEWED, NOTICED, AGAIN] = [120, 3, [0.4, 0.733]] as const;

/** xorshift32: the same numbers each time. */
function numbers(): () => number {
  let state = 0x2545f491;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

function printed<T>(name: string, ...args: string[]): T {
  const text = execFileSync(process.execPath, ['--expose-gc', path(name), ...args], {
    encoding: 'utf8',
    timeout: 600_000,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(text.trim().split('\n').at(-1) as string) as T;
}

ask(async () => {
  const chosen = options();
  const found = machine();
  const rounds: (ServerCosts & { responder: number })[] = [];
  for (let round = 0; round < chosen.rounds; round++) {
    const { responder } = printed<{ responder: number }>(
      './handshakes-end.js',
      '100',
      chosen.quick ? '500' : '2000',
    );
    rounds.push({ ...printed<ServerCosts>('./fleet-end.js', chosen.quick ? '300' : '2000'), responder });
    console.log(`  round ${round + 1}`);
  }
  const of = (key: keyof (typeof rounds)[0]) => median(rounds.map((one) => one[key]));
  const inputs = {
    handshakes: of('responder'),
    frames: 1 / (1 / of('sealed') + 1 / of('opened')),
    listed: of('listed'),
    session: of('session'),
    exec: of('exec'),
    https: of('https'),
    queue: Math.floor(BUFFER / DATAGRAM),
  };
  console.log('\none server, measured');
  table(
    ['', ''],
    [
      ['handshakes answered, for a second of processor time', figure(inputs.handshakes)],
      ['full frames from one client to another, for the same, without system calls', figure(inputs.frames)],
      ['for a peer that may connect, KiB', figure(inputs.listed / 1024)],
      ['for the session of one that is up, KiB', figure(inputs.session / 1024)],
      ['questions to exec: a second, one after the other', figure(inputs.exec)],
      ['questions to a URL a second, the same', figure(inputs.https)],
      ['initiations that wait in the receive buffer', figure(inputs.queue)],
    ],
  );
  const outcomes = CLIENTS.map((clients) => ({
    clients,
    ...simulate({
      ...{ servers: SERVERS, clients, handshakes: inputs.handshakes, queue: inputs.queue },
      ...{ noticed: NOTICED, again: AGAIN, renewed: RENEWED, random: numbers() },
    }),
  }));
  console.log(`${SERVERS} servers, by these figures; then one dies, and the others have all clients`);
  table(
    [
      'clients',
      'renewing keys, % of a core',
      'memory of a server, MB',
      'half are back, s',
      'all are back, s',
    ],
    outcomes.map(({ clients, renewing, half, all }) => [
      String(clients),
      figure(100 * renewing),
      figure((clients * inputs.listed + (clients / (SERVERS - 1)) * inputs.session) / 1e6),
      figure(half),
      figure(all),
    ]),
  );
  // A server of those that are left has to have its share of the handshakes done, and room for its sessions.
  const most = Math.floor(inputs.handshakes * NOTICED * (SERVERS - 1) * SERVERS);
  console.log(`What ends first, with ${SERVERS} servers:`);
  console.log(
    `  handshakes, where all are to be back in twice the ${NOTICED} s that it takes to notice: ${most} clients`,
  );
  console.log(`  sessions in the memory of a core: ${SESSIONS * (SERVERS - 1)} clients for each thread`);
  console.log(
    'More servers move both, the first by the square of their number. Beyond one balancer, a program of XDP reads the same byte.',
  );
  save(chosen, 'fleet', { machine: found, servers: SERVERS, inputs, outcomes, results: rounds }, {});
});
