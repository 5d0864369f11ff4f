import { describe, expect, test } from 'vitest';
import type { ClientMode } from '../../../src/protocol/classic/client-terms.js';
import { classify, deny, MESSAGES, type Message } from '../../../src/protocol/classic/messages.js';
import type { Remote } from '../../../src/protocol/remote.js';
import { rounds } from '../../support/rounds.js';
import { randomness, seed } from '../../support/seed.js';
import { EXAMPLES, numbered } from './examples.js';
import { type Faults, Network, PERFECT, SimulatedClient, SimulatedServer } from './simulated.js';

const MINUTE = 60_000;

type Kind = 'preshared' | 'random';

function network(kind: Kind, faults: Faults, from = seed, keepalive = false) {
  const net = new Network(from, faults);
  const key = kind === 'preshared' ? numbered(24) : undefined;
  const mode: ClientMode = key ? { kind: 'preshared', key: numbered(24) } : { kind: 'random' };
  const server = new SimulatedServer(net, key);
  const client = new SimulatedClient(net, server, { mode, keepalive });
  return { net, server, client };
}

type Simulation = ReturnType<typeof network>;

/** The seeds of which this does not hold: none, it is hoped. */
function seedsWithout(count: number, holds: (from: number) => boolean): number[] {
  return Array.from({ length: rounds(count) }, (_, i) => seed + i).filter((from) => !holds(from));
}

/** DATA of the client each second. */
function talk(simulation: Simulation): void {
  simulation.client.data();
  simulation.net.after(1_000, () => talk(simulation));
}

// So slow that no RESPONSE overtakes the next LOGIN, which comes 5 s after the one before.
const delay = [5, 200] as const;
const LOSSY: Faults = { loss: 0.3, duplication: 0.1, delay };
const JUMBLED: Faults = { loss: 0, duplication: 0.1, delay };

describe('a client and a server', () => {
  test.each<[Kind, Faults, number]>([
    ['preshared', PERFECT, 100],
    ['random', PERFECT, 400],
    ['preshared', JUMBLED, 6_500], // a LOGIN that comes twice can make a RESPONSE that comes twice wrong
    ['random', JUMBLED, 6_500],
    ['preshared', LOSSY, 5 * MINUTE],
  ])('%s, %j: are up within %d ms', (kind, faults, ms) => {
    const late = seedsWithout(faults === PERFECT ? 1 : 100, (from) => {
      const { net, client } = network(kind, faults, from);
      return net.run(ms, () => client.connected);
    });
    expect(late).toEqual([]);
  });

  test.each<[Message, number]>([
    ['login', 5_100],
    ['challenge', 5_100],
    ['response', 1_100],
    ['authOk', 1_100],
  ])('are up in spite of the first %s lost, within %d ms', (message, ms) => {
    const { net, client } = network('preshared', PERFECT);
    let lost = 0;
    net.loses = (datagram) => classify(datagram) === message && lost++ === 0;
    expect(net.run(100, () => client.keying !== undefined)).toBe(false);
    expect(net.run(ms, () => client.keying !== undefined)).toBe(true);
    expect([lost > 0, client.connected, client.ups]).toEqual([true, true, 1]);
  });

  test('the client comes up as soon as there is a server, where the network says that there is none', () => {
    const { net, server, client } = network('preshared', PERFECT);
    net.detach(server);
    net.run(10 * MINUTE);
    expect(client.machine.state).not.toBe('up');
    expect(net.sent.length).toBeLessThanOrEqual(600);
    net.attach(server);
    expect(net.run(1_100, () => client.connected)).toBe(true);
  });

  test('the client comes up as soon as the network carries anything', () => {
    const { net, client } = network('preshared', { ...PERFECT, loss: 1 });
    net.run(60 * MINUTE);
    expect([client.failed, client.ups]).toEqual([undefined, 0]);
    net.faults = PERFECT;
    expect(net.run(5_100, () => client.connected)).toBe(true);
  });

  test('the client says that its key is another one, and comes up when the server has been given the same', () => {
    const net = new Network(seed);
    const server = new SimulatedServer(net, numbered(24));
    const client = new SimulatedClient(net, server, { mode: { kind: 'preshared', key: numbered(24, 2) } });
    expect(net.run(2_000, () => client.denials.has('wrong key'))).toBe(true);
    net.run(10 * MINUTE);
    expect([client.failed, client.ups, server.sessions.size]).toEqual([undefined, 0, 0]);
    server.preshared = numbered(24, 2);
    expect(net.run(6_000, () => client.connected)).toBe(true);
  });

  test('with keepalives stay up without DATA', () => {
    const { net, client } = network('preshared', PERFECT, seed, true);
    net.run(60 * MINUTE);
    expect([client.connected, client.ups]).toEqual([true, 1]);
  });

  test('many clients come up on one server, and stay', () => {
    const net = new Network(seed, JUMBLED);
    const server = new SimulatedServer(net, numbered(24));
    const clients = Array.from({ length: 15 }, (_, i) => {
      const mode: ClientMode = { kind: 'preshared', key: numbered(24) };
      return new SimulatedClient(net, server, { mode, keepalive: true, port: 1_000 + i });
    });
    net.run(5 * MINUTE);
    expect(clients.map(({ connected }) => connected)).toEqual(clients.map(() => true));
    expect(server.sessions.size).toBe(15);
  });
});

