// What two ends say to each other besides frames, on a simulated network with a clock of its own.
import { describe, expect, it } from 'vitest';
import { CAPABILITIES, hello } from '../../../src/protocol/secure/control.js';
import { seed } from '../../support/seed.js';
import { makePair, type SecureNode } from './secure-simulated.js';
import { Network } from './simulated.js';

const SPEAKS = { client: { controls: true }, server: { controls: true } };

const frame = new Uint8Array(60);

async function talking(options: Parameters<typeof makePair>[1] = {}, ends = SPEAKS) {
  const network = new Network(seed);
  const pair = await makePair(network, options, ends);
  pair.client.send(frame);
  network.run(100);
  return { network, ...pair };
}

/** Control payloads that an end has sent, as hexadecimal. */
const said = (node: SecureNode) =>
  node.effects.flatMap((effect) =>
    effect.do === 'control' ? [Buffer.from(effect.payload).toString('hex')] : [],
  );

const downs = (node: SecureNode) =>
  node.effects.flatMap((effect) => (effect.do === 'down' ? [effect.why] : []));

/** Sends a frame each 100 ms for so many seconds. */
function stream(network: Network, node: SecureNode, seconds: number): void {
  for (let i = 0; i < 10 * seconds; i++) {
    node.send(frame);
    network.run(100);
  }
}

/** When it sent initiations, ms since the first of them. */
function calls(network: Network, node: SecureNode, since: number): number[] {
  const times = network.sent
    .filter(({ at, from, datagram }) => at >= since && from === node.remote && datagram[0] === 1)
    .map(({ at }) => at);
  return times.map((at) => at - (times[0] as number));
}

it('each says hello once in a handshake, who was called first', async () => {
  const { network, client, server } = await talking();
  expect(client.peer.hello).toEqual({ version: 1, capabilities: CAPABILITIES, seenAt: '192.0.2.2:7667' });
  expect(server.peer.hello).toEqual({ version: 1, capabilities: CAPABILITIES, seenAt: '192.0.2.1:7667' });
  expect([said(client).length, said(server).length]).toEqual([1, 1]);
  for (let minutes = 0; minutes < 8; minutes++) {
    client.send(frame);
    network.run(60_000);
  }
  const hellos = (node: SecureNode) => said(node).filter((hex) => hex.startsWith('0201')).length;
  const handshakes = client.count('install');
  expect(handshakes).toBeGreaterThan(2);
  expect([hellos(client), hellos(server)]).toEqual([handshakes, handshakes]);
});

it('a hello that is lost is said again', async () => {
  const network = new Network(seed);
  const { client, server } = await makePair(network, {}, SPEAKS);
  let lost = 0;
  network.loses = ({ length }) => length === 55 && ++lost <= 2;
  client.send(frame);
  network.run(4_000);
  expect(lost).toBeGreaterThanOrEqual(3);
  expect([client.peer.hello?.version, server.peer.hello?.version]).toEqual([1, 1]);
});

it.each(['client', 'server'] as const)('a %s of another make is sent no control record', async (other) => {
  const ends = { ...SPEAKS, [other]: { controls: false } };
  const { network, client, server } = await talking({}, ends);
  for (let minutes = 0; minutes < 10; minutes++) {
    client.send(frame);
    server.send(frame);
    network.run(60_000);
  }
  expect([...said(client), ...said(server)]).toEqual([]);
  expect([...downs(client), ...downs(server)]).toEqual([]);
});

it('and watched as ever: after fifteen seconds of silence', async () => {
  const ends = { client: { controls: true }, server: { controls: false } };
  const { network, client, server } = await talking({}, ends);
  network.detach(server);
  const since = network.now;
  stream(network, client, 14);
  expect(calls(network, client, since)).toEqual([]);
  stream(network, client, 2);
  expect(calls(network, client, since)).toHaveLength(1);
});

