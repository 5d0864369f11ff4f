import { describe, expect, it } from 'vitest';
import { SecureEnd } from '../../../lab/secure-end.js';
import { Core } from '../../../src/core/index.js';
import type { Remote } from '../../../src/protocol/remote.js';
import { SecureMachine } from '../../../src/protocol/secure/machine.js';
import { keyPair } from '../../../src/protocol/secure/noise.js';
import type { SecureRefusal } from '../../../src/protocol/secure/terms.js';
import { datagramsOf } from '../../support/datagrams-of.js';
import { randomness, seed } from '../../support/seed.js';
import { hex } from '../unit/core/harness.js';
import { makePair, SecureNode, sentSince } from './secure-simulated.js';
import { Network, PERFECT } from './simulated.js';

const { bytes, below } = randomness();

/** A frame that tells its number. */
function frameOf(number: number, length = 60): Uint8Array {
  const frame = bytes(length);
  new DataView(frame.buffer).setUint32(0, number);
  return frame;
}

const numbersOf = (frames: readonly Uint8Array[]): number[] =>
  frames.map((frame) => new DataView(frame.buffer, frame.byteOffset).getUint32(0));

const refusals = (node: SecureNode): Partial<Record<SecureRefusal, bigint>> =>
  Object.fromEntries(node.machine.refused);

async function pair(options: { presharedKey?: Uint8Array } = {}) {
  const network = new Network(seed);
  return { network, ...(await makePair(network, options)) };
}