describe('a client whose server does not know it any more', () => {
  // By its next DATA, which is denied.
  const restart = ({ server }: Simulation) => server.restart();
  const expire = ({ net, server, client }: Simulation) => {
    net.run(121_000);
    expect([server.sessions.size, client.keying !== undefined]).toEqual([0, true]); // it cannot know
  };

  test.each<[string, (simulation: Simulation) => void, Kind, number]>([
    ['restarted', restart, 'preshared', 600],
    ['restarted', restart, 'random', 2_000],
    ['forgot it after 120 s', expire, 'preshared', 600],
    ['forgot it after 120 s', expire, 'random', 2_000],
  ])('that %s: %s %s comes back', (_, forget, kind, ms) => {
    const simulation = network(kind, PERFECT);
    const { net, client } = simulation;
    net.run(MINUTE);
    expect(client.connected).toBe(true);
    forget(simulation);
    net.run(1_000);
    expect([client.connected, client.keying !== undefined]).toEqual([false, true]);
    client.data();
    expect(net.run(ms, () => client.connected)).toBe(true);
    expect(client.ups).toBe(2);
  });

  test.each<Kind>(['preshared', 'random'])('comes back in spite of heavy loss, every time (%s)', (kind) => {
    const late = seedsWithout(60, (from) => {
      const simulation = network(kind, LOSSY, from);
      const { net, server, client } = simulation;
      talk(simulation);
      for (let i = 0; i < 3; i++) {
        if (!net.run(5 * MINUTE, () => client.connected)) return false;
        server.restart();
        net.run(10_000);
      }
      return net.run(5 * MINUTE, () => client.connected);
    });
    expect(late).toEqual([]);
  });

  test('with a random key comes back on a busy cable, where more than one DENY is on its way', () => {
    const late = seedsWithout(60, (from) => {
      const simulation = network('random', JUMBLED, from);
      const { net, server, client } = simulation;
      net.run(MINUTE, () => client.connected);
      net.run(10_000);
      server.restart();
      for (let i = 0; i < 10; i++) client.data();
      return net.run(5 * MINUTE, () => client.connected);
    });
    expect(late).toEqual([]);
  });
});

describe('a blind forger of DENYs', () => {
  /** 20 DENYs a second in the name of the server, of either form. */
  function forge(simulation: Simulation): void {
    const { net, server, client } = simulation;
    const bytes = net.random.below(2) === 0 ? 1 : 16;
    net.deliver(deny(bytes), server.remote, client.remote);
    net.after(50, () => forge(simulation));
  }

  const cases = (['preshared', 'random'] as const).flatMap((kind) =>
    [1, 60, 240, 450].map((delay) => [kind, delay] as const),
  );
  test.each(cases)('does not keep a starting client (%s) down, %d ms away', (kind, delay) => {
    const simulation = network(kind, { ...PERFECT, delay: [delay, delay] });
    forge(simulation);
    expect(simulation.net.run(5_000, () => simulation.client.connected)).toBe(true);
    expect([...simulation.client.denials]).toEqual([]);
  });

  test.each<Kind>(['preshared', 'random'])(
    'does not end a client (%s) that starts before its server',
    (kind) => {
      const simulation = network(kind, { ...PERFECT, delay: [60, 60] });
      const { net, server, client } = simulation;
      net.detach(server);
      forge(simulation);
      net.run(10 * MINUTE);
      expect([client.failed, client.ups]).toEqual([undefined, 0]);
      net.attach(server);
      expect(net.run(90_000, () => client.connected)).toBe(true);
    },
  );

  test('does not hinder a client that comes back after its server was restarted', () => {
    const simulation = network('random', { ...PERFECT, delay: [60, 60] });
    const { net, server, client } = simulation;
    net.run(10_000);
    forge(simulation);
    talk(simulation);
    server.restart();
    expect(net.run(10_000, () => client.ups === 2 && client.connected)).toBe(true);
  });
});

