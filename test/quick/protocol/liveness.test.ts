// A client that is up: does its server still know it, is there still a way to it, and what is it?
import { describe, expect, test } from 'vitest';
import type { ClientMode } from '../../../src/protocol/classic/client-terms.js';
import { authOk, classify } from '../../../src/protocol/classic/messages.js';
import { seed } from '../../support/seed.js';
import { CHALLENGE, ClientFixture, DENY } from './client-fixture.js';
import { numbered } from './examples.js';
import { type Faults, Network, PERFECT, SimulatedClient, SimulatedServer } from './simulated.js';

const DAY = 86_400_000;

const up = (options = {}) => new ClientFixture(options).logIn().authenticate().wait(60_000);

describe('a client that hears nothing', () => {
  test('asks 10 s after it sent something, by the RESPONSE that was accepted', () => {
    const b = up().data();
    const accepted = b.last('send').datagram;
    expect(b.due).toBe(10_000);
    b.wait(5_000).data(); // sending more does not put it off
    expect(b.due).toBe(5_000);
    expect(b.timer()).toEqual(['send response']);
    expect(b.last('send').datagram).toEqual(accepted);
    expect(b.sealed).toHaveLength(1); // and encrypts nothing again
  });

  test('is content with AUTH_OK, and asks again when the next thing that it sent stays without an answer', () => {
    const b = up().data();
    b.timer();
    expect([b.tell(authOk()), b.state, b.due]).toEqual([[], 'up', Infinity]);
    expect(b.wait(60_000).data().due).toBe(10_000);
  });

  test('does not ask while DATA comes', () => {
    const b = up();
    for (let i = 0; i < 100; i++) b.wait(9_000).data().wait(900).heard();
    expect([b.due, b.times('send response').length]).toEqual([Infinity, 1]);
  });

  test('does not take an AUTH_OK that nobody asked for as a sign of life', () => {
    const b = up().data();
    expect([b.tell(authOk()), b.due]).toEqual([[], 10_000]);
  });

  test('logs in again when the question is denied, whenever it sent its last DATA', () => {
    const b = up().data();
    b.timer();
    expect(b.lose()).toEqual(['send response', 'down unknown', 'send login']);
  });

  test('asks three times, 2 s apart; then the cable is down, and it looks the server up', () => {
    const b = up().data();
    const kinds = [b.timer(), b.timer(), b.timer()];
    expect(kinds).toEqual([['send response'], ['send response'], ['send response']]);
    expect(b.gaps('send response').slice(1)).toEqual([2_000, 2_000]);
    expect([b.timer(), b.state]).toEqual([['down silent', 'resolve'], 'resolving']);
    expect(b.tell('resolved')).toEqual(['send login']);
    // What answers the questions now is no answer to the LOGIN.
    expect(b.wait(100).tell(DENY)).toEqual([]);
    expect(b.tellAll(CHALLENGE, authOk())).toEqual(['send response', 'up']);
  });

  test('asks as often again after it was heard', () => {
    const b = up().data();
    b.timer();
    b.timer();
    b.heard().data();
    expect([b.timer(), b.timer(), b.timer(), b.timer()].flat()).toEqual([
      'send response',
      'send response',
      'send response',
      'down silent',
      'resolve',
    ]);
  });

  test('with keepalives, asks without DATA', () => {
    const b = new ClientFixture({ keepalive: true }).logIn().authenticate();
    const due = [b.timer(), b.timer(), b.timer(), b.timer()].flat();
    expect(due.slice(-2)).toEqual(['down silent', 'resolve']);
  });
});

describe('a client whose system cannot send', () => {
  test('binds its socket anew at once, asks, and logs in when the server does not know the new address', () => {
    const b = up().data();
    expect([b.tell('sendFailed'), b.state]).toEqual([['reconnect'], 'up']);
    expect(b.tell('resolved')).toEqual(['send response']);
    expect(b.lose()).toEqual(['send response', 'down unknown', 'send login']);
  });

  test('does so once a second at most', () => {
    const b = up().data();
    expect(b.tellAll('sendFailed', 'sendFailed', 'resolveFailed', 'sendFailed')).toEqual(['reconnect']);
    expect(b.wait(999).tell('sendFailed')).toEqual([]);
    expect(b.wait(1).tell('sendFailed')).toEqual(['reconnect']);
  });

  test('tries again every second while there is no way, and asks when there is one', () => {
    const b = up().data();
    b.tellAll('sendFailed', 'resolveFailed');
    expect(b.timer()).toEqual(['reconnect']);
    expect(b.tell('resolveFailed')).toEqual([]);
    expect(b.wait(1_000).timer()).toEqual(['reconnect']);
    expect(b.tell('resolved')).toEqual(['send response']);
  });

  test('is down when there is none for so long that its questions stay without an answer', () => {
    const b = up().data();
    const effects = b.tell('sendFailed');
    for (let i = 0; i < 20 && b.state === 'up'; i++) effects.push(...b.tell('resolveFailed'), ...b.timer());
    expect(effects.filter((effect) => effect !== 'reconnect')).toEqual([
      ...Array<string>(3).fill('send response'),
      'down silent',
      'resolve',
    ]);
  });

  test('tries another address when it is logging in', () => {
    const b = new ClientFixture();
    b.candidates = 2;
    b.logIn();
    expect(b.tell('sendFailed')).toEqual(['resolve']);
  });
});