describe('a secure cable', () => {
  for (const presharedKey of [undefined, bytes(32)]) {
    it(`comes up with the first frame, which is not lost (${presharedKey ? 'with' : 'without'} a preshared key)`, async () => {
      const { network, client, server } = await pair(presharedKey ? { presharedKey } : {});
      const [one, two] = [bytes(60), bytes(1500)];
      client.send(one, two);
      network.run(100);
      expect(server.frames.map(hex)).toEqual([one, two].map(hex));
      expect([client.count('up'), server.count('up')]).toEqual([1, 1]);
      expect(sentSince(network, server)).toEqual([2]);
      expect(sentSince(network, client).slice(0, 2)).toEqual([1, 4]);
      server.send(two, one);
      network.run(100);
      expect(client.frames.map(hex)).toEqual([two, one].map(hex));
      expect([...client.machine.refused, ...server.machine.refused]).toEqual([]);
    });
  }

  it('who has no address waits until the other one has spoken', async () => {
    const { network, client, server } = await pair();
    server.send(bytes(60));
    network.run(200_000);
    expect(network.sent).toEqual([]);
    client.send(bytes(60));
    network.run(100);
    server.send(bytes(60));
    network.run(100);
    expect(client.frames).toHaveLength(2); // the first one waited as well
  });

  it('does not come up with different preshared keys, nor with the wrong peer', async () => {
    const network = new Network(seed);
    const { client, server } = await makePair(network, { presharedKey: bytes(32) });
    client.machine.removePeer(client.peer);
    client.add(server, { endpoint: server.remote, presharedKey: bytes(32) });
    client.send(bytes(60));
    network.run(1000);
    expect(refusals(client)).toEqual({ 'decrypt failed': 1n });
    expect([client.count('up'), server.count('up')]).toEqual([0, 0]);
    const stranger = await SecureNode.make(network, '192.0.2.3');
    stranger.add(server, { endpoint: server.remote });
    stranger.send(bytes(60));
    const before = sentSince(network, server).length;
    network.run(100);
    expect(refusals(server)).toEqual({ 'unknown peer': 1n });
    expect(sentSince(network, server)).toHaveLength(before);
  });

  it('renews its keys every two minutes, for hours, and loses nothing', async () => {
    const { network, client, server } = await pair({ presharedKey: bytes(32) });
    const minutes = 120;
    for (let i = 0; i < minutes * 20; i++) {
      client.send(frameOf(i));
      if (i > 0) server.send(frameOf(i));
      network.run(3000);
    }
    expect(numbersOf(server.frames)).toEqual(Array.from({ length: minutes * 20 }, (_, i) => i));
    expect(numbersOf(client.frames)).toEqual(Array.from({ length: minutes * 20 - 1 }, (_, i) => i + 1));
    const initiations = network.sent.filter(({ datagram }) => datagram[0] === 1);
    expect(initiations.every(({ from }) => from.address === client.remote.address)).toBe(true);
    expect(initiations.length).toBeGreaterThanOrEqual(minutes / 2 - 2);
    expect(initiations.length).toBeLessThanOrEqual(minutes / 2 + 1);
    expect([client.count('up'), client.count('down'), server.count('up'), server.count('down')]).toEqual([
      1, 0, 1, 0,
    ]);
    expect([...client.machine.refused, ...server.machine.refused]).toEqual([]);
  });

  it('frames one way alone: who began renews the keys also where it only listens', async () => {
    const { network, client, server } = await pair();
    client.send(frameOf(0));
    network.run(100);
    for (let i = 0; i < 600; i++) {
      server.send(frameOf(i));
      network.run(1000);
    }
    expect(numbersOf(client.frames)).toEqual(Array.from({ length: 600 }, (_, i) => i));
    expect([client.count('down'), server.count('down')]).toEqual([0, 0]);
    // It answers with keepalives, every ten seconds at most; those do renew keys after 120 s.
    const keepalives = network.sent.filter(
      ({ datagram, from }) => datagram.length === 32 && from.address === client.remote.address,
    );
    expect(keepalives.length).toBeGreaterThan(50);
    expect(keepalives.length).toBeLessThan(75);
  });

  it.each([
    [164_000, false],
    [165_500, true],
  ])(
    'a frame that comes to who began, silent for %d ms: it renews the keys at once: %s',
    async (ms, renewed) => {
      const { network, client, server } = await pair();
      client.send(bytes(60));
      network.run(ms);
      const before = network.sent.length;
      server.send(bytes(60), bytes(60));
      network.run(100);
      expect(client.frames).toHaveLength(2);
      expect(sentSince(network, client, before).filter((type) => type === 1)).toHaveLength(renewed ? 1 : 0);
      if (!renewed) return;
      // The next keypair's last seconds as well.
      network.run(ms);
      const then = network.sent.length;
      server.send(bytes(60));
      network.run(100);
      expect(sentSince(network, client, then).filter((type) => type === 1)).toHaveLength(1);
    },
  );

  it('is silent when there is nothing to say, and its keys go after 180 s', async () => {
    const { network, client, server } = await pair();
    client.send(bytes(60));
    network.run(30_000);
    const quiet = network.sent.length;
    expect(client.peer.sealing).not.toBe(undefined);
    network.run(149_000);
    expect([client.count('down'), server.count('down')]).toEqual([0, 0]);
    network.run(2_000);
    expect([client.count('down'), server.count('down')]).toEqual([1, 1]);
    expect(client.count('drop')).toBe(1);
    network.run(3_600_000);
    expect(network.sent.length).toBe(quiet);
    expect(client.deadline).toBe(Infinity);
    // And comes up again by either end.
    server.send(bytes(60));
    network.run(100);
    expect(client.frames).toHaveLength(1);
    expect([client.count('up'), server.count('up')]).toEqual([2, 2]);
  });

  it('answers data by a keepalive after 10 s of its own silence', async () => {
    const { network, client, server } = await pair();
    client.send(bytes(60));
    network.run(9_900);
    const before = network.sent.length;
    network.run(200);
    expect(network.sent.slice(before).map(({ datagram, from }) => [datagram.length, from.address])).toEqual([
      [32, server.remote.address],
    ]);
    // Keepalives are not answered, nor is what was answered by data.
    client.send(bytes(60));
    network.run(5_000);
    server.send(bytes(60));
    network.run(4_900);
    const then = network.sent.length;
    network.run(14_000);
    expect(network.sent.slice(then).map(({ from }) => from.address)).toEqual([client.remote.address]);
  });

  it('takes 15 s of silence after data for the peer being gone, and begins a handshake', async () => {
    const { network, client, server } = await pair();
    client.send(bytes(60));
    network.run(1_000);
    network.detach(server);
    client.send(bytes(60));
    const before = network.sent.length;
    network.run(13_900);
    expect(network.sent.slice(before)).toEqual([]);
    network.run(600);
    expect(network.sent.slice(before).map(({ datagram }) => datagram[0])).toEqual([1]);
  });

  it('tries for 90 s, every 5 s and a little, asks for the address anew, and gives up until there is more to send', async () => {
    const { network, client, server } = await pair();
    network.detach(server);
    client.send(bytes(60));
    network.run(300_000);
    const times = network.sent.map(({ at }) => at);
    expect(times.length).toBeGreaterThanOrEqual(17);
    expect(times.length).toBeLessThanOrEqual(19);
    const gaps = times.slice(1).map((at, i) => at - (times[i] as number));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(5000);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(5333);
    expect(new Set(gaps).size).toBeGreaterThan(5);
    expect(client.count('unanswered')).toBe(1);
    expect(client.count('resolve')).toBeGreaterThanOrEqual(5);
    expect(client.count('resolve')).toBeLessThanOrEqual(6);
    expect(client.deadline).toBe(Infinity);
    // Each is another initiation: none is a repetition.
    expect(new Set(network.sent.map(({ datagram }) => hex(datagram.subarray(8, 40)))).size).toBe(
      times.length,
    );
    network.attach(server);
    client.send(frameOf(7));
    network.run(1_000);
    expect(numbersOf(server.frames)).toEqual([7]); // what waited before was dropped
  });

  it('goes on trying when it is time to wipe what is left of older handshakes', async () => {
    const { network, client, server } = await pair();
    client.send(bytes(60));
    network.run(1_000);
    network.detach(server);
    network.run(530_000); // 540 s after the last keys they are wiped
    const before = network.sent.length;
    client.machine.wanted(network.now, client.peer); // said once: whoever waits for a key waits
    client.timer();
    network.run(60_000);
    expect(network.sent.length - before).toBeGreaterThanOrEqual(11);
    expect(client.count('unanswered')).toBe(1); // of the first silence
    network.attach(server);
    network.run(6_000);
    expect([client.count('up'), server.count('up')]).toEqual([2, 2]);
    network.run(700_000);
    expect(client.deadline).toBe(Infinity);
  });

  it('woken after a long sleep, it begins a handshake, and takes the answer', async () => {
    const { network, client, server } = await pair();
    client.send(bytes(60));
    network.run(1_000);
    client.send(bytes(60));
    network.detach(client);
    network.run(600_000);
    expect(server.count('down')).toBe(1);
    client.timer(); // all that was due meanwhile is due now
    network.attach(client);
    network.run(100);
    expect([client.count('up'), server.count('up')]).toEqual([2, 2]);
  });

  it('frames without end to a peer that is gone: no more than an initiation in 5 s', async () => {
    const { network, client, server } = await pair();
    network.detach(server);
    for (let i = 0; i < 150; i++) {
      client.send(bytes(60));
      network.run(200);
    }
    expect(network.sent.length).toBeGreaterThanOrEqual(5);
    expect(network.sent.length).toBeLessThanOrEqual(6);
  });

  it('one keepalive answers all the data that came before it', async () => {
    const { network, client, server } = await pair();
    client.send(bytes(60));
    network.run(100);
    server.send(bytes(60));
    network.run(5_000);
    server.send(bytes(60));
    const before = network.sent.length;
    network.run(40_000);
    const keepalives = network.sent
      .slice(before)
      .filter(({ from }) => from.address === client.remote.address);
    expect(keepalives.map(({ at, datagram }) => [Math.round(at / 1000), datagram.length])).toEqual([
      [10, 32],
    ]);
  });

  it('a name that points elsewhere now is followed', async () => {
    const { network, client, server } = await pair();
    server.move('192.0.2.77');
    client.send(frameOf(1));
    network.run(6_000);
    expect(client.count('resolve')).toBe(1);
    client.machine.setEndpoint(client.peer, server.remote);
    network.run(6_000);
    expect(numbersOf(server.frames)).toEqual([1]);
  });

  it.each(['client', 'server'] as const)('%s restarted: it comes back', async (which) => {
    const { network, client, server } = await pair();
    client.send(bytes(60));
    network.run(1_000);
    const [restarted, other] = which === 'client' ? [client, server] : [server, client];
    restarted.restart();
    restarted.add(other, which === 'client' ? { endpoint: other.remote } : {});
    let back = Infinity;
    for (let i = 0; i < 60 && back === Infinity; i++) {
      client.send(frameOf(i));
      server.send(frameOf(i));
      network.run(1000);
      if (restarted.frames.length > 1 && other.frames.some((_, at) => at > 2)) back = i;
    }
    // A client knows where the server is; a server is missed when 15 s have passed in silence.
    expect(back).toBeLessThanOrEqual(which === 'client' ? 10 : 20);
    expect(other.count('down')).toBe(0);
  });

  it('follows a peer that moves, at its first authentic datagram', async () => {
    const { network, client, server } = await pair();
    client.send(bytes(60));
    network.run(1_000);
    client.move('198.51.100.9', 4242);
    client.send(bytes(60));
    network.run(100);
    expect(server.peer.endpoint).toEqual({ address: '198.51.100.9', port: 4242 });
    expect(server.effects.filter((effect) => effect.do === 'moved')).toHaveLength(2);
    server.send(bytes(60));
    network.run(100);
    expect(client.frames).toHaveLength(1);
    // Not at one that is not authentic, or came before.
    const stranger: Remote = { address: '203.0.113.5', port: 1 };
    const [last] = network.sent
      .filter(({ datagram, from }) => datagram[0] === 4 && from.port === 4242)
      .map(({ datagram }) => datagram) as [Uint8Array];
    server.receive(last, stranger);
    const forged = last.slice();
    forged[8] = (forged[8] as number) + 1;
    server.receive(forged, stranger);
    expect(server.end.opened).toMatchObject({ replayed: 1, 'decrypt failed': 1 });
    expect(server.peer.endpoint).toEqual({ address: '198.51.100.9', port: 4242 });
  });

  it('both begin at the same time: both handshakes hold', async () => {
    const { network, client, server } = await pair();
    server.machine.setEndpoint(server.peer, client.remote);
    client.send(frameOf(1));
    server.send(frameOf(2));
    network.run(100);
    expect([numbersOf(server.frames), numbersOf(client.frames)]).toEqual([[1], [2]]);
    for (let i = 3; i < 400; i++) {
      client.send(frameOf(i));
      server.send(frameOf(i));
      network.run(1000);
    }
    expect([server.frames.length, client.frames.length]).toEqual([398, 398]);
    expect([client.count('down'), server.count('down')]).toEqual([0, 0]);
  });

  it('2^60 messages under one key: another is made', async () => {
    const { network, client } = await pair();
    client.send(bytes(60));
    network.run(10_000);
    const before = network.sent.length;
    client.machine.sealed(network.now, client.peer, true, 2n ** 60n);
    client.timer();
    expect(network.sent.length).toBe(before);
    client.machine.sealed(network.now, client.peer, true, 2n ** 60n + 1n);
    client.timer();
    expect(network.sent.slice(before).map(({ datagram }) => datagram[0])).toEqual([1]);
  });

  it('a peer that is removed is cut off at once, one that enrolled goes when it is silent', async () => {
    const network = new Network(seed);
    const { client, server } = await makePair(network, {}, { server: { forgetAfter: 180_000 } });
    const guest = await SecureNode.make(network, '192.0.2.3');
    server.add(guest, { enrolled: true });
    server.end.add({ publicKey: keyPair(bytes(32)).public, enrolled: true }); // it never comes
    guest.add(server, { endpoint: server.remote });
    client.send(bytes(60));
    guest.send(bytes(60));
    network.run(170_000);
    guest.send(bytes(60));
    expect(server.machine.peers).toHaveLength(3);
    network.run(175_000);
    expect(server.machine.peers).toHaveLength(2);
    network.run(10_000);
    expect(server.machine.peers).toHaveLength(1);
    expect([server.count('down'), server.count('gone')]).toEqual([2, 2]);
    client.send(frameOf(1));
    network.run(100);
    const { frames } = server;
    expect(numbersOf(frames).at(-1)).toBe(1);
    const peer = server.peer;
    server.machine.removePeer(peer);
    server.timer();
    expect(server.effects.slice(-2)).toMatchObject([{ do: 'drop' }, { do: 'down', why: 'removed' }]);
    client.send(frameOf(2));
    network.run(100);
    expect(numbersOf(frames).at(-1)).toBe(1);
    expect(refusals(server)).toEqual({ 'unknown receiver index': 1n });
    // What is said of it afterwards moves nothing.
    const before = network.sent.length;
    server.machine.wanted(network.now, peer);
    server.machine.opened(network.now, peer, 0, client.remote, true);
    server.machine.sealed(network.now, peer, true, 1n);
    server.machine.removePeer(peer);
    expect(server.machine.take()).toEqual([]);
    expect([network.sent.length, server.deadline]).toEqual([before, Infinity]);
  });
});

