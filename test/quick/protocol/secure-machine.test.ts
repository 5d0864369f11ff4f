// The machine by itself: its keys and its clocks.
import { describe, expect, it } from 'vitest';
import { SecureMachine } from '../../../src/protocol/secure/machine.js';
import { keyPair } from '../../../src/protocol/secure/noise.js';
import { datagramsOf } from '../../support/datagrams-of.js';
import { randomnessOf } from '../../support/randomness.js';
import { seed } from '../../support/seed.js';
import { pair, refusals } from './secure-pair.js';
import { SecureNode } from './secure-simulated.js';
import { Network } from './simulated.js';

const { bytes } = randomnessOf(seed + 1); // not those of the ends

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
