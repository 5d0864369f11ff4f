// Names with several addresses, of which some are silent (RFC 8305): what that costs, on a clock of the test's own.
import { describe, expect, test } from 'vitest';
import { ATTEMPT_DELAY, familiesInTurn, Race } from '../../../src/protocol/race.js';
import { type Remote, remoteKey } from '../../../src/protocol/remote.js';
import { REKEY_TIMEOUT, SILENCE_TIMEOUT } from '../../../src/protocol/secure/constants.js';
import { seed } from '../../support/seed.js';
import { makePair, type SecureNode } from './secure-simulated.js';
import { Network } from './simulated.js';

const [V6, V6B, V4, V4B] = ['2001:db8::1', '2001:db8::2', '192.0.2.1', '192.0.2.2'];
const at = (address: string): Remote => ({ address, port: 7667 });

test.each([
  ['both', [V6, V6B, V4, V4B], [V6, V4, V6B, V4B]],
  ['IPv4 first', [V4, V6, V6B], [V4, V6, V6B]],
  ['more of the second', [V6, V4, V4B], [V6, V4, V4B]],
  ['one alone', [V4, V4B], [V4, V4B]],
  ['none', [], []],
])('families take turns, %s', (_, addresses, order) => {
  expect(familiesInTurn(addresses)).toEqual(order);
});

test('others have their turn a quarter of a second apart, each once', () => {
  const race = new Race(1_000, ['b', 'c']);
  expect(race.due).toBe(1_250);
  expect(race.next(1_249)).toBeUndefined();
  expect(race.next(1_250)).toBe('b');
  expect(race.due).toBe(1_500);
  expect(race.next(1_260)).toBeUndefined();
  expect(race.next(1_700)).toBe('c');
  expect(race.due).toBe(Infinity);
  expect(race.next(10_000)).toBeUndefined();
  expect(new Race(0, []).due).toBe(Infinity);
});

describe('a secure peer', () => {
  const DEAD = [at('2001:db8::dead'), at('192.0.2.66')] as const;

  async function scene() {
    const network = new Network(seed);
    return { network, ...(await makePair(network)) };
  }

  /** Where initiations went, and when. */
  const calls = (network: Network, client: SecureNode) =>
    network.sent
      .filter(({ from, datagram }) => remoteKey(from) === remoteKey(client.remote) && datagram[0] === 1)
      .map(({ at: when, to, datagram }) => ({ when, to: to.address, datagram }));

  test('whose first address is dead is up after one delay, at the other one', async () => {
    const { network, client, server } = await scene();
    const [dead] = DEAD;
    client.machine.setEndpoint(client.peer, dead, [dead, server.remote]);
    client.send();
    expect(network.run(500, () => client.count('up') === 1)).toBe(true);
    expect(network.now).toBeLessThan(ATTEMPT_DELAY + 10);
    expect(client.peer.endpoint?.address).toBe(server.remote.address);
    const [first, second] = calls(network, client);
    expect([first?.to, second?.to]).toEqual([dead.address, server.remote.address]);
    expect(second?.datagram).toEqual(first?.datagram); // one handshake, not two
  });

  test('whose first address answers in time is not asked elsewhere', async () => {
    const { network, client, server } = await scene();
    client.machine.setEndpoint(client.peer, server.remote, [server.remote, ...DEAD]);
    client.send();
    network.run(2_000);
    expect(calls(network, client)).toHaveLength(1);
    expect(client.machine.deadline).toBeGreaterThan(network.now + 1_000);
  });

  test('that answers late is called elsewhere, and takes one of both calls', async () => {
    const { network, client, server } = await scene();
    network.faults = { ...network.faults, delay: [300, 300] };
    const other = at('192.0.2.99');
    network.attach({
      remote: other,
      deadline: Infinity,
      timer() {},
      receive: (...came) => server.receive(...came),
    });
    client.machine.setEndpoint(client.peer, server.remote, [server.remote, other]);
    client.send();
    network.run(4_000);
    expect(calls(network, client)).toHaveLength(2);
    expect([client.count('up'), server.count('install'), client.count('install')]).toEqual([1, 1, 1]);
    expect([...server.machine.refused]).toEqual([['replayed', 1n]]);
    expect(client.frames.length + server.frames.length).toBe(0);
  });

  test('that goes from one of its addresses to another is found there when it is missed', async () => {
    const { network, client, server } = await scene();
    const [first, second] = [server.remote, at('2001:db8::7')];
    client.machine.setEndpoint(client.peer, first, [DEAD[0], DEAD[1], first, second]);
    client.send(new Uint8Array(60));
    network.run(20_000); // the server has nothing more to say
    server.move(second.address);
    const from = network.now;
    client.send(new Uint8Array(60));
    const missed = SILENCE_TIMEOUT + 1_000;
    expect(
      network.run(missed + 3 * ATTEMPT_DELAY, () => client.peer.endpoint?.address === second.address),
    ).toBe(true);
    const since = calls(network, client).filter(({ when }) => when >= from);
    expect(since.map(({ to }) => to)).toEqual([first, ...DEAD, second].map(({ address }) => address));
    expect(network.now - (since[0]?.when as number)).toBeLessThan(3 * ATTEMPT_DELAY + 10);
    client.send(new Uint8Array(60));
    network.run(100);
    expect(server.frames).toHaveLength(2);
  });

  test('that nobody finds is called again, beginning elsewhere each time', async () => {
    const { network, client } = await scene();
    const all = [...DEAD, at('192.0.2.67')];
    client.machine.setEndpoint(client.peer, all[0] as Remote, all);
    client.send();
    network.run(2.5 * REKEY_TIMEOUT);
    const [a, b, c] = all.map(({ address }) => address);
    expect(calls(network, client).map(({ to }) => to)).toEqual([a, b, c, b, c, a, c, a, b]);
  });

  test('that is removed while it is called is called no more', async () => {
    const { network, client } = await scene();
    client.machine.setEndpoint(client.peer, DEAD[0], DEAD);
    client.send();
    client.machine.removePeer(client.peer);
    network.run(2_000);
    expect(calls(network, client)).toHaveLength(1);
  });
});