describe('a bad network', () => {
  for (const [name, faults] of [
    ['loss', { ...PERFECT, loss: 0.3 }],
    ['duplication', { ...PERFECT, duplication: 0.5 }],
    ['reordering', { ...PERFECT, delay: [1, 800] as const }],
    ['all of them', { loss: 0.3, duplication: 0.3, delay: [1, 800] as const }],
  ] as const) {
    it(`${name}: no frame comes twice, what comes is whole, and the cable stays up`, async () => {
      const network = new Network(seed, faults);
      const { client, server } = await makePair(network);
      for (let i = 0; i < 1200; i++) {
        client.send(frameOf(i, 60 + 2 * below(900)));
        if (i > 10) server.send(frameOf(i));
        network.run(1000);
      }
      network.faults = PERFECT;
      network.run(10_000);
      for (const node of [client, server]) {
        const numbers = numbersOf(node.frames);
        expect(new Set(numbers).size).toBe(numbers.length);
        expect(numbers.length).toBeGreaterThan(faults.loss > 0 ? 500 : 1150);
        // A handshake now and then fails thrice in a row; nothing is down for long.
        expect(node.count('down')).toBeLessThanOrEqual(1);
      }
    });
  }
});

describe('under load', () => {
  it('who shows a cookie is served, who does not gets one, and never more bytes than it sent', async () => {
    const { network, client, server } = await pair();
    server.machine.overrun(network.now);
    client.send(frameOf(1));
    network.run(500);
    expect(sentSince(network, server)).toEqual([3]);
    expect(refusals(server)).toEqual({ 'no cookie': 1n });
    expect(server.frames).toEqual([]);
    server.machine.overrun(network.now + 5_000);
    network.run(6_000);
    expect(numbersOf(server.frames)).toEqual([1]);
    expect(sentSince(network, server)).toEqual([3, 2]);
  });

  it('a cookie holds for its address alone', async () => {
    const { network, client, server } = await pair();
    server.machine.overrun(0);
    client.send(frameOf(1));
    network.run(500);
    client.move('198.51.100.9');
    server.machine.overrun(network.now + 5_000);
    network.run(6_000);
    expect(refusals(server)).toEqual({ 'no cookie': 2n });
    // Back at the old address it has the cookie for the new one.
    client.move('192.0.2.2');
    server.machine.overrun(network.now + 5_000);
    network.run(6_000);
    expect(refusals(server)).toEqual({ 'no cookie': 3n });
    expect(server.frames).toEqual([]);
  });

  it('cookies that are damaged, replayed, or for nobody are refused', async () => {
    const { network, client, server } = await pair();
    server.machine.overrun(0);
    client.send(frameOf(1));
    network.run(100);
    const reply = network.sent.at(-1)?.datagram as Uint8Array;
    expect(reply).toHaveLength(64);
    client.receive(reply, server.remote);
    expect(refusals(client)).toEqual({ 'decrypt failed': 1n });
    const other = reply.slice();
    other[4] = (other[4] as number) ^ 1;
    client.receive(other, server.remote);
    expect(refusals(client)).toEqual({ 'decrypt failed': 1n, 'unknown receiver index': 1n });
  });

  it('comes by itself with more than 40 handshakes at once, and goes after a second', async () => {
    const network = new Network(seed);
    const server = await SecureNode.make(network, '192.0.2.1');
    const core = await Core.load();
    const flood = (count: number) => {
      for (let i = 0; i < count; i++) {
        const end = new SecureEnd(core, {
          privateKey: bytes(32),
          random: bytes,
          unixTime: () => 1e12,
          now: () => network.now,
          send: (datagram) => server.receive(datagram, { address: `10.0.${i >> 8}.${i & 255}`, port: 1 }),
        });
        end.send(end.add({ publicKey: server.publicKey, endpoint: server.remote }), bytes(60));
      }
    };
    flood(70);
    expect(refusals(server)).toEqual({ 'unknown peer': 40n, 'no cookie': 30n });
    network.run(1_001);
    flood(1);
    expect(refusals(server)).toEqual({ 'unknown peer': 41n, 'no cookie': 30n });
  }, 60_000);
});