describe('junk', () => {
  type End = { readonly remote: Remote };
  const random = randomness();
  const pick = <T>(all: readonly T[]) => all[random.below(all.length)] as T;

  /** Forges datagrams between two, both ways, over 10 s. */
  function inject(net: Network, count: number, a: End, b: End, kinds: readonly Message[] = MESSAGES): void {
    const forged = () => pick(EXAMPLES[pick(kinds)]);
    for (let i = 0; i < count; i++) {
      net.after(random.below(10_000), () => net.deliver(forged(), a.remote, b.remote));
      net.after(random.below(10_000), () => net.deliver(forged(), b.remote, a.remote));
    }
  }

  test.each<Kind>(['preshared', 'random'])('between client and server (%s) ends with the junk', (kind) => {
    const { net, server, client } = network(kind, JUMBLED);
    net.run(MINUTE);
    inject(net, 500, client, server);
    const before = net.sent.length;
    net.run(MINUTE);
    // Each is answered once at most; besides, the client logs in once a second at most, by 2 datagrams,
    // or 6 when it repeats its RESPONSE, and each of those is answered once.
    expect(net.sent.length - before).toBeLessThanOrEqual(500 + 10 * 12);
    expect(net.sent.length - before).toBeGreaterThan(10);
    net.run(2 * MINUTE);
    const quiet = net.sent.length;
    net.run(10 * MINUTE);
    expect(net.sent.length).toBe(quiet);
  });

  test('between two servers is not answered back and forth', () => {
    const net = new Network(seed, JUMBLED);
    const servers = ['198.51.100.1', '198.51.100.2'].map(
      (address) => new SimulatedServer(net, numbered(24), address),
    );
    const [a, b] = servers as [SimulatedServer, SimulatedServer];
    inject(net, 500, a, b);
    net.run(11_000);
    expect(net.sent.length).toBeGreaterThan(50);
    expect(net.sent.length).toBeLessThanOrEqual(1_000);
    const quiet = net.sent.length;
    net.run(60 * MINUTE);
    expect(net.sent.length).toBe(quiet);
  });

  test('between two clients draws no more than their LOGINs and RESPONSEs', () => {
    const net = new Network(seed, JUMBLED);
    const ports = [1_000, 2_000];
    const [a, b] = ports.map((port, i) => {
      const far = {
        remote: { address: '192.0.2.1', port: ports[1 - i] as number },
        keyFiles: new Map(),
        sessions: new Map(),
      };
      return new SimulatedClient(net, far, { mode: { kind: 'preshared', key: numbered(24) }, port });
    }) as [SimulatedClient, SimulatedClient];
    // Not AUTH_OK and DENY, by which they would be up, or give up, and say nothing more.
    inject(net, 500, a, b, ['login', 'challenge', 'response', 'keepalive', 'data', 'other']);
    net.run(MINUTE);
    for (const { remote } of [a, b]) {
      const sent = net.sent.filter(({ from }) => from === remote);
      const logins = sent.filter(({ datagram }) => classify(datagram) === 'login');
      expect(logins.length).toBeGreaterThan(5);
      expect(logins.length).toBeLessThanOrEqual(1 + 60_000 / 5_000);
      expect(sent.length).toBeGreaterThan(logins.length);
      expect(sent.length).toBeLessThanOrEqual(6 * logins.length); // 5 RESPONSEs until the next LOGIN
    }
  });
});
