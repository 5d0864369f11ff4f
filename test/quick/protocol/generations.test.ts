// A client that finds out what its server speaks, with C servers of both generations, and builds, at the other end.
import { describe, expect, test } from 'vitest';
import type { ClientMode } from '../../../src/protocol/classic/client-terms.js';
import { classify, deny } from '../../../src/protocol/classic/messages.js';
import { seed } from '../../support/seed.js';
import { numbered } from './examples.js';
import { type Build, OriginalServer } from './original-server.js';
import { type Faults, Network, PERFECT, SimulatedClient } from './simulated.js';

const MINUTE = 60_000;
const BUILDS = ['blowfish', 'chacha20 12', 'chacha20 0'] as const;
const KINDS = ['preshared', 'random'] as const;
const cases = BUILDS.flatMap((build) => KINDS.map((kind) => [build, kind] as const));

function network(build: Build, kind: (typeof KINDS)[number], faults: Faults = PERFECT, from = seed) {
  const net = new Network(from, faults);
  const key = kind === 'preshared' ? numbered(44) : undefined;
  const server = new OriginalServer(net, build, key);
  const mode: ClientMode = key ? { kind: 'preshared', key: numbered(44) } : { kind: 'random' };
  const client = new SimulatedClient(net, server, { mode, cipher: 'auto' });
  return { net, server, client };
}

type Simulation = ReturnType<typeof network>;

/** DATA of the client every so many ms. */
function talk(simulation: Simulation, every: number): void {
  simulation.client.data();
  simulation.net.after(every, () => talk(simulation, every));
}

/** 20 DENYs a second in the name of the server. */
function forge(simulation: Simulation): void {
  const { net, server, client } = simulation;
  net.deliver(deny(1), server.remote, client.remote);
  net.after(50, () => forge(simulation));
}

const LOSSY: Faults = { loss: 0.3, duplication: 0.1, delay: [5, 200] };

describe('a C server', () => {
  test.each(cases)('%s, %s: the client is up within 4 s, and comes back', (build, kind) => {
    const simulation = network(build, kind);
    const { net, server, client } = simulation;
    talk(simulation, 1_000);
    expect(net.run(4_000, () => client.connected)).toBe(true);
    net.run(MINUTE);
    for (let ups = 2; ups < 5; ups++) {
      server.restart();
      // What worked is known: it costs no attempt at the others.
      expect(net.run(4_000, () => client.connected && client.ups === ups)).toBe(true);
      net.run(MINUTE);
      expect(client.ups).toBe(ups);
    }
  });

  test.each(cases)('%s, %s: a forger of DENYs changes nothing', (build, kind) => {
    const simulation = network(build, kind, { ...PERFECT, delay: [60, 60] });
    forge(simulation);
    expect(simulation.net.run(6_000, () => simulation.client.connected)).toBe(true);
  });

  test.each(cases)('%s, %s: the client is up in the end where much is lost', (build, kind) => {
    const late = Array.from({ length: 20 }, (_, i) => seed + i).filter((from) => {
      const simulation = network(build, kind, LOSSY, from);
      simulation.server.deniesRepeated = from % 2 === 0;
      talk(simulation, 1_000);
      return !simulation.net.run(15 * MINUTE, () => simulation.client.connected);
    });
    expect(late).toEqual([]);
  });

  // Every 5 s, or 45 s: with and without DATA between two KEEPALIVEs.
  test.each(BUILDS.flatMap((build) => [1_000, 5_000, 45_000].map((every) => [build, every] as const)))(
    '%s: keeps a client whose traffic is light, a frame every %d ms',
    (build, every) => {
      const simulation = network(build, 'preshared');
      const { net, client } = simulation;
      talk(simulation, every);
      net.run(60 * MINUTE);
      expect([client.connected, client.ups]).toEqual([true, 1]);
    },
  );

  test('without encryption that sends no frame: the client is not up, and says so within 4 s', () => {
    const net = new Network(seed);
    const server = new OriginalServer(net, 'plain', undefined);
    const client = new SimulatedClient(net, server, { mode: { kind: 'plain' } });
    expect(net.run(6_000, () => client.keying !== undefined)).toBe(true);
    const from = net.now;
    expect(net.run(4_000, () => client.mute)).toBe(true);
    expect(net.now - from).toBe(3_000);
    talk({ net, server, client }, 1_000);
    net.run(10 * MINUTE);
    expect([client.ups, client.machine.state]).toEqual([0, 'up']);
  });

  test('with another key is told from one of another generation, after all were tried', () => {
    const net = new Network(seed);
    const server = new OriginalServer(net, 'chacha20 0', numbered(44, 9));
    const mode: ClientMode = { kind: 'preshared', key: numbered(44) };
    const client = new SimulatedClient(net, server, { mode, cipher: 'auto' });
    net.run(2_000);
    expect(client.denials.size).toBe(0);
    net.run(3_000);
    expect([...client.denials]).toEqual(['wrong key']);
    net.run(10 * MINUTE);
    const logins = net.sent.filter(({ datagram }) => classify(datagram) === 'login').length;
    expect(logins).toBeLessThan(10 * 60);
    expect(client.failed).toBeUndefined();
  });
});