it('the way is measured where frames go, and no more than that', async () => {
  const { network, client } = await talking();
  network.faults = { ...network.faults, delay: [20, 20] };
  stream(network, client, 60);
  expect(client.peer.roundTrip).toBeCloseTo(40, 0);
  expect(client.peer.loss).toBe(0);
  const asked = said(client).length;
  expect(asked).toBeLessThan(70); // one a second: nothing else comes back
  network.run(300_000);
  expect(said(client).length).toBeLessThanOrEqual(asked + 1); // a quiet way is left quiet
});

it('what is lost on the way shows', async () => {
  const { network, client, server } = await talking();
  network.faults = { ...network.faults, loss: 0.3 };
  const seen: number[] = [];
  for (let i = 0; i < 1_000; i++) {
    client.send(frame);
    server.send(frame);
    network.run(1_000);
    seen.push(client.peer.loss ?? 0);
  }
  // It is that of the last few pings, each of which is lost at 0.51.
  const mean = seen.reduce((sum, one) => sum + one) / seen.length;
  expect(mean).toBeGreaterThan(0.35);
  expect(mean).toBeLessThan(0.65);
});

it('a server that ends says so, is called more than once a second, and is back within one', async () => {
  const { network, client, server } = await talking();
  network.run(60_000); // quiet
  server.machine.removePeer(server.peer);
  server.timer();
  network.run(50);
  expect(downs(client)).toEqual(['goodbye']);
  const since = network.now - 50;
  network.run(20_000);
  const times = calls(network, client, since);
  expect(times.length).toBeGreaterThanOrEqual(26);
  for (const [i, at] of times.slice(1).entries()) {
    expect(at - (times[i] as number)).toBeGreaterThanOrEqual(400);
    expect(at - (times[i] as number)).toBeLessThan(750);
  }
  server.restart();
  server.add(client);
  const ups = client.count('up');
  network.run(750);
  expect(client.count('up')).toBe(ups + 1);
});

describe('two that call each other at once, as after the restart of a server that knows where its client is', () => {
  /** One calls, and so many ms later the other one; datagrams overtake each other. */
  async function crossing(of: number, later: number) {
    const network = new Network(of);
    const pair = await makePair(network, {}, SPEAKS);
    const { client, server } = pair;
    network.faults = { ...network.faults, delay: [1, 15] };
    server.machine.setEndpoint(server.peer, client.remote);
    const both = of % 2 === 0 ? [client, server] : [server, client];
    for (const node of both) {
      node.machine.wanted(network.now, node.peer);
      node.timer();
      network.run(node === both[0] ? later : 500);
    }
    return { network, ...pair };
  }
  const LATER = [0, 1, 3, 5, 8, 12, 20, 30];

  it('say hello, and hear a goodbye', async () => {
    for (const [i, later] of [...LATER, ...LATER, ...LATER].entries()) {
      const { network, client, server } = await crossing(seed + i, later);
      const heard = [client, server].map(({ peer }) => peer.hello?.version);
      expect(heard, `${seed + i}, ${later}`).toEqual([1, 1]);
      network.run(10_000);
      const hellos = [client, server].map(
        (node) => said(node).filter((hex) => hex.startsWith('0201')).length,
      );
      for (const count of hellos) expect(count).toBeLessThanOrEqual(3); // and not for ever
      const [ending, other] = i % 2 === 0 ? [client, server] : [server, client];
      ending.machine.removePeer(ending.peer);
      ending.timer();
      network.run(50);
      expect(downs(other)).toEqual(['goodbye']);
    }
  });

  it('are watched, through all changes of keys', async () => {
    for (const later of LATER) {
      const { network, client, server } = await crossing(seed, later);
      for (let minutes = 0; minutes < 9; minutes++)
        for (const node of [client, server]) {
          node.send(frame);
          network.run(30_000);
        }
      expect(client.peer.loss).toBeLessThan(0.5); // an answer under keys that were just replaced is none
      network.detach(server);
      stream(network, client, 5);
      expect(client.hints().map(({ what }) => what)).toContain('dead');
    }
  });
});