describe('sources that have shown their cookie', () => {
  it('have 5 handshakes at once and 20 a second, each IPv6 /64 and each IPv4 address', async () => {
    const network = new Network(seed);
    const server = await SecureNode.make(network, '192.0.2.1');
    const ends = Array.from({ length: 16 }, (_, i) => {
      const machine = new SecureMachine({ privateKey: bytes(32), random: bytes, unixTime: () => 1e12 });
      const address = i < 8 ? `2001:db8::${i}` : i < 12 ? '192.0.2.9' : '::ffff:192.0.2.9';
      const from: Remote = { address, port: i };
      const peer = machine.addPeer(0, { publicKey: server.publicKey, endpoint: server.remote });
      return { machine, from, peer };
    });
    const all = (now: number) => {
      for (const { machine, from, peer } of ends) {
        machine.wanted(now, peer);
        for (const effect of machine.take()) if (effect.do === 'send') server.receive(effect.datagram, from);
        const { datagram } = network.sent.at(-1) ?? {};
        if (datagram?.[0] === 3) machine.receive(now, server.remote, datagram);
      }
    };
    server.machine.overrun(0);
    all(0);
    expect(refusals(server)).toEqual({ 'no cookie': 16n });
    network.run(5_000);
    server.machine.overrun(5_000);
    all(5_000);
    expect(refusals(server)).toEqual({ 'no cookie': 16n, 'unknown peer': 10n, 'too many handshakes': 6n });
    network.run(5_050);
    server.machine.overrun(network.now);
    all(10_050);
    // 5 s are more than enough for full buckets.
    expect(refusals(server)).toMatchObject({ 'unknown peer': 20n, 'too many handshakes': 12n });
  });
});

