// Several servers with one private key, on a simulated network (secure.md §4.4).
import { expect, it } from 'vitest';
import { threadIndex } from '../../../src/cable/native/steering.js';
import { serverIndex } from '../../../src/protocol/secure/fleet.js';
import { seed } from '../../support/seed.js';
import { makePair, SecureNode } from './secure-simulated.js';
import { Network } from './simulated.js';

const frame = new Uint8Array(60);

async function fleet() {
  const network = new Network(seed);
  const ends = { client: { controls: true }, server: { controls: true, serverId: 7 } };
  const pair = await makePair(network, {}, ends);
  pair.client.send(frame);
  network.run(100);
  return { network, ...pair };
}

const downs = (node: SecureNode) =>
  node.effects.flatMap((effect) => (effect.do === 'down' ? [effect.why] : []));

/** Of initiations that an end has sent. */
const calls = (network: Network, node: SecureNode) =>
  network.sent.filter(({ from, datagram }) => from === node.remote && datagram[0] === 1);

it('each index has the number of the server in its top byte, and that of the thread in its lowest', async () => {
  const { network, client, server } = await fleet();
  const responses = network.sent.filter(({ datagram }) => datagram[0] === 2);
  const transport = network.sent.filter(({ from, datagram }) => from === client.remote && datagram[0] === 4);
  expect(responses.map(({ datagram }) => datagram[7])).toEqual([7]);
  expect(transport.length).toBeGreaterThan(0);
  for (const { datagram } of transport) expect(datagram[7]).toBe(7);
  expect(server.frames).toHaveLength(1);
  for (const drawn of [0, 0xffffffff, 0x12345678]) {
    const index = serverIndex(threadIndex(drawn, 2, 4), 255);
    expect([index >>> 24, (index & 0xff) % 4, index & 0xffff00]).toEqual([255, 2, drawn & 0xffff00]);
  }
});

it('an index is never given twice while it lives', async () => {
  const network = new Network(seed);
  const few = { controls: true, serverId: 7, index: (_: unknown, drawn: number) => drawn & 3 };
  const { client, server } = await makePair(network, {}, { client: { controls: true }, server: few });
  for (let i = 0; i < 30; i++) {
    client.send(frame);
    network.run(121_000); // a new keypair each time, while the last one lives
  }
  const given = network.sent
    .filter(({ from, datagram }) => from === server.remote && datagram[0] === 2)
    .map(({ datagram }) => datagram[4] as number);
  expect(given.length).toBeGreaterThan(10);
  for (let i = 1; i < given.length; i++) expect(given[i]).not.toBe(given[i - 1]);
});

it('such a server calls nobody: a peer that is silent is let go', async () => {
  const { network, client, server } = await fleet();
  network.detach(client);
  for (let i = 0; i < 50; i++) {
    server.send(frame);
    network.run(100);
  }
  expect(downs(server)).toEqual(['expired']);
  server.send(frame);
  network.run(300_000);
  expect(calls(network, server)).toEqual([]);
});

it('a server that is left tells its peers, lets pass what comes, and answers no call', async () => {
  const { network, client, server } = await fleet();
  server.machine.leave(network.now);
  server.end.timer();
  network.run(200);
  expect(downs(client)).toEqual(['goodbye']);
  expect([server.count('install'), downs(server)]).toEqual([1, []]);
  network.run(2_000);
  expect(calls(network, client).length).toBeGreaterThan(1);
  expect([server.count('install'), server.machine.left(network.now)]).toEqual([1, true]);
});

it('a goodbye that is lost is said again when something comes', async () => {
  const { network, client, server } = await fleet();
  network.loses = () => true;
  server.machine.leave(network.now);
  server.end.timer();
  network.run(600);
  network.loses = () => false;
  client.send(frame);
  network.run(50);
  expect(server.machine.left(network.now)).toBe(false);
  expect([server.frames.length, downs(client)]).toEqual([2, ['goodbye']]);
});

it('who is let in while the call waits is answered by that call', async () => {
  const network = new Network(seed);
  const options = { controls: true };
  const server = await SecureNode.make(network, '192.0.2.2', { ...options, serverId: 7 });
  const client = await SecureNode.make(network, '192.0.2.1', options);
  client.add(server, { endpoint: server.remote });
  client.send(frame);
  network.run(500);
  expect([server.hints().map(({ what }) => what), server.machine.strangers.length]).toEqual([
    ['stranger'],
    1,
  ]);
  server.add(client);
  server.end.timer();
  network.run(100);
  expect([calls(network, client).length, server.frames.length]).toEqual([1, 1]);
});

it('but not by one that came long ago', async () => {
  const network = new Network(seed);
  const server = await SecureNode.make(network, '192.0.2.2', { serverId: 7 });
  const client = await SecureNode.make(network, '192.0.2.1');
  client.add(server, { endpoint: server.remote });
  client.send(frame);
  network.run(500);
  network.detach(client);
  network.run(5_000);
  server.add(client);
  server.end.timer();
  expect(server.count('install')).toBe(0);
});

/** Of the last initiation of a client that the server has met. */
function met(node: SecureNode): Uint8Array {
  const times = node.effects.flatMap((effect) => (effect.do === 'met' ? [effect.timestamp] : []));
  return times[times.length - 1] as Uint8Array;
}

it('a server tells when it has met a peer, and lets it go when another one has met it later', async () => {
  const { network, client, server } = await fleet();
  const first = met(server).slice();
  server.machine.seen(server.peer, first, true); // the same call, sent to another one as well
  server.end.timer();
  expect([first.length, downs(server)]).toEqual([12, []]);
  const later = first.slice();
  later[5] = (later[5] as number) + 1;
  server.machine.seen(server.peer, later, true);
  server.end.timer();
  network.run(100);
  expect([downs(server), downs(client)]).toEqual([['moved'], []]); // the client has keys of the other one
});

it('a call that another server has answered does nothing here', async () => {
  const { network, client, server } = await fleet();
  const [call] = calls(network, client);
  expect(server.count('install')).toBe(1);
  const before = met(server);
  server.restart();
  const peer = server.add(client);
  server.machine.seen(peer, before, true);
  server.receive(call?.datagram as Uint8Array, client.remote);
  expect([server.count('install'), server.machine.refused.get('replayed')]).toEqual([1, 1n]);
});

it('asks a peer that has come up to announce who is behind it', async () => {
  const { network, client, server } = await fleet();
  expect(client.count('announce')).toBe(0); // it may have no port of the switch yet
  server.machine.came(server.peer);
  server.end.timer();
  network.run(100);
  expect(client.count('announce')).toBe(1);
});

it('but a server that is alone does not', async () => {
  const network = new Network(seed);
  const ends = { client: { controls: true }, server: { controls: true } };
  const { client, server } = await makePair(network, {}, ends);
  client.send(frame);
  network.run(100);
  server.machine.came(server.peer);
  server.end.timer();
  network.run(100);
  expect(client.count('announce')).toBe(0);
});
