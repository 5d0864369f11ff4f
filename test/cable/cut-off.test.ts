// A server that runs lets one more peer in, cuts one off for good, and ends the session of one that may come again.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../lab/process.js';
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
} from '../../src/index.js';
import { randomness } from '../support/seed.js';

const random = randomness();
let common: { io: 'portable' | 'native'; bind: string } = { io: 'portable', bind: '127.0.0.1' };
const directory = mkdtempSync(join(tmpdir(), 'cryptcab-cut-off-'));
afterAll(() => rmSync(directory, { recursive: true }));

/** Makes ports of memory, and counts those that are open. */
class Ports {
  open = 0;
  /** Called when a port is asked for. */
  asked: (peer: PeerIdentity | undefined) => void = () => {};
  readonly plug: OpenPlug = (events, peer) => {
    const plug = memoryPort(() => {}).open(events);
    this.open++;
    this.asked(peer);
    const { close } = plug;
    return Object.assign(plug, {
      close: () => {
        this.open--;
        return close.call(plug);
      },
    });
  };
}

const key = { server: newPrivateKey(), alice: newPrivateKey() };
const alice = keyText(publicKeyOf(key.alice));
const serverPublicKey = publicKeyOf(key.server);

let ports: Ports;
let events: string[];
beforeEach(() => {
  ports = new Ports();
  events = [];
});

function listen(server: Server): void {
  server.addEventListener('up', ({ detail }) => events.push(`up ${detail.peer}`));
  server.addEventListener('down', ({ detail }) => events.push(`down ${detail.peer}: ${detail.why}`));
}

async function secureServer(more: object = {}): Promise<Server> {
  const secure = { privateKey: key.server, ...more };
  const server = await serve({ ...common, port: 0, plug: ports.plug, classic: false, secure });
  await until('the try at its start is over', () => ports.open === 0);
  listen(server);
  return server;
}

const meet = (server: Server, presharedKey?: Uint8Array) =>
  connect({
    ...common,
    host: '127.0.0.1',
    port: server.local.port,
    plug: memoryPort(() => {}).open,
    secure: { privateKey: key.alice, serverPublicKey, presharedKey },
  });

const short = `${alice.slice(0, 8)}…`;

test('what does not do is refused in one line', async () => {
  const classic = await serve({ ...common, port: 0, plug: ports.plug, plain: true });
  const none = /^this server serves no secure clients: start it with secure$/;
  expect(() => classic.peers.add({ publicKey: alice })).toThrow(none);
  expect(() => classic.peers.remove(alice)).toThrow(none);
  for (const peer of [undefined, 'alice', {}, { peer: 1 }, { peer: 'a', publicKey: 1 }])
    expect(() => classic.disconnect(peer as never)).toThrow(/^disconnect takes a peer as events/);
  expect(classic.disconnect({ peer: short, publicKey: alice })).toBe(false);
  await classic.close();
  const server = await secureServer();
  const secret = keyText(newPrivateKey());
  expect(() => server.peers.add({ publicKey: `${secret}x` })).toThrow(/^peers.add: publicKey has to be/);
  expect(() => server.peers.add({ key: secret } as never)).toThrow(/^peers.add has no option key/);
  expect(() => server.peers.remove('alice')).toThrow(/^peers.remove: publicKey has to be/);
  expect(() => server.peers.add({ publicKey: serverPublicKey })).toThrow(/our own/);
  await server.close();
  for (const late of [
    () => server.peers.add({ publicKey: alice }),
    () => server.peers.remove(alice),
    () => server.enrol(alice, newPresharedKey()),
  ])
    expect(late).toThrow(new CryptcabError('this server has ended'));
  expect(server.disconnect({ peer: short, publicKey: alice })).toBe(false);
});

