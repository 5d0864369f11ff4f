// Several servers, and etcd away for longer than anything waits: nobody falls, and changes are seen when it is back.
import { afterEach, expect, test } from 'vitest';
import { Fleet, type Member, Pings } from '../../lab/fleet.js';
import { randomness } from '../support/seed.js';

const random = randomness();
/** For so long is it away, ms. */
const AWAY_MS = 30_000;
let fleet: Fleet;

afterEach(() => fleet.close());

test('etcd is away for 30 s', async () => {
  fleet = new Fleet({ servers: 2, clients: 3, random: (length) => random.bytes(length) });
  fleet.balance();
  const [one, two, three] = fleet.clients as [Member, Member, Member];
  const etcd = await fleet.startEtcd();
  await Promise.all([one, two].map((client) => fleet.enter(client)));
  const servers = await Promise.all([1, 2].map((number) => fleet.serve(number, fleet.etcdSource(number))));
  await Promise.all(servers.map((server) => server.prints(/"peers":2[^\n]*read the peers in etcd/)));
  await Promise.all([one, two].map((client) => fleet.connect(client)));
  const pings = new Pings(one.host, two.host.inner);
  await pings.flow();
  await etcd.stop('SIGKILL');
  const waiting = fleet.call(three); // nobody knows it yet
  await new Promise((resolve) => setTimeout(resolve, AWAY_MS));
  await fleet.startEtcd();
  await Promise.all(servers.map((server) => server.prints(/etcd is there again/, 30_000)));
  await fleet.enter(three);
  await waiting.prints(/the cable is up/, 60_000);
  const { gap, lost } = await pings.end();
  console.log(
    `fleet: etcd away for 30 s: ${Math.round(1000 * gap)} ms without an answer, ${lost} pings lost`,
  );
  expect(gap).toBeLessThan(1);
});
