// What the machine tells people of a peer that does not come up: and when it is silent, whoever sends what.
import { expect, it } from 'vitest';
import { STRANGER_RATE } from '../../../src/protocol/secure/constants.js';
import { CookieHolder } from '../../../src/protocol/secure/cookie.js';
import { SecureMachine } from '../../../src/protocol/secure/machine.js';
import * as messages from '../../../src/protocol/secure/messages.js';
import { agree, begin, keyPair, writeInitiation } from '../../../src/protocol/secure/noise.js';
import type { PeerOptions, SecureHint } from '../../../src/protocol/secure/terms.js';
import { datagramsOf } from '../../support/datagrams-of.js';
import { rounds } from '../../support/rounds.js';
import { randomness, seed } from '../../support/seed.js';
import { hex } from '../unit/core/harness.js';
import { makePair, SecureNode } from './secure-simulated.js';
import { Network } from './simulated.js';

const { bytes, below } = randomness();
const HOUR = 3_600_000;
const YEAR = 365.25 * 24 * HOUR;

const whats = (hints: readonly SecureHint[]) => hints.map(({ what }) => what);

/** Two ends that have carried frames. */
async function joined(options: Partial<PeerOptions> = {}) {
  const network = new Network(seed);
  const { client, server } = await makePair(network, options);
  client.send(bytes(60));
  network.run(100);
  server.send(bytes(60));
  network.run(100);
  expect([client.frames.length, server.frames.length]).toEqual([1, 1]);
  expect([...client.hints(), ...server.hints()]).toEqual([]);
  return { network, client, server };
}

/** An end starts again, and calls. */
function restart(one: SecureNode, other: SecureNode): void {
  one.restart();
  one.add(other, { endpoint: other.remote });
  one.send(bytes(60));
}

/** The hint of a clock, with what it says rounded to seconds. */
const rounded = (hint: SecureHint) =>
  hint.what === 'clock' && [hint.behind, hint.fromOurs].map((ms) => Math.round(ms / 1000));

it.each([
  ['an hour', HOUR],
  ['20 years', 20 * YEAR],
])(
  'a client that starts again with its clock %s behind: the server says so, and by how much',
  async (_, by) => {
    const { network, client, server } = await joined();
    network.run(30_000);
    client.clock = -by;
    restart(client, server);
    network.run(4_000);
    expect(server.hints()).toEqual([]); // one message may be an old one again
    network.run(26_000);
    const hints = server.hints();
    expect(new Set(whats(hints))).toEqual(new Set(['clock']));
    expect(hints.length).toBeGreaterThan(2); // the host says it once a minute
    const [behind, fromOurs] = rounded(hints[0] as SecureHint) as [number, number];
    expect(Math.abs(behind - by / 1000)).toBeLessThan(2);
    expect(Math.abs(fromOurs + by / 1000)).toBeLessThan(2);
    expect(client.count('up')).toBe(1);
    // Its clock is set right.
    client.clock = 0;
    network.run(6_000);
    expect(client.count('up')).toBe(2);
  },
);

it('a clock that was ahead, and is right after a restart, is told from one that is behind', async () => {
  const network = new Network(seed);
  const { client, server } = await makePair(network);
  client.clock = 3 * HOUR;
  client.send(bytes(60));
  network.run(100);
  expect(server.frames).toHaveLength(1);
  client.clock = 0;
  restart(client, server);
  network.run(12_000);
  const [hint] = server.hints();
  const [behind, fromOurs] = rounded(hint as SecureHint) as [number, number];
  expect(Math.abs(behind - (3 * HOUR) / 1000)).toBeLessThan(2);
  expect(Math.abs(fromOurs)).toBeLessThan(2);
});

it('a server that calls its peer, and starts again with its clock behind: the peer says so', async () => {
  const { network, client, server } = await joined();
  // Here the client is the one that is called.
  client.clock = -HOUR;
  restart(client, server);
  network.run(12_000);
  expect(whats(server.hints())).toContain('clock');
  expect(client.hints()).toEqual([]);
});