it('a client that was removed calls ever more seldom, and in the end as one that is refused', async () => {
  const { network, client, server } = await talking();
  server.machine.removePeer(server.peer);
  server.timer();
  const since = network.now;
  client.react = (effect) => {
    if (effect.do === 'unanswered') client.machine.wanted(network.now, client.peer); // as a client does
  };
  network.run(600_000);
  const times = calls(network, client, since);
  const pauses = times.slice(1).map((at, i) => [at / 1_000, at - (times[i] as number)] as const);
  const during = (from: number, to: number) =>
    pauses.flatMap(([at, pause]) => (at > from && at <= to ? [pause] : []));
  expect(during(306, 600).length).toBeGreaterThan(40);
  expect(Math.max(...during(0, 24))).toBeLessThan(750);
  expect(Math.min(...during(62, 120))).toBeGreaterThanOrEqual(1_000);
  expect(Math.min(...during(306, 600))).toBeGreaterThanOrEqual(5_000);
  expect(Math.max(...during(306, 600))).toBeLessThan(5_600);
  // Let in again, it is there by the next call.
  server.add(client);
  const ups = client.count('up');
  network.run(5_600);
  expect(client.count('up')).toBe(ups + 1);
});

it('a server that ends before its hello is answered says goodbye as well', async () => {
  const network = new Network(seed);
  const { client, server } = await makePair(network, {}, SPEAKS);
  client.send(frame);
  while (server.count('up') === 0) network.run(1);
  expect(server.peer.hello).toBeUndefined();
  server.machine.removePeer(server.peer);
  server.timer();
  network.run(10);
  expect(downs(client)).toEqual(['goodbye']);
});

it('a client that ends says so, and nobody calls it', async () => {
  const { network, client, server } = await talking();
  client.machine.removePeer(client.peer);
  client.timer();
  const since = network.now;
  network.run(30_000);
  expect(downs(server)).toEqual(['goodbye']);
  expect(calls(network, server, since)).toEqual([]);
});

it('a server that died is noticed in three seconds where frames are sent, and is back a second after it', async () => {
  const { network, client, server } = await talking();
  stream(network, client, 20);
  network.detach(server);
  const since = network.now;
  stream(network, client, 2);
  expect(calls(network, client, since)).toEqual([]);
  stream(network, client, 2);
  expect(calls(network, client, since)).not.toEqual([]);
  stream(network, client, 30);
  expect(calls(network, client, since).length).toBeGreaterThan(20);
  server.restart();
  server.add(client);
  network.attach(server);
  const frames = server.frames.length;
  stream(network, client, 2);
  expect(server.frames.length).toBeGreaterThanOrEqual(frames + 5);
});

it('a server that stays dead is looked up again and again, though frames are sent all the time', async () => {
  const { network, client, server } = await talking();
  network.detach(server);
  stream(network, client, 65);
  expect(client.count('resolve')).toBeGreaterThan(2);
  expect(client.count('resolve')).toBeLessThan(6);
});

it('a server that died is looked up three seconds after that was noticed: it may have moved', async () => {
  const { network, client, server } = await talking();
  stream(network, client, 20);
  network.detach(server);
  stream(network, client, 5);
  expect(client.count('resolve')).toBe(0);
  stream(network, client, 3);
  expect(client.count('resolve')).toBe(1);
  stream(network, client, 12);
  expect(client.count('resolve')).toBe(1);
});

it('and on a quiet cable that keeps itself alive, three seconds after it has said something', async () => {
  const { network, client, server } = await talking();
  network.run(30_000);
  network.detach(server);
  const since = network.now;
  network.run(30_000);
  expect(calls(network, client, since)).toEqual([]); // nobody has looked
  client.machine.keepalive(network.now, client.peer);
  client.timer();
  network.run(4_000);
  expect(calls(network, client, since)).not.toEqual([]);
});

