// What several servers carry, by what one was measured to do: memory, frames, and the handshakes when one of them dies.
import type { ServerCosts } from './fleet-end.js';
import { AGAIN, ARRIVAL, NOTICED, numbers, printed, QUEUED, RENEWED, SERVERS } from './fleet-inputs.js';
import { simulate } from './fleet-model.js';
import { ask, figure, machine, median, options, save, table } from './measure.js';

const CLIENTS = [1_000, 10_000, 100_000];
/** Sessions that a core's memory has room for (assembly/layout.ts). */
const SESSIONS = 64_000;
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
    arrival: ARRIVAL,
    queue: QUEUED,
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
      [
        'for a client that comes, besides its handshake, processor ms (from fleet-run)',
        figure(1e3 * ARRIVAL),
      ],
      ['calls that wait at a server, at most', figure(inputs.queue)],
    ],
  );
  const outcomes = CLIENTS.map((clients) => ({
    clients,
    ...simulate({
      ...{ servers: SERVERS, clients, handshakes: inputs.handshakes, queue: inputs.queue },
      ...{ arrival: inputs.arrival, cores: 1 },
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
  const comes = 1 / inputs.handshakes + inputs.arrival;
  const most = Math.floor((NOTICED[0] / comes) * (SERVERS - 1) * SERVERS);
  console.log(`What ends first, with ${SERVERS} servers:`);
  console.log(
    `  the processor, where all are to be back in twice the ${NOTICED[0]} s that it takes to notice: ${most} clients`,
  );
  console.log(`  sessions in the memory of a core: ${SESSIONS * (SERVERS - 1)} clients for each thread`);
  console.log(
    'More servers move both, the first by the square of their number. Beyond one balancer, a program of XDP reads the same byte.',
  );
  save(chosen, 'fleet', { machine: found, servers: SERVERS, inputs, outcomes, results: rounds }, {});
});