it('an enrolled peer, too', async () => {
  const { network, client, server } = await joined({ enrolled: true });
  client.clock = -HOUR;
  restart(client, server);
  network.run(12_000);
  expect(whats(server.hints())).toContain('clock');
});

it('a handshake sent again and again, or one that was overtaken, is no clock that is behind', async () => {
  const { network, server, client } = await joined();
  network.run(200_000);
  client.send(bytes(60));
  network.run(100);
  const old = network.sent.filter(({ datagram }) => datagram[0] === 1).map(({ datagram }) => datagram);
  expect(old.length).toBeGreaterThanOrEqual(2);
  for (let i = 0; i < 20; i++) {
    server.receive(old[i % 2 === 0 ? 0 : old.length - 1] as Uint8Array, client.remote);
    network.run(3_000);
  }
  expect(server.hints()).toEqual([]);
});

it('old handshakes sent again while the peer is there are no clock that is behind', async () => {
  const { network, server, client } = await joined();
  for (let i = 0; i < 4; i++) {
    network.run(200_000);
    client.send(bytes(60));
    network.run(100);
  }
  const old = network.sent.filter(({ datagram }) => datagram[0] === 1).map(({ datagram }) => datagram);
  expect(old.length).toBeGreaterThanOrEqual(4);
  for (const datagram of old.slice(0, -1)) {
    server.receive(datagram, { address: '203.0.113.9', port: 1 });
    network.run(3_000);
    client.send(bytes(60)); // its own datagrams show that its keys are good
    network.run(3_000);
  }
  // Nor all of them at once: calls come five seconds apart.
  for (const datagram of old.slice(0, -1)) {
    server.receive(datagram, client.remote);
    network.run(100);
  }
  expect(server.hints()).toEqual([]);
  expect(server.machine.refused.get('replayed')).toBe(BigInt(2 * (old.length - 1)));
});

it.each([
  ['the client alone', true, false],
  ['the server alone', false, true],
  ['both, and they differ', true, true],
])('a preshared key at %s: the one who calls says it, and the one who is called', async (_, mine, theirs) => {
  const network = new Network(seed);
  const client = await SecureNode.make(network, '192.0.2.2');
  const server = await SecureNode.make(network, '192.0.2.1');
  client.add(server, { endpoint: server.remote, ...(mine && { presharedKey: bytes(32) }) });
  server.add(client, theirs ? { presharedKey: bytes(32) } : {});
  client.send(bytes(60));
  network.run(1_000);
  expect(whats(client.hints())).toEqual(['preshared key']);
  expect(server.hints()).toEqual([]);
  network.run(12_000);
  expect(whats(server.hints())).toEqual(['unfinished']);
  expect([client.count('up'), server.count('up')]).toEqual([0, 0]);
});

it('answers that are lost: the one who is called says that they may not arrive, and no more when they do', async () => {
  const network = new Network(seed);
  const { client, server } = await makePair(network);
  network.loses = (datagram) => datagram[0] === 2;
  client.send(bytes(60));
  network.run(12_000);
  expect(whats(server.hints())).toEqual(['unfinished']);
  expect(client.hints()).toEqual([]);
  network.loses = () => false;
  network.run(6_000);
  expect(client.count('up')).toBe(1);
  server.hints();
  // It counts from nothing again.
  network.run(200_000);
  network.loses = (datagram) => datagram[0] === 2;
  client.send(bytes(60));
  network.run(8_000);
  expect(server.hints()).toEqual([]);
});

it('nothing is said of a cable that is up, for hours, over a bad line', async () => {
  const network = new Network(seed, { loss: 0.01, duplication: 0.05, delay: [1, 200] });
  const { client, server } = await makePair(network, { presharedKey: bytes(32) });
  for (let i = 0; i < rounds(4 * 360); i++) {
    client.send(bytes(60));
    server.send(bytes(60));
    network.run(10_000);
  }
  expect([...client.hints(), ...server.hints()]).toEqual([]);
});

// Strangers.