it('frames both ways, lost and late ones too, make nobody call', async () => {
  const { network, client, server } = await talking();
  network.faults = { loss: 0.1, duplication: 0.1, delay: [1, 300] };
  const since = network.now;
  for (let i = 0; i < 1_000; i++) {
    client.send(frame);
    server.send(frame);
    network.run(100);
  }
  expect(calls(network, client, since).length).toBeLessThanOrEqual(1); // new keys are due once
});

it('what was said in an earlier session is of no use', async () => {
  const { network, client, server } = await talking();
  let goodbye: Uint8Array | undefined;
  network.loses = (datagram) => {
    if (goodbye === undefined && datagram.length === 36) goodbye = datagram;
    return datagram === goodbye;
  };
  client.machine.removePeer(client.peer);
  client.timer();
  client.restart();
  client.add(server, { endpoint: server.remote });
  client.send(frame);
  network.run(1_000);
  expect(goodbye).toBeDefined();
  server.receive(goodbye as Uint8Array, client.remote);
  expect(downs(server)).toEqual([]);
});

it('what is malformed is counted, what is unknown is passed over, and what stands beside it is read', async () => {
  const { network, client, server } = await talking();
  const tell = (payload: number[]) => {
    server.machine.control(network.now, server.peer, server.peer.sealing as number, Uint8Array.from(payload));
    server.timer();
  };
  const before = said(server).length;
  tell([2, 9, 0, 3, 1, 2, 3, 3, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8, 77, 0, 0]);
  expect(said(server).slice(before)).toEqual(['020400080102030405060708']);
  for (const payload of [
    [2, 1],
    [2, 3, 0, 7, 0, 0, 0, 0, 0, 0, 0],
    [2, 3, 0, 9, 1],
    [2, 1, 0, 1, 1],
  ])
    tell(payload);
  expect(server.machine.refused.get('malformed')).toBe(4n);
  expect(said(server)).toHaveLength(before + 1);
  tell([2]);
  const long = hello({ address: 'x'.repeat(300), port: 1 });
  expect(long.length).toBeLessThan(100);
  tell([2, 1, 0, 9, 1, 0, 0, 0, 3, 27, 91, 51, 109]); // an escape for terminals
  expect(server.peer.hello?.seenAt).toBe('');
  expect(client.peer.hello?.seenAt).toBe('192.0.2.2:7667');
});

it('any bytes are read, or malformed, and nothing more', async () => {
  const { network, server } = await talking();
  const { bytes, below } = network.random;
  let malformed = 0;
  for (let i = 0; i < 600; i++) {
    const payload = bytes(1 + below(60));
    payload[0] = 2;
    // Mostly a type that is known, and a length that may fit.
    if (payload.length > 3 && i % 3 > 0) payload.set([below(6), 0, below(payload.length)], 1);
    const before = server.machine.refused.get('malformed') ?? 0n;
    server.machine.control(network.now, server.peer, server.peer.sealing ?? 0, payload);
    server.timer();
    if ((server.machine.refused.get('malformed') ?? 0n) > before) malformed++;
    if (server.peer.sealing === undefined) {
      server.machine.setEndpoint(server.peer, { address: '192.0.2.2', port: 7667 });
      server.send(frame);
      network.run(20_000);
    }
  }
  expect(malformed).toBeGreaterThan(50);
  expect(malformed).toBeLessThan(600);
  expect(server.count('down')).toBeGreaterThan(0); // a goodbye was among them
});

it('a removed client goes on calling where times are fractions of a millisecond', async () => {
  for (let i = 0; i < 12; i++) {
    const { network, client, server } = await talking();
    const draw = network.random.bytes.bind(network.random);
    network.random.bytes = (length) => (length === 2 ? new Uint8Array(2) : draw(length)); // no jitter
    network.run(100 + i / 7);
    server.machine.removePeer(server.peer);
    server.timer();
    client.react = (effect) => {
      if (effect.do === 'unanswered') client.machine.wanted(network.now, client.peer);
    };
    network.run(300_000);
    expect(calls(network, client, network.now - 20_000).length).toBeGreaterThan(0);
  }
});