describe('what is not authentic', () => {
  /** Messages of an honest handshake: initiation, response, the first transport messages. */
  async function recorded() {
    const world = await pair({ presharedKey: bytes(32) });
    world.client.send(bytes(60));
    world.network.run(100);
    world.server.send(bytes(60));
    world.network.run(100);
    const of = (type: number) =>
      world.network.sent.find(({ datagram }) => datagram[0] === type)?.datagram as Uint8Array;
    return { ...world, initiation: of(1), response: of(2), transport: of(4) };
  }

  it('any bit of an initiation turned: nothing happens, nothing is answered', async () => {
    const { network, client, server } = await pair();
    network.loses = () => true;
    client.send(bytes(60));
    const { datagram } = network.sent[0] as (typeof network.sent)[0];
    const before = network.sent.length;
    for (let bit = 0; bit < 8 * datagram.length; bit++) {
      const bad = datagram.slice();
      bad[bit >> 3] = (bad[bit >> 3] as number) ^ (1 << (bit & 7));
      if (bit >= 8 * 132) continue; // mac2 is looked at under load alone
      server.receive(bad, client.remote);
    }
    for (let length = 0; length < datagram.length; length++)
      server.receive(datagram.slice(0, length), client.remote);
    expect(network.sent.length).toBe(before);
    expect(server.effects.every((effect) => effect.do === 'refused')).toBe(true);
    expect(Object.keys(refusals(server)).sort()).toEqual(['bad mac1', 'malformed']);
    server.receive(datagram, client.remote);
    expect(network.sent.length).toBe(before + 1);
  });

  it('the fields of an initiation, each with a good mac1 over it: refused by what it is', async () => {
    // An end of our own making that turns a bit before it signs.
    const { network, client, server } = await pair();
    network.loses = () => true;
    const { CookieHolder } = await import('../../../src/protocol/secure/cookie.js');
    const holder = new CookieHolder(server.publicKey);
    client.send(bytes(60));
    const { datagram } = network.sent[0] as (typeof network.sent)[0];
    for (let byte = 8; byte < 116; byte++) {
      const bad = datagram.slice();
      bad[byte] = (bad[byte] as number) ^ (1 << below(8));
      holder.sign(network.now, bad);
      server.receive(bad, client.remote);
      network.run(45); // no load
    }
    expect(refusals(server)['decrypt failed']).toBe(108n);
    expect(network.sent).toHaveLength(1);
    // A key of small order as its ephemeral.
    const small = datagram.slice();
    small.fill(0, 8, 40);
    holder.sign(network.now, small);
    server.receive(small, client.remote);
    expect(refusals(server)['decrypt failed']).toBe(109n);
  });

  it('any bit of a response turned: the handshake goes on and takes the right one', async () => {
    const { network, client, server } = await pair();
    let response: Uint8Array | undefined;
    network.loses = (datagram) => {
      if (datagram[0] === 2) response = datagram;
      return datagram[0] === 2;
    };
    client.send(bytes(60));
    network.run(100);
    const good = response as Uint8Array;
    const before = network.sent.length;
    const { CookieHolder } = await import('../../../src/protocol/secure/cookie.js');
    const holder = new CookieHolder(client.publicKey);
    for (let bit = 0; bit < 8 * 76; bit++) {
      const bad = good.slice();
      bad[bit >> 3] = (bad[bit >> 3] as number) ^ (1 << (bit & 7));
      client.receive(bad, server.remote);
    }
    expect(Object.keys(refusals(client)).sort()).toEqual(['bad mac1', 'malformed']);
    for (let byte = 8; byte < 60; byte++) {
      const bad = good.slice();
      bad[byte] = (bad[byte] as number) ^ (1 << below(8));
      holder.sign(network.now, bad);
      client.receive(bad, server.remote);
      network.run(45); // no load
    }
    expect(refusals(client)).toMatchObject({ 'unknown receiver index': 4n, 'decrypt failed': 48n });
    expect(network.sent.length).toBe(before);
    network.loses = () => false;
    client.receive(good, server.remote);
    network.run(100);
    expect(server.frames).toHaveLength(1);
  });

  it('replayed initiations are not answered, also to a server that was silent for long', async () => {
    const { network, client, server, initiation } = await recorded();
    for (let i = 0; i < 5; i++) {
      const before = network.sent.length;
      server.receive(initiation, { address: '203.0.113.5', port: 9 });
      expect(network.sent.length).toBe(before);
      network.run(100_000);
    }
    expect(refusals(server)).toEqual({ replayed: 5n });
    expect(server.peer.endpoint).toEqual(client.remote);
  });

  it('initiations of one peer come no closer than 20 ms', async () => {
    const network = new Network(seed);
    const { client, server } = await makePair(network);
    let wall = 1_700_000_000_000;
    const machine = () => {
      const one = new SecureMachine({ privateKey: client.secret, random: bytes, unixTime: () => wall });
      wall += 100;
      one.wanted(0, one.addPeer(0, { publicKey: server.publicKey, endpoint: server.remote }));
      return datagramsOf(one)[0] as Uint8Array;
    };
    for (let i = 0; i < 10; i++) {
      server.receive(machine(), client.remote);
      network.run(10);
    }
    expect(refusals(server)).toEqual({ 'too many handshakes': 5n });
  });

  it('responses that come twice, late, or to another, are for nobody', async () => {
    const { network, client, server, response } = await recorded();
    client.receive(response, server.remote);
    expect(refusals(client)).toEqual({ 'unknown receiver index': 1n });
    const other = await SecureNode.make(network, '192.0.2.3');
    other.add(server, { endpoint: server.remote });
    other.receive(response, server.remote);
    expect(refusals(other)).toEqual({ 'bad mac1': 1n });
  });

  it('everything thrown back at its sender is refused', async () => {
    const { network, client, server } = await recorded();
    const sent = [...network.sent];
    const before = network.sent.length;
    const [clientFrames, serverFrames] = [client.frames.length, server.frames.length];
    for (const { from, to, datagram } of sent) {
      (from.address === client.remote.address ? client : server).receive(datagram, to);
    }
    expect(network.sent.length).toBe(before);
    expect([client.frames.length, server.frames.length]).toEqual([clientFrames, serverFrames]);
    expect(Object.keys(refusals(client)).sort()).toEqual(['bad mac1', 'unknown receiver index']);
    expect(Object.keys(refusals(server)).sort()).toEqual(['bad mac1', 'unknown receiver index']);
  });

  it('everything sent to another peer is refused', async () => {
    const { network, server } = await recorded();
    const other = await SecureNode.make(network, '192.0.2.4');
    other.add(server, { endpoint: server.remote });
    const before = network.sent.length;
    for (const { from, datagram } of [...network.sent]) other.receive(datagram, from);
    expect(network.sent.length).toBe(before);
    expect(other.effects.every((effect) => effect.do === 'refused')).toBe(true);
    expect(other.frames).toEqual([]);
  });

  it('any bytes at all: nothing is thrown, no answer is longer than what it answers', async () => {
    const { network, client, server } = await recorded();
    const all = network.sent.map(({ datagram }) => datagram);
    for (let i = 0; i < 3000; i++) {
      let junk = bytes(below(200));
      if (below(2) === 0) junk = (all[below(all.length)] as Uint8Array).slice();
      if (junk.length > 4 && below(2) === 0) junk.set([1 + below(4), 0, 0, 0]);
      for (let k = below(3); k > 0 && junk.length > 0; k--) junk[below(junk.length)] = below(256);
      if (below(50) === 0) server.machine.overrun(network.now);
      const before = network.sent.length;
      server.receive(junk, client.remote);
      const answers = network.sent.slice(before);
      expect(answers.reduce((sum, { datagram }) => sum + datagram.length, 0)).toBeLessThanOrEqual(
        junk.length,
      );
    }
    network.faults = PERFECT;
    client.send(frameOf(99));
    network.run(30_000);
    client.send(frameOf(100));
    network.run(30_000);
    expect(numbersOf(server.frames)).toContain(100);
  });
});

