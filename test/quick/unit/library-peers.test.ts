// A server knows who is who: whose plug is asked for, who comes and goes, and who has carried what.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { until } from '../../../lab/process.js';
import type { PlugEvents } from '../../../src/cable/plug/plug.js';
import {
  CryptcabError,
  connect,
  keyText,
  memoryPort,
  newPresharedKey,
  newPrivateKey,
  type OpenPlug,
  type PeerIdentity,
  publicKeyOf,
  type Server,
  serve,
} from '../../../src/index.js';
import { randomness } from '../../support/seed.js';

const random = randomness();
const common = { io: 'portable', bind: '127.0.0.1' } as const;
const nowhere: OpenPlug = (events) => memoryPort(() => {}).open(events);

/** Keeps whose plugs were asked for. */
function register(): { plug: OpenPlug; asked: (PeerIdentity | undefined)[] } {
  const asked: (PeerIdentity | undefined)[] = [];
  const plug: OpenPlug = (events, peer) => {
    asked.push(peer);
    return nowhere(events);
  };
  return { plug, asked };
}

test('of secure peers: public key and name, in plug, events and stats, at both ends', async () => {
  const keys = { server: newPrivateKey(), alice: newPrivateKey(), nameless: newPrivateKey() };
  const [alice, nameless, server] = [keys.alice, keys.nameless, keys.server].map((key) =>
    keyText(publicKeyOf(key)),
  ) as [string, string, string];
  const { plug, asked } = register();
  const peers = [{ publicKey: alice, name: 'alice' }, { publicKey: nameless }];
  await using end = await serve({
    ...common,
    port: 0,
    plug,
    classic: false,
    secure: { privateKey: keys.server, peers },
  });
  expect(asked).toEqual([undefined]); // the try at its start
  const events: PeerIdentity[] = [];
  for (const type of ['up', 'down'] as const)
    end.addEventListener(type, ({ detail: { peer: _, ...detail } }) =>
      events.push(detail as unknown as PeerIdentity),
    );
  const atClient = register();
  for (const privateKey of [keys.alice, keys.nameless]) {
    const client = await connect({
      ...common,
      host: '127.0.0.1',
      port: end.local.port,
      plug: atClient.plug,
      secure: { privateKey, serverPublicKey: server },
    });
    const count = asked.length;
    await until('the server has it up, too', () => end.stats().peers.length + 1 >= count);
    expect(client.stats().peers[0]).toMatchObject({ publicKey: server });
    await until('the event of its up has come', () => events.length === (privateKey === keys.alice ? 1 : 3));
    await client.close();
    await until('and the one of its goodbye', () => events.length === (privateKey === keys.alice ? 2 : 4));
  }
  const text = (key: string) => `${key.slice(0, 8)}…`;
  expect(asked.slice(1)).toEqual([
    { peer: `alice (${text(alice)})`, publicKey: alice, name: 'alice' },
    { peer: text(nameless), publicKey: nameless },
  ]);
  expect(atClient.asked).toContainEqual({ peer: text(server), publicKey: server });
  const ofAlice = { publicKey: alice, name: 'alice' };
  expect(events).toMatchObject([
    ofAlice,
    { ...ofAlice, why: 'goodbye' },
    { publicKey: nameless },
    { publicKey: nameless, why: 'goodbye' },
  ]);
  expect(events[2]).not.toHaveProperty('name');
  expect(end.stats().peers).toEqual([]);
});

test('a client that ends when its machine has stood still says goodbye', async () => {
  const privateKey = newPrivateKey();
  const ofClient = newPrivateKey();
  const secure = { privateKey, peers: [{ publicKey: keyText(publicKeyOf(ofClient)) }] };
  await using end = await serve({ ...common, port: 0, plug: nowhere, classic: false, secure });
  const why: unknown[] = [];
  end.addEventListener('down', ({ detail }) => why.push(detail.why));
  const [client] = await Promise.all([
    connect({
      ...common,
      host: '127.0.0.1',
      port: end.local.port,
      plug: nowhere,
      secure: { privateKey: ofClient, serverPublicKey: keyText(publicKeyOf(privateKey)) },
    }),
    once(end, 'up'), // no datagram is read between that and what follows: the server's hello is on its way
  ]);
  const stands = performance.now() + 300;
  while (performance.now() < stands);
  await client.close();
  await until('the server knows', () => why.length > 0);
  expect(why).toEqual(['goodbye']);
});

/** A plug on a network that keeps any policy. */
const keeps: OpenPlug = Object.assign((events: PlugEvents) => memoryPort(() => {}).open(events), {
  network: {
    tap: 't%d',
    gone: '',
    admit: async () => {},
    govern: async () => {},
    dismiss() {},
    tells() {},
    vlansRefused: async () => undefined,
    refused: () => new Map(),
  },
});