describe.each(['portable', 'native'] as const)('%s', (io) => {
  beforeAll(() => {
    common = { ...common, io };
  });

  test('a peer is added, comes up, is removed, and is added again with another key', async () => {
    await using server = await secureServer();
    expect(server.peers.add({ publicKey: alice, name: 'alice' })).toEqual({
      peer: `alice (${short})`,
      publicKey: alice,
      name: 'alice',
    });
    expect(() => server.peers.add({ publicKey: alice })).toThrow(/^cannot add a peer: .* is there already$/);
    const first = await meet(server);
    await until('it is up', () => events.length === 1);
    expect(ports.open).toBe(1);
    expect(server.peers.remove(publicKeyOf(key.alice))).toBe(true);
    expect(server.peers.remove(alice)).toBe(false);
    expect(server.stats().peers).toEqual([]);
    await until('its port is given back', () => ports.open === 0);
    await first.close(); // it would call on, with the same key, and take the other one's place

    const presharedKey = newPresharedKey();
    const mine = presharedKey.slice();
    server.peers.add({ publicKey: publicKeyOf(key.alice), presharedKey });
    expect(presharedKey).toEqual(mine); // a copy was taken
    await using _second = await meet(server, presharedKey);
    await until('it is up again', () => events.length === 3);
    expect(events).toEqual([`up alice (${short})`, `down alice (${short}): removed`, `up ${short}`]);
  });

  test('a peer that has enrolled is removed; one of the peers file stays', async () => {
    const file = join(directory, 'peers');
    writeFileSync(file, `${alice} name=alice\n`, { mode: 0o600 });
    await using server = await secureServer({ peers: file });
    const guest = keyText(publicKeyOf(newPrivateKey()));
    server.enrol(guest, newPresharedKey());
    expect(server.peers.remove(guest)).toBe(true);
    expect(() => server.peers.remove(alice)).toThrow(
      new CryptcabError(`cannot remove alice (${short}): it is in the peers file; remove its line`),
    );
    await using _client = await meet(server);
  });

  test('the session of a secure peer is ended; it may connect again', async () => {
    await using server = await secureServer({ peers: [{ publicKey: alice }] });
    {
      await using client = await meet(server);
      await until('it is up', () => server.stats().peers.length === 1);
      const peer = server.stats().peers[0] as PeerIdentity;
      expect(server.disconnect(peer)).toBe(true);
      expect(server.disconnect(peer)).toBe(false); // it is away
      expect(server.stats().peers).toEqual([]);
      await until('its port is given back', () => ports.open === 0);
      await client.close();
    }
    await using _again = await meet(server);
    await until('it is up again', () => events.length === 3);
    expect(events).toEqual([`up ${short}`, `down ${short}: disconnected`, `up ${short}`]);
  });

  test('the session of a classic client is ended; it logs in again when it sends something', async () => {
    const secret = random.bytes(24);
    await using server = await serve({ ...common, port: 0, plug: ports.plug, key: secret });
    await until('the try at its start is over', () => ports.open === 0);
    listen(server);
    const near = memoryPort(() => {});
    const plug = near.open;
    await using client = await connect({
      ...common,
      host: '127.0.0.1',
      port: server.local.port,
      plug,
      key: secret,
    });
    const peer = `127.0.0.1:${client.local.port}`;
    await until('it is up', () => events.length === 1);
    expect(server.disconnect({ peer: '127.0.0.1:9' })).toBe(false);
    expect(server.disconnect({ peer })).toBe(true);
    expect(server.disconnect({ peer })).toBe(false);
    expect(events.at(-1)).toBe(`down ${peer}: disconnected`);
    await until('its port is given back', () => ports.open === 0);
    await until('it is up again', () => {
      near.send(random.bytes(60));
      return events.length === 3;
    });
    expect(events.at(-1)).toBe(`up ${peer}`);
    expect(ports.open).toBe(1);
  });

  test.each<[string, (server: Server) => void]>([
    ['removed', (server) => server.peers.remove(alice)],
    ['disconnected', (server) => server.disconnect({ peer: short, publicKey: alice })],
  ])('by a plug that is asked for it, a peer is %s, and its plug is closed', async (why, cut) => {
    await using server = await secureServer({ peers: [{ publicKey: alice }] });
    let asked = 0;
    ports.asked = () => {
      asked++;
      cut(server);
    };
    const stop = new AbortController();
    const client = connect({
      ...common,
      host: '127.0.0.1',
      port: server.local.port,
      plug: memoryPort(() => {}).open,
      signal: stop.signal,
      secure: { privateKey: key.alice, serverPublicKey },
    }).catch(() => undefined);
    await until('it was asked for', () => asked > 0);
    await until('it is closed', () => ports.open === 0);
    expect(server.stats().peers).toEqual([]);
    expect(events).toEqual([]); // it was never up
    expect(server.peers.remove(alice)).toBe(why === 'disconnected');
    stop.abort();
    await (await client)?.close();
  });

  test('by who hears that it is up, a peer is cut off', async () => {
    await using server = await secureServer({ peers: [{ publicKey: alice }] });
    server.addEventListener('up', ({ detail }) => server.peers.remove(detail.publicKey as string));
    await using _client = await meet(server);
    await until('it is down', () => events.length === 2);
    expect(events).toEqual([`up ${short}`, `down ${short}: removed`]);
    await until('its port is given back', () => ports.open === 0);
  });
});

test('two clients with one key: the server says so, where both are', async () => {
  const said: string[] = [];
  const log = {
    trace() {},
    debug() {},
    info() {},
    error() {},
    warn: (_: object, text: string) => said.push(text),
  };
  const port = () => memoryPort(() => {});
  const peers = [{ publicKey: alice, name: 'alice' }];
  await using server = await serve({
    ...{ ...common, port: 0, plug: port().open, log, classic: false },
    secure: { privateKey: key.server, peers },
  });
  const ports = [port(), port()] as const;
  const start = (plug: OpenPlug) =>
    connect({
      ...{ ...common, host: '127.0.0.1', port: server.local.port, plug },
      secure: { privateKey: key.alice, serverPublicKey },
    });
  await using one = await start(ports[0].open);
  await using other = await start(ports[1].open);
  await until('the server has noticed', () => {
    for (const each of ports) each.send(random.bytes(60));
    return said.length > 0;
  });
  const places = [one, other].map(({ local }) => `127.0.0.1:${local.port}`);
  expect(said).toEqual([expect.stringMatching(/^alice .* is in two places in turn, /)]);
  for (const place of places) expect(said[0]).toContain(place);
});
