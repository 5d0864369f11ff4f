// Peers that enrolled have a bound. Who is up keeps the place; of those away the one that was heard the longest ago goes first.
import { expect, it } from 'vitest';
import { ENROLLED_MAX, FORGET_AFTER, REKEY_TIMEOUT } from '../../../src/protocol/secure/constants.js';
import { SecureMachine } from '../../../src/protocol/secure/machine.js';
import { keyPair } from '../../../src/protocol/secure/noise.js';
import type { Peer } from '../../../src/protocol/secure/peer.js';
import { randomness, seed } from '../../support/seed.js';
import { SecureNode } from './secure-simulated.js';
import { Network } from './simulated.js';

const { bytes } = randomness();
const newPublicKey = () => keyPair(bytes(32)).public;

/** A server with room for so many that enrol, and what it forgot. */
async function bounded(enrolledMax: number) {
  const network = new Network(seed);
  const server = await SecureNode.make(network, '192.0.2.1', { enrolledMax });
  let address = 2;
  /** Enrols somebody who may call. */
  const enrol = async () => {
    const node = await SecureNode.make(network, `192.0.2.${address++}`);
    const peer = server.add(node, { enrolled: true });
    node.add(server, { endpoint: server.remote });
    network.run(10);
    return { node, peer };
  };
  /** Enrols somebody who never calls. */
  const enrolSilent = () => {
    const peer = server.end.add({ publicKey: newPublicKey(), enrolled: true });
    network.run(10);
    server.timer();
    return peer;
  };
  const forgotten = () =>
    server.effects.flatMap((effect) => (effect.do === 'gone' ? [[effect.peer, effect.why]] : []));
  return { network, server, enrol, enrolSilent, forgotten };
}

const say = (node: SecureNode, network: Network) => {
  node.send(bytes(60));
  network.run(100);
};

it('who enrolled first and never came goes first, and who is up stays', async () => {
  const { network, server, enrol, enrolSilent, forgotten } = await bounded(3);
  const here = await enrol();
  say(here.node, network);
  const [one, two, three, four] = [enrolSilent(), enrolSilent(), enrolSilent(), enrolSilent()];
  expect(forgotten()).toEqual([
    [one, 'no room'],
    [two, 'no room'],
  ]);
  expect(server.machine.peers).toEqual([here.peer, three, four]);
  say(here.node, network);
  expect(server.frames).toHaveLength(2);
  expect(server.count('down')).toBe(0);
});

it('the peer that was heard later stays longer, in whatever order they enrolled', async () => {
  const { network, server, enrol, enrolSilent, forgotten } = await bounded(3);
  const guest = await enrol();
  const [one, two] = [enrolSilent(), enrolSilent()];
  say(guest.node, network);
  network.run(30_000);
  network.detach(guest.node);
  server.send(bytes(60)); // it does not answer: it is away
  network.run(15_000 + 2 * REKEY_TIMEOUT);
  enrolSilent();
  enrolSilent();
  enrolSilent();
  expect(forgotten()).toEqual([
    [one, 'no room'],
    [two, 'no room'],
    [guest.peer, 'no room'],
  ]);
  expect(server.effects.filter((effect) => effect.do === 'down')).toMatchObject([
    { peer: guest.peer, why: 'removed' },
  ]);
});

it('where all are up, quiet ones too, nobody is let in, and nobody is forgotten', async () => {
  const { network, server, enrol, enrolSilent, forgotten } = await bounded(2);
  for (const { node } of [await enrol(), await enrol()]) say(node, network);
  network.run(100_000); // longer than anybody waits for an answer: but nobody was asked
  const peers = server.machine.peers;
  expect(enrolSilent).toThrow(/^all places .* are taken \(2\): raise their number/);
  expect(server.machine.peers).toEqual(peers);
  expect(forgotten()).toEqual([]);
  expect(() => server.add({ publicKey: newPublicKey() } as SecureNode)).not.toThrow(); // of the peers file
  network.run(FORGET_AFTER);
  server.timer();
  expect(forgotten().map(([, why]) => why)).toEqual(['silent', 'silent']);
  enrolSilent();
});

it('what cannot be a peer makes nobody go', async () => {
  const { server, enrolSilent, forgotten } = await bounded(1);
  const first = enrolSilent();
  for (const publicKey of [bytes(31), new Uint8Array(32), first.publicKey, server.publicKey])
    expect(() => server.end.add({ publicKey, enrolled: true })).toThrow(RangeError);
  server.timer();
  expect(server.machine.peers).toEqual([first]);
  expect(forgotten()).toEqual([]);
});

it('none may enrol with a bound of 0, and the bound is a number', async () => {
  const { server, enrolSilent } = await bounded(0);
  expect(enrolSilent).toThrow(/^all places .* are taken \(0\)/);
  expect(server.machine.peers).toEqual([]);
  const options = { privateKey: bytes(32), random: bytes, unixTime: () => 0 };
  for (const enrolledMax of [-1, 1.5, Number.NaN, Infinity])
    expect(() => new SecureMachine({ ...options, enrolledMax })).toThrow(/enrolledMax/);
});

it('1024 unless told', () => {
  const machine = new SecureMachine({ privateKey: bytes(32), random: bytes, unixTime: () => 0 });
  const add = (now: number): Peer => machine.addPeer(now, { publicKey: newPublicKey(), enrolled: true });
  const [first, second] = [add(0), add(1)];
  for (let i = 2; i < ENROLLED_MAX; i++) add(i);
  expect([machine.peers.length, ENROLLED_MAX]).toEqual([1024, 1024]);
  expect(machine.take()).toEqual([]);
  add(2_000);
  add(2_000);
  expect(machine.take().flatMap((effect) => (effect.do === 'gone' ? [effect.peer] : []))).toEqual([
    first,
    second,
  ]);
  expect(machine.peers).toHaveLength(1024);
});
