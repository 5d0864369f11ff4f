// Handshakes in a flood of them: cookies, and how many each source may have.
import { describe, expect, it } from 'vitest';
import { SecureEnd } from '../../../lab/secure-end.js';
import { Core } from '../../../src/core/index.js';
import type { Remote } from '../../../src/protocol/remote.js';
import { SecureMachine } from '../../../src/protocol/secure/machine.js';
import { randomnessOf } from '../../support/randomness.js';
import { seed } from '../../support/seed.js';
import { frameOf, numbersOf, pair, refusals } from './secure-pair.js';
import { SecureNode, sentSince } from './secure-simulated.js';
import { Network } from './simulated.js';

const { bytes } = randomnessOf(seed + 1); // not those of the ends

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
