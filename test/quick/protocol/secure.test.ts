// A secure cable on a simulated network: up, renewed, silent, moved, restarted; and on a bad one.
import { describe, expect, it } from 'vitest';
import type { Remote } from '../../../src/protocol/remote.js';
import { keyPair } from '../../../src/protocol/secure/noise.js';
import { randomnessOf } from '../../support/randomness.js';
import { rounds } from '../../support/rounds.js';
import { seed } from '../../support/seed.js';
import { hex } from '../unit/core/harness.js';
import { frameOf, numbersOf, pair, refusals } from './secure-pair.js';
import { makePair, SecureNode, sentSince } from './secure-simulated.js';
import { Network, PERFECT } from './simulated.js';

const { bytes, below } = randomnessOf(seed + 1); // not those of the ends

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
    const minutes = rounds(120, 30);
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
