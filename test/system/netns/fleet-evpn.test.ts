// Several servers whose bridges learn from FRR where each MAC address is, with the files of docs/fleet (docs/fleet.md).
import { afterEach, expect, test } from 'vitest';
import { routesTo, wayTo } from '../../../lab/evpn.js';
import { Fleet, type Member, Pings } from '../../../lab/fleet.js';
import type { Host } from '../../../lab/lab.js';
import { until } from '../../../lab/process.js';
import { randomness } from '../../support/seed.js';

const random = randomness();
/** No ping may be lost for longer, s: a machine that is busy with other tests is slower than what docs/fleet.md says. */
const MOMENT = 5;
let fleet: Fleet;

afterEach(() => fleet.close());

test('a MAC address is known at all servers by BGP, and there again when its client moves', async () => {
  fleet = new Fleet({ servers: 3, clients: 3, ethernet: 'evpn', random: (length) => random.bytes(length) });
  const all = [...fleet.servers.keys()];
  await Promise.all(all.map((number) => fleet.startFrr(number)));
  const server = (number: number) => fleet.servers.get(number) as Host;
  // Each knows the two others, by a route of type 3; server 3 by those that reflect.
  await until(
    'each server knows the others',
    () => all.every((number) => fleet.joined(number) === 2),
    60_000,
  );
  for (const number of all) await fleet.serve(number);
  for (const [i, client] of fleet.clients.entries()) {
    fleet.balance(
      all,
      all.filter((number) => number !== i + 1),
    );
    client.host.run('ip', 'address', 'add', `fd88::${i + 1}/64`, 'dev', 'tap0', 'nodad');
    await fleet.connect(client);
  }
  fleet.balance();
  const [one, two] = fleet.clients as [Member, Member];
  await one.host.reaches(two.host.inner, 30_000);
  await one.host.reaches('fd88::2', 30_000);
  const { mac } = two.host;
  await until('server 1 knows the way', () => wayTo(server(1), mac) === server(2).link.own4, 30_000);
  expect(wayTo(server(3), mac)).toBe(server(2).link.own4);
  expect(routesTo(server(3), mac)).toMatch(/^\s*\*>i\[2\]:/m);
  const pings = [one, fleet.clients[2] as Member].flatMap(({ host }) => [
    new Pings(host, two.host.inner),
    new Pings(host, 'fd88::2'),
  ]);
  await Promise.all(pings.map((each) => each.flow()));
  const from = performance.now();
  const draining = fleet.drain(2, [1, 3]);
  const place = () => [1, 3].find((n) => wayTo(server(2), mac) === server(n).link.own4);
  await until('the server that it has left knows its new place', () => place() !== undefined, 30_000);
  const took = performance.now() - from;
  const there = place() as number;
  await until('the third one does', () => wayTo(server(4 - there), mac) === server(there).link.own4, 10_000);
  await draining;
  await Promise.all(pings.map((each) => each.flow()));
  const seen = await Promise.all(pings.map((each) => each.end()));
  const gap = Math.max(...seen.map((each) => each.gap));
  console.log(
    `fleet: EVPN: the way to a client was another one ${Math.round(took)} ms after the drain was begun; ${Math.round(1_000 * gap)} ms without an answer`,
  );
  expect(gap).toBeLessThan(MOMENT);
});