/** A server that knows nobody, and what it tells. */
function alone() {
  const secret = bytes(32);
  const machine = new SecureMachine({ privateKey: secret, random: bytes, unixTime: () => 0 });
  const receive = (now: number, datagram: Uint8Array): string[] => {
    machine.receive(now, { address: `198.51.100.${below(256)}`, port: 1 }, datagram);
    return machine
      .take()
      .flatMap((effect) =>
        effect.do === 'hint' && effect.hint.what === 'stranger' ? [hex(effect.hint.publicKey)] : [],
      );
  };
  return { machine, secret, receive };
}

function call(to: Uint8Array, privateKey: Uint8Array): Uint8Array {
  const machine = new SecureMachine({ privateKey, random: bytes, unixTime: () => 0 });
  machine.wanted(0, machine.addPeer(0, { publicKey: to, endpoint: { address: '192.0.2.1', port: 1 } }));
  return datagramsOf(machine)[0] as Uint8Array;
}

it("a stranger's public key is told once, and no more for sixty others", () => {
  const { machine, receive } = alone();
  const secret = bytes(32);
  const key = hex(keyPair(secret).public);
  expect(receive(0, call(machine.publicKey, secret))).toEqual([key]);
  for (let i = 1; i < 5; i++) expect(receive(i * 60_000, call(machine.publicKey, secret))).toEqual([]);
  for (let i = 5; i < 65; i++)
    expect(receive(i * 60_000, call(machine.publicKey, bytes(32)))).toHaveLength(1);
  expect(receive(70 * 60_000, call(machine.publicKey, secret))).toEqual([]);
  for (let i = 71; i < 76; i++) receive(i * 60_000, call(machine.publicKey, bytes(32)));
  expect(receive(80 * 60_000, call(machine.publicKey, secret))).toEqual([key]);
  expect(machine.strangers).toHaveLength(64); // the last ones, of more
  expect(hex(machine.strangers.at(-1)?.publicKey as Uint8Array)).toBe(key);
});

it('many strangers: ten keys a minute and no more', () => {
  const { machine, receive } = alone();
  let told = 0;
  for (let i = 0; i < 120; i++) told += receive(i * 500, call(machine.publicKey, bytes(32))).length;
  expect(told).toBeLessThanOrEqual(STRANGER_RATE.burst + 60 * STRANGER_RATE.rate);
  expect(told).toBeGreaterThanOrEqual(8);
});

it('a public key whose private key the caller has not, one that is none, and our own are not told', () => {
  const { machine, secret, receive } = alone();
  const victim = keyPair(bytes(32)).public;
  const lowOrder = new Uint8Array(32);
  /** An initiation that says it is of `publicKey`; `shared` is what the caller takes the agreement for. */
  const pretended = (publicKey: Uint8Array, shared: Uint8Array) => {
    const state = begin(new TextEncoder().encode('WireGuard v1 zx2c4 Jason@zx2c4.com'), machine.publicKey);
    const own = { secret: bytes(32), public: publicKey };
    const parts = writeInitiation(state, own, keyPair(bytes(32)), machine.publicKey, shared, bytes(12));
    const datagram = messages.initiation(7, parts);
    new CookieHolder(machine.publicKey).sign(0, datagram);
    return datagram;
  };
  for (const [i, [key, shared]] of (
    [
      [victim, bytes(32)],
      [victim, agree(bytes(32), machine.publicKey)],
      [lowOrder, new Uint8Array(32)],
      [lowOrder, bytes(32)],
      [machine.publicKey, agree(secret, machine.publicKey)],
    ] as const
  ).entries())
    expect(receive(i * 60_000, pretended(key, shared)), String(i)).toEqual([]);
  expect(machine.refused.get('unknown peer')).toBe(5n);
  // The same in earnest, to see that they are made well.
  const honest = keyPair(bytes(32));
  const good = pretended(honest.public, agree(honest.secret, machine.publicKey));
  expect(receive(9 * 60_000, good)).toEqual([hex(honest.public)]);
});
