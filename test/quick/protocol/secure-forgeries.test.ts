// Messages that are changed, repeated, or made up.
import { describe, expect, it } from 'vitest';
import { CookieHolder } from '../../../src/protocol/secure/cookie.js';
import { SecureMachine } from '../../../src/protocol/secure/machine.js';
import { datagramsOf } from '../../support/datagrams-of.js';
import { randomnessOf } from '../../support/randomness.js';
import { seed } from '../../support/seed.js';
import { frameOf, numbersOf, pair, refusals } from './secure-pair.js';
import { makePair, SecureNode } from './secure-simulated.js';
import { Network, PERFECT } from './simulated.js';

const { bytes, below } = randomnessOf(seed + 1); // not those of the ends

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
