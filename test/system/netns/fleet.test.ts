// Several servers with one key behind one address: roaming, planned restarts and deaths, under pings 50 ms apart (docs/fleet.md).
import { afterEach, expect, test } from 'vitest';
import { Fleet, type Member, Pings } from '../../../lab/fleet.js';
import { cryptcab } from '../../../lab/lab.js';
import { type Process, until } from '../../../lab/process.js';
import { randomness } from '../../support/seed.js';

const random = randomness();
/** No ping may be lost for longer, s: a machine that is busy with other tests is slower than what docs/fleet.md says. */
const MOMENT = 1;
let fleet: Fleet;

afterEach(() => fleet.close());

const say = (what: string, { gap, lost }: { gap: number; lost: number }) =>
  console.log(`fleet: ${what}: ${Math.round(1000 * gap)} ms without an answer, ${lost} pings lost`);

async function start(servers: number, clients: number, version: 4 | 6 = 4, io?: string) {
  fleet = new Fleet({ servers, clients, version, io, random: (length) => random.bytes(length) });
  const ends = new Map<number, Process>();
  for (const number of fleet.servers.keys()) ends.set(number, await fleet.serve(number));
  fleet.balance();
  await Promise.all(fleet.clients.map((client) => fleet.connect(client)));
  return ends;
}

/** At which server a client is: the one that was the last to say that it is up. */
function serverOf(ends: ReadonlyMap<number, Process>, client: number): number {
  const up = new RegExp(`"time":(\\d+)[^\\n]*"peer":"client${client} [^\\n]*"msg":"peer is up, secure"`, 'g');
  const times = [...ends].map(([number, { output }]) => {
    const [last] = [...output.matchAll(up)].slice(-1);
    return { number, at: Number(last?.[1] ?? 0) };
  });
  return times.reduce((latest, one) => (one.at > latest.at ? one : latest)).number;
}

test.each([
  [4, 'native'],
  [6, 'portable'],
] as const)('a client that moves stays with its server, by IPv%d, %s', async (version, io) => {
  const ends = await start(2, 2, version, io);
  const [one, two] = fleet.clients as [Member, Member];
  const pings = new Pings(one.host, two.host.inner);
  await pings.flow();
  const before = serverOf(ends, 0);
  const to = fleet.roam(one);
  await ends.get(before)?.prints(new RegExp(`"address":"\\[?${to}\\]?:[^\\n]*"msg":"the peer has moved"`));
  await pings.flow();
  const seen = await pings.end();
  say(`a client has another address (IPv${version})`, seen);
  expect(seen.gap).toBeLessThan(MOMENT);
  expect(serverOf(ends, 0)).toBe(before);
});

test('each server in turn is drained and started again, and nobody notices', async () => {
  const ends = await start(3, 6);
  const all = [...fleet.servers.keys()];
  // Between clients: who is pinged says nothing by itself, and has to be announced where it comes up.
  const pings = fleet.clients.map(({ host }, i) => {
    const other = fleet.clients[(i + 1) % fleet.clients.length] as Member;
    return new Pings(host, i % 2 === 0 ? other.host.inner : fleet.innerOf((i % 3) + 1));
  });
  await Promise.all(pings.map((one) => one.flow()));
  for (const number of all) {
    const others = all.filter((one) => one !== number);
    await fleet.drain(number, others);
    expect(await ends.get(number)?.exited).toBe(0);
    ends.set(number, await fleet.serve(number));
    fleet.balance();
    await Promise.all(pings.map((one) => one.flow()));
  }
  for (const one of pings) {
    const seen = await one.end();
    say('three servers, drained one after the other', seen);
    expect(seen.gap).toBeLessThan(MOMENT);
  }
});

test('a server dies: its clients are at another one some seconds after the balancer knows', async () => {
  const ends = await start(3, 4);
  const number = serverOf(ends, 0);
  const others = [...fleet.servers.keys()].filter((one) => one !== number);
  const pings = fleet.clients.map(({ host }) => new Pings(host, fleet.innerOf(others[0] as number)));
  await Promise.all(pings.map((one) => one.flow()));
  ends.get(number)?.signal('SIGKILL');
  await ends.get(number)?.exited;
  ends.delete(number);
  await new Promise((resolve) => setTimeout(resolve, 2_000)); // so long does whoever watches the servers take
  fleet.balance(others);
  await until('its client is at another one', () => others.includes(serverOf(ends, 0)), 30_000);
  await Promise.all(pings.map((one) => one.flow()));
  const seen = await Promise.all(pings.map((one) => one.end()));
  for (const one of seen) say('a server is killed, and the balancer told after 2 s', one);
  expect(Math.max(...seen.map(({ gap }) => gap))).toBeLessThan(10);
});

test('the balancer tries its file, and says what is wrong with a word of the command', async () => {
  fleet = new Fleet({ servers: 0, clients: 0, random: (length) => random.bytes(length) });
  const words = ['--address', '192.0.2.1', '--server', '1=10.0.0.1', '--server', '255=10.0.0.2'];
  const six = ['--address', '2001:db8::1', '--server', '1=fd00::1'];
  const good = fleet.balancer.start([...cryptcab, 'balancer', ...words, ...six, '--check']);
  expect([await good.exited, good.output]).toEqual([0, 'nft takes the file\n']);
  expect(fleet.balancer.run('nft', 'list', 'tables')).toBe('');
  const bad = fleet.balancer.start([...cryptcab, 'balancer', ...words, '--leaving', '7']);
  expect(await bad.exited).toBe(2);
  expect(bad.output).toMatch(/^cryptcab: --leaving 7: there is no --server with this number\n$/);
});