describe('a probe for a C server', () => {
  const large = (b: ClientFixture) => b.data().tell('large');

  test('is sent when a large datagram was, three times at most, a second apart', () => {
    const b = up();
    expect(large(b)).toEqual(['send other']);
    expect(large(b)).toEqual([]);
    expect([large(b.wait(1_000)), large(b.wait(1_000)), large(b.wait(1_000))].flat()).toEqual([
      'send other',
      'send other',
    ]);
  });

  test('that is answered tells that it is one, once', () => {
    const b = up();
    large(b);
    expect(b.wait(4_999).tellAll(authOk(), authOk())).toEqual(['cut']);
    expect(large(b.wait(10_000))).toEqual([]);
  });

  test('is not answered by an AUTH_OK that is late', () => {
    const b = up();
    large(b);
    expect(b.wait(5_001).tell(authOk())).toEqual([]);
  });

  test('waits where AUTH_OK may be the answer to a RESPONSE', () => {
    const b = new ClientFixture().logIn().authenticate();
    expect(large(b.wait(5_000))).toEqual([]);
    expect(large(b.wait(1))).toEqual(['send other']);
    // Nor is it one, when a question came after the probe.
    b.wait(100).tell('sendFailed');
    b.tell('resolved');
    expect(b.tell(authOk())).toEqual([]);
  });

  test('is anew for the next server', () => {
    const b = up();
    large(b);
    b.tell(authOk());
    b.lose();
    b.authenticate().wait(6_000);
    expect(large(b)).toEqual(['send other']);
  });
});

interface Simulation {
  readonly net: Network;
  readonly server: SimulatedServer;
  readonly client: SimulatedClient;
}

/** A client that is up and sends DATA twice a second, which its server does not answer. */
function talking(kind: ClientMode['kind'], faults: Faults = PERFECT): Simulation {
  const net = new Network(seed, faults);
  const key = kind === 'preshared' ? numbered(24) : undefined;
  const server = new SimulatedServer(net, key);
  const mode: ClientMode = key ? { kind: 'preshared', key } : { kind: 'random' };
  const client = new SimulatedClient(net, server, { mode });
  const talk = () => {
    client.data();
    net.after(500, talk);
  };
  talk();
  expect(net.run(60_000, () => client.connected)).toBe(true);
  return { net, server, client };
}

describe('a cable that talks', () => {
  test('stays up, though the server says nothing, for a question now and then', () => {
    const { net, client } = talking('preshared');
    net.run(3_600_000);
    expect([client.connected, client.ups]).toEqual([true, 1]);
    const questions = net.sent.filter(({ datagram }) => classify(datagram) === 'response').length;
    expect(questions).toBeGreaterThan(300);
    expect(questions).toBeLessThanOrEqual(361);
  });

  const cases = (['preshared', 'random'] as const).flatMap((kind) =>
    [5, 60, 200].map((seconds) => [kind, seconds] as const),
  );
  test.each(cases)('is back soon after a cut (%s, %d s)', (kind, seconds) => {
    const { net, client } = talking(kind);
    net.faults = { ...PERFECT, loss: 1 };
    net.run(seconds * 1_000);
    net.faults = PERFECT;
    // A server that has forgotten the client wants another key: see "a LOGIN that was denied is tried again".
    expect(net.run(kind === 'random' ? 12_000 : 6_000, () => client.connected)).toBe(true);
    net.run(60_000);
    expect([client.connected, client.failed]).toEqual([true, undefined]);
    if (seconds === 5) expect(client.ups).toBe(1); // nobody noticed
  });

  test.each(['preshared', 'random'] as const)('follows its server’s name (%s)', (kind) => {
    const { net, server, client } = talking(kind);
    net.detach(server);
    (server.remote as { address: string }).address = '198.51.100.77';
    server.restart();
    net.attach(server);
    expect(net.run(25_000, () => client.connected)).toBe(true);
  });
});

describe('when the clock jumps', () => {
  const ends = ['client', 'server', 'both'] as const;
  const jumps = [DAY, -DAY];
  const kinds = ['preshared', 'random'] as const;
  const cases = ends.flatMap((end) =>
    jumps.flatMap((by) => kinds.map((kind) => [end, by / DAY, kind] as const)),
  );

  test.each(cases)('of the %s by %d day (%s key): the cable is back soon', (end, days, kind) => {
    const { net, server, client } = talking(kind);
    net.run(30_000);
    if (end !== 'server') client.jump(days * DAY);
    if (end !== 'client') server.jump(days * DAY);
    net.run(30_000);
    expect(client.connected).toBe(true);
    // And its timers go on: it notices a cut, and is back.
    net.faults = { ...PERFECT, loss: 1 };
    net.run(200_000);
    expect(client.keying).toBeUndefined();
    net.faults = PERFECT;
    expect(net.run(kind === 'random' ? 12_000 : 6_000, () => client.connected)).toBe(true);
  });

  test.each(jumps)('in every state of the handshake by %d ms: it comes up all the same', (jump) => {
    for (let steps = 0; steps < 8; steps++) {
      const net = new Network(seed, PERFECT);
      const server = new SimulatedServer(net, numbered(24));
      const client = new SimulatedClient(net, server, { mode: { kind: 'preshared', key: numbered(24) } });
      net.run(steps * 3);
      client.jump(jump);
      server.jump(jump);
      expect(net.run(12_000, () => client.connected)).toBe(true);
    }
  });
});
