// Several servers as one, shown: balancer, three servers, etcd, EVPN and twenty clients, in network namespaces (docs/fleet.md).
import { randomBytes } from 'node:crypto';
import { transfer } from './checks.js';
import { macsKnown } from './evpn.js';
import { Fleet, type Member, Pings } from './fleet.js';
import type { Host } from './lab.js';
import { type Process, until } from './process.js';

const SERVERS = 3;
const CLIENTS = 20;
/** Of them are pinged all the time. */
const PINGED = 6;
/** So many programs start at a time. */
const TOGETHER = 4;
const BYTES = 20_000_000;

const say = (text = '') => console.log(text);

async function inTurn<One>(all: readonly One[], task: (one: One) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < all.length; i += TOGETHER) await Promise.all(all.slice(i, i + TOGETHER).map(task));
}

/** Pings 50 ms apart from some clients to others, while something happens. */
async function watched(fleet: Fleet, what: string, happens: () => Promise<void>): Promise<void> {
  const clients = fleet.clients.slice(0, PINGED);
  const pings = clients.map(({ host }, i) => {
    const to = fleet.clients[(i + PINGED) % CLIENTS] as Member;
    return new Pings(host, to.host.inner);
  });
  await Promise.all(pings.map((one) => one.flow()));
  await happens();
  await Promise.all(pings.map((one) => one.flow()));
  const seen = await Promise.all(pings.map((one) => one.end()));
  const gap = Math.max(...seen.map((one) => one.gap));
  const lost = seen.reduce((sum, one) => sum + one.lost, 0);
  say(`  ${what}: ${Math.round(1_000 * gap)} ms without an answer at most, ${lost} pings lost in all`);
}

async function show(fleet: Fleet): Promise<void> {
  const servers = new Map<number, Process>();
  say('etcd says who may connect; twenty clients are entered there.');
  let etcd = await fleet.startEtcd();
  for (const client of fleet.clients) await fleet.enter(client);
  say(
    'Three servers with one key, each with a bridge. VXLAN joins the bridges, and FRR tells them by BGP where each MAC address is (EVPN).',
  );
  const all = [...fleet.servers.keys()];
  await Promise.all(all.map((number) => fleet.startFrr(number)));
  const joined = (number: number, others: number) =>
    until(`server ${number} knows the others`, () => fleet.joined(number) === others, 60_000);
  await Promise.all(all.map((number) => joined(number, all.length - 1)));
  const serve = async (number: number) => {
    servers.set(number, await fleet.serve(number, fleet.etcdSource(number)));
  };
  await inTurn(all, serve);
  say('The balancer is nftables, by the file that cryptcab balancer prints.');
  fleet.balance();
  await inTurn(fleet.clients, (client) => fleet.connect(client));
  const ups = (server: Process) => server.output.match(/"msg":"peer is up, secure"/g)?.length ?? 0;
  const sum = () => [...servers.values()].reduce((all, server) => all + ups(server), 0);
  await until('all clients are up', () => sum() === CLIENTS);
  for (const [number, server] of servers) say(`  server ${number}: ${ups(server)} clients`);

  const [one, two, three] = fleet.clients as [Member, Member, Member];
  const known = all.map((number) => macsKnown(fleet.servers.get(number) as Host)).join(', ');
  say(`  MAC addresses that each server has by BGP: ${known}`);
  const { sent, received } = await transfer(one.host, two.host, { bytes: BYTES }, 1);
  if (sent.sha256 !== received.sha256) throw new Error('the bytes arrived changed');
  say(
    `\nFrom client to client by TCP: ${received.bytes} bytes, ${Math.round(received.mbit)} Mbit/s, SHA-256 the same.`,
  );

  say('\nPings 50 ms apart between clients, while');
  await watched(fleet, 'a client has another address', async () => {
    fleet.roam(one);
  });
  for (const number of all)
    await watched(fleet, `server ${number} is drained and started again`, async () => {
      await fleet.drain(
        number,
        all.filter((other) => other !== number),
      );
      await serve(number);
      fleet.balance();
    });
  await watched(fleet, 'server 1 is killed, and the balancer told 2 s later', async () => {
    const victim = servers.get(1) as Process;
    victim.signal('SIGKILL');
    await victim.exited;
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    fleet.balance(all.filter((other) => other !== 1));
    await new Promise((resolve) => setTimeout(resolve, 3_000)); // so long may a client take to notice
  });
  await serve(1);
  fleet.balance();
  await watched(fleet, 'etcd is away for 5 s', async () => {
    await etcd.stop('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    etcd = await fleet.startEtcd();
  });
  await watched(fleet, 'the balancer forgets its file, and reads it again', async () => {
    fleet.balancer.run('nft', 'flush', 'ruleset');
    fleet.balance();
  });
  await watched(fleet, 'a fourth server comes', async () => {
    const number = fleet.addServer();
    await fleet.startFrr(number);
    await joined(number, all.length);
    await serve(number);
    fleet.balance();
  });

  const from = performance.now();
  await Promise.all([...servers.values()].map((server) => server.prints(/read the peers in etcd/)));
  const marks = new Map([...servers].map(([number, server]) => [number, server.printed]));
  await fleet.strike(three);
  await until(
    'it is cut off',
    () => [...servers].some(([n, server]) => /peer is cut off/.test(server.since(marks.get(n) as number))),
    10_000,
  );
  say(`\nA client was struck out of etcd, and cut off ${Math.round(performance.now() - from)} ms later.`);
}

async function main(): Promise<void> {
  const fleet = new Fleet({
    ...{ servers: SERVERS, clients: CLIENTS, ethernet: 'evpn' },
    random: (length) => randomBytes(length),
  });
  try {
    await show(fleet);
  } finally {
    await fleet.close();
  }
  say('\ndone: everything that the demo started is gone');
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