test('what a peer may do is changed while it runs, and kept of one that has enrolled', async () => {
  const state = mkdtempSync(join(tmpdir(), 'cryptcab-limit-'));
  const privateKey = newPrivateKey();
  const [alice, bob] = [1, 2].map(() => keyText(publicKeyOf(newPrivateKey()))) as [string, string];
  const start = (plug: OpenPlug) =>
    serve({ ...common, port: 0, plug, classic: false, peerDefaults: 'guard', secure: { privateKey, state } });
  const policyOf = (end: Server, publicKey: string) =>
    end.report().peers.find((peer) => peer.publicKey === publicKey)?.policy;
  try {
    {
      await using end = await start(keeps);
      end.peers.add({ publicKey: alice, name: 'alice', policy: 'macs=2' });
      end.enrol(bob, newPresharedKey());
      expect(await end.peers.limit(alice, 'rate=1mbit guard=no')).toBe('macs=2 rate=1mbit');
      expect(await end.peers.limit(alice, 'macs= guard=')).toBe('rate=1mbit guard');
      expect(await end.peers.limit(bob, 'isolated')).toBe('isolated guard');
      expect(policyOf(end, alice)).toBe('rate=1mbit guard');
      await expect(end.peers.limit(alice, 'speed=1')).rejects.toThrow(/^speed=1 is no field of a policy/);
      await expect(end.peers.limit(keyText(publicKeyOf(newPrivateKey())), 'guard')).rejects.toThrow(
        /^there is no such peer$/,
      );
    }
    {
      await using end = await start(keeps);
      expect(policyOf(end, bob)).toBe('isolated guard');
      expect(policyOf(end, alice)).toBeUndefined();
      expect(await end.peers.limit(bob, 'isolated=')).toBe('guard');
      await end.peers.limit(bob, 'rate=1mbit');
    }
    const without = serve({
      ...{ ...common, port: 0, plug: nowhere, classic: false, secure: { privateKey, state } },
    });
    await expect(without).rejects.toThrow(/^the peer .*: rate cannot be kept on this plug/);
  } finally {
    rmSync(state, { recursive: true });
  }
});

test('of classic clients: the address, as in events and stats', async () => {
  const { plug, asked } = register();
  const key = random.bytes(24);
  await using server = await serve({ ...common, port: 0, plug, key });
  await using client = await connect({
    ...common,
    host: '127.0.0.1',
    port: server.local.port,
    plug: nowhere,
    key,
  });
  const peer = `127.0.0.1:${client.local.port}`;
  expect(asked).toEqual([undefined, { peer }]);
  expect(server.stats().peers).toMatchObject([{ peer }]);
});

test.each([0, 65, 1.5, '2'])('threads: %s is refused', async (threads) => {
  const started = serve({ port: 0, plug: nowhere, plain: true, threads: threads as number });
  await expect(started).rejects.toThrow(
    new CryptcabError('serve: threads has to be a number of I/O threads, 1 to 64'),
  );
});

test('threads and the portable path exclude each other', async () => {
  await expect(serve({ ...common, port: 0, plug: nowhere, plain: true, threads: 2 })).rejects.toThrow(
    /threads and io: 'portable' exclude each other/,
  );
});

test('a stock WireGuard device is added as the host that it is', async () => {
  await using end = await serve({
    ...common,
    port: 0,
    plug: nowhere,
    classic: false,
    secure: { privateKey: newPrivateKey() },
  });
  const [phone, tablet] = [1, 2].map(() => keyText(publicKeyOf(newPrivateKey()))) as [string, string];
  end.peers.add({ publicKey: phone, name: 'phone', host: 'ip=10.0.0.7/24,fd00::7/64' });
  expect(end.report().peers).toMatchObject([
    {
      name: 'phone',
      wireguard: { addresses: ['10.0.0.7/24', 'fd00::7/64'], mac: expect.stringMatching(/^.[26ae]:/) },
    },
  ]);
  const add = (host: string) => () => end.peers.add({ publicKey: tablet, host });
  expect(add('ip=10.0.0.7/24')).toThrow(/10\.0\.0\.7 is an address of phone/);
  expect(add('ip=10.0.0.8')).toThrow(/host: ip= is written/);
  expect(add('ip=10.0.0.255/24')).toThrow(/host: ip=10\.0\.0\.255\/24: this is the broadcast address/);
  const { mac } = end.report().peers[0]?.wireguard ?? {};
  expect(add(`ip=10.0.0.8/24 mac=${mac}`)).toThrow(new RegExp(`${mac} is an address of phone`));
  add('ip=10.0.0.8/24')();
});