describe('the machine', () => {
  const options = { privateKey: bytes(32), random: bytes, unixTime: () => 0 };

  it('refuses keys that are none', () => {
    expect(() => new SecureMachine({ ...options, privateKey: bytes(31) })).toThrow(RangeError);
    const machine = new SecureMachine(options);
    const peer = { publicKey: keyPair(bytes(32)).public };
    machine.addPeer(0, peer);
    for (const wrong of [
      peer,
      { publicKey: machine.publicKey },
      { publicKey: bytes(33) },
      { publicKey: new Uint8Array(32) },
      { publicKey: keyPair(bytes(32)).public, presharedKey: bytes(31) },
    ])
      expect(() => machine.addPeer(0, wrong)).toThrow(RangeError);
  });

  it('wipes what it was given and made when it ends', async () => {
    const { network, client, server } = await pair({ presharedKey: bytes(32) });
    client.send(bytes(60));
    network.run(100);
    const installed = client.effects.filter((effect) => effect.do === 'install');
    expect(installed).toHaveLength(1);
    for (const { keys } of installed)
      expect([...keys.send, ...keys.receive].every((byte) => byte === 0)).toBe(true);
    const state = client.peer as unknown as Record<string, Uint8Array>;
    client.machine.end();
    expect(
      [...(state.preshared as Uint8Array), ...(state.staticShared as Uint8Array)].every((b) => b === 0),
    ).toBe(true);
    expect(client.machine.peers).toEqual([]);
    expect(client.secret.some((byte) => byte !== 0)).toBe(true); // the caller's own is the caller's
    server.send(bytes(60));
    network.run(100);
    expect(client.frames).toEqual([]);
  });

  it('a clock that is set back does not make initiations that look replayed', async () => {
    const network = new Network(seed);
    const server = await SecureNode.make(network, '192.0.2.1');
    const secret = bytes(32);
    server.end.add({ publicKey: keyPair(secret).public });
    let wall = 1_700_000_000_000;
    const machine = new SecureMachine({ privateKey: secret, random: bytes, unixTime: () => wall });
    const peer = machine.addPeer(0, { publicKey: server.publicKey, endpoint: server.remote });
    for (let i = 0; i < 5; i++) {
      machine.wanted(5_000 * i, peer);
      const [datagram] = datagramsOf(machine);
      server.receive(datagram as Uint8Array, { address: '192.0.2.2', port: 1 });
      network.run(5_000);
      wall -= 3_600_000;
    }
    expect(refusals(server)).toEqual({});
  });

  it('a steady clock that stands still, or is set back, hangs nothing', async () => {
    const machine = new SecureMachine(options);
    const peer = machine.addPeer(1000, {
      publicKey: keyPair(bytes(32)).public,
      endpoint: { address: '192.0.2.1', port: 1 },
    });
    machine.wanted(1000, peer);
    for (const now of [1000, 500, -1e9, 1000, 6_500, 6_500, 6_500]) machine.tick(now);
    expect(machine.take().filter((effect) => effect.do === 'send')).toHaveLength(2);
  });
});
