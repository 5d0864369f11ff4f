// What real ends of all kinds say of themselves at their control sockets: it is true, and holds to the published schema.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type MemoryPort, memoryPort } from '../../src/cable/plug/memory-plug.js';
import type { OpenPlug, PlugEvents } from '../../src/cable/plug/plug.js';
import { drain } from '../../src/cli/commands/drain.js';
import { addPeer, cutOff, listPeers, ping, renamePeer } from '../../src/cli/commands/peers.js';
import { status } from '../../src/cli/commands/status.js';
import { LogHistory } from '../../src/cli/log/history.js';
import { openEndControl } from '../../src/cli/run/control.js';
import { ask } from '../../src/control/ask.js';
import { parseStatus } from '../../src/control/message.js';
import { controlSockets, type Place } from '../../src/control/path.js';
import type { EndStatus } from '../../src/control/status.js';
import { startClient } from '../../src/ends/classic-client.js';
import type { Running } from '../../src/ends/running.js';
import { startSecureClient } from '../../src/ends/secure-client.js';
import { type RunningServer, startServer } from '../../src/ends/server.js';
import { keyText, newPrivateKey } from '../../src/keys/key-text.js';
import { publicKeyOf } from '../../src/keys/public-key.js';
import { quiet } from '../support/quiet.js';
import { randomness } from '../support/seed.js';

const PATH = 1452;
const WAIT = { timeout: 30_000, interval: 50 };
const IOS = ['portable', 'native'] as const;
type Io = (typeof IOS)[number];
const random = randomness();
const bytes = (length: number) => random.bytes(length);
const frame = Uint8Array.from({ length: 100 }, (_, i) => i);

const schema = JSON.parse(
  readFileSync(fileURLToPath(new URL('../../docs/control.schema.json', import.meta.url)), 'utf8'),
);
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true });
ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const holds = ajv.compile(schema);

let directory: string;
let place: Place;
const ends: Pick<Running, 'close'>[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cryptcab-lab-control-'));
  place = { user: process.geteuid?.(), roots: [directory] };
});

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end.close();
  rmSync(directory, { recursive: true });
});

/** A port whose switch gives back what it gets. */
function echoes(): MemoryPort {
  const port = memoryPort((one) => port.send(one.slice()));
  return port;
}

async function control(running: Running, name: string): Promise<void> {
  ends.push(running);
  const socket = await openEndControl(running, quiet, new LogHistory(() => ''), place, name);
  if (socket === undefined) throw new Error('no control socket');
  ends.push(socket);
}

/** What an end says; it holds to the schema. */
async function statusOf(name: string): Promise<EndStatus> {
  const path = controlSockets(place).find((one) => one.name === name)?.path as string;
  const line = (await ask(path, { do: 'status' })) as string;
  holds(JSON.parse(line));
  expect(holds.errors ?? []).toEqual([]);
  return parseStatus(line) as EndStatus;
}

/** Waits until an end says so. */
async function says(name: string, right: (status: EndStatus) => void): Promise<EndStatus> {
  return vi.waitFor(async () => {
    const found = await statusOf(name);
    right(found);
    return found;
  }, WAIT);
}

/** Where the frames come from that it has got are its peer's. */
function sees({ time, peers: [peer] }: EndStatus): void {
  expect(peer?.macs.map(({ mac }) => mac)).toEqual(['06:07:08:09:0a:0b']);
  const ago = Date.parse(time) - Date.parse(peer?.macs[0]?.seen as string);
  expect(Math.abs(ago)).toBeLessThan(20_000);
}

const isUp = (found: EndStatus) => expect(found.peers.map(({ up }) => up)).toEqual([true]);

async function serve(io: Io, more: Partial<Parameters<typeof startServer>[0]>): Promise<RunningServer> {
  const server = await startServer({
    ...{ io, port: 0, keys: undefined, log: quiet, threads: 1 },
    plug: (events) => echoes().open(events),
    ...more,
  });
  await control(server, 'server');
  return server;
}

describe.each(IOS)('a secure cable, %s', (io) => {
  const key = newPrivateKey(bytes);
  const clientKey = newPrivateKey(bytes);
  const publicKey = keyText(publicKeyOf(clientKey));
  let peers: string;
  let port: MemoryPort;

  beforeEach(() => {
    peers = join(directory, 'peers');
    mkdirSync(peers);
  });

  const server = () =>
    serve(io, { secure: { privateKey: Uint8Array.from(key), peersFile: peers, path: PATH } });

  async function client(to: RunningServer, privateKey = clientKey, name = 'client'): Promise<Running> {
    port = memoryPort(() => {});
    const running = await startSecureClient({
      ...{ io, port: 0, keepalive: false, path: PATH, plug: port.open, log: quiet },
      server: { host: '127.0.0.1', port: to.local.port },
      keys: { privateKey: Uint8Array.from(privateKey), serverPublicKey: publicKeyOf(key) },
    });
    await control(running, name);
    return running;
  }

  test('says who is up, what it carries, and why somebody is down', async () => {
    writeFileSync(join(peers, 'alice.peer'), `${publicKey}\n`);
    const serving = await server();
    expect(await statusOf('server')).toMatchObject({
      ...{ role: 'server', mode: 'secure', up: true, threads: 1, pathMtu: 1500 },
      port: serving.local.port,
      peers: [{ name: 'alice', publicKey, up: false, why: 'waiting', origin: { how: 'file' }, heard: null }],
    });
    const calling = await client(serving);
    await says('client', isUp);
    const up = await says('server', isUp);
    expect(up.handshakes).toBe(1);
    expect(up.peers[0]).toMatchObject({ port: 'open', why: null, cipher: 'secure' });
    expect(Math.abs(Date.parse(up.peers[0]?.heard as string) - Date.parse(up.time))).toBeLessThan(20_000);
    const counted = await says('client', ({ carried }) => {
      if (carried.in.frames === 0) port.send(frame);
      expect(carried.in.frames).toBeGreaterThan(0);
    });
    expect(counted.carried.in.bytes).toBe(counted.carried.in.frames * frame.length);
    expect(counted.carried).toEqual(counted.peers[0]?.carried);
    sees(counted);
    sees(await statusOf('server'));
    await says('client', ({ rates, peers: [peer] }) => {
      port.send(frame);
      for (const of of [rates, peer?.rates]) {
        expect(of?.over5s.in.bytes).toBeGreaterThan(0);
        expect(of?.over60s.out.frames).toBeGreaterThan(0);
      }
    });
    const before = await statusOf('server');
    ends.splice(ends.indexOf(calling), 1);
    await calling.close();
    const down = await says('server', ({ peers: [peer] }) => expect(peer?.up).toBe(false));
    expect(down.peers[0]).toMatchObject({ why: 'goodbye', cipher: 'secure', port: null });
    expect(Date.parse(down.peers[0]?.since as string)).toBeGreaterThan(
      Date.parse(before.peers[0]?.since as string),
    );
    expect(down.carried.in.frames).toBeGreaterThanOrEqual(before.carried.in.frames);
    expect(down.peers[0]?.rates.over5s.in.bytes).toBe(0);
  });

  test('pings, and says that there is no answer where nobody is up', async () => {
    writeFileSync(join(peers, 'alice.peer'), `${publicKey}\n`);
    const serving = await server();
    const { faults, status: none } = await ping('alice', { count: 1, end: 'server' }, place);
    expect(faults).toEqual([expect.stringMatching(/^no answer from alice \S+, which is down: not yet up$/)]);
    expect(none).toBe(3);
    await client(serving);
    await says('server', isUp);
    await says('client', isUp);
    // Its HELLO has come when it answers the first one.
    await vi.waitFor(async () => {
      const { out, status: code } = await ping('alice', { count: 1, end: 'server' }, place);
      expect(out).toMatch(/^--- alice \S+: 1 sent, 1 answered, 0 % lost; [\d.]+ \/ [\d.]+ \/ [\d.]+ ms/);
      expect(code).toBe(0);
    }, WAIT);
    const { out } = await ping('127.0.0.1', { count: 1, json: true, end: 'client' }, place);
    expect(JSON.parse(out)).toMatchObject({ sent: 1, answered: 1, loss: 0 });
    expect(out).not.toMatch(/\d\.\d{4}/); // whole microseconds
    expect((await statusOf('client')).peers[0]?.roundTrip).toBeGreaterThan(0);
  });

  test('lets in who is pending; renames, kicks and removes', async () => {
    const serving = await server();
    await client(serving);
    const { pending } = await says('server', (found) => expect(found.pending).toHaveLength(1));
    expect(pending[0]).toMatchObject({ publicKey });
    expect((await listPeers('pending', { end: 'server' }, place)).out).toContain(publicKey);
    const added = await addPeer(publicKey.slice(0, 8), [], { name: 'alice' }, place);
    expect(added.out).toMatch(/^alice \(\S+…\): may connect\n$/);
    expect(readFileSync(join(peers, 'alice.peer'), 'utf8')).toBe(`${publicKey}\n`);
    expect(await says('server', isUp)).toMatchObject({ pending: [] });
    const { since } = (await statusOf('server')).peers[0] as { since: string };
    const renamed = await renamePeer('alice', 'bob', { end: 'server' }, place);
    expect(renamed.out).toMatch(/^bob \(\S+…\): renamed\n$/);
    await expect(drain('server', undefined, place)).rejects.toThrow(
      /^this server has no other one to send its peers to, as it runs without .*: to stop it, end its process$/,
    );
    expect(readdirSync(peers)).toEqual(['bob.peer']);
    // It is the same session.
    expect((await statusOf('server')).peers).toMatchObject([{ name: 'bob', up: true, since }]);
    await cutOff('kick', 'bob', { end: 'server' }, place);
    await says('server', ({ peers: [peer] }) => {
      expect(peer?.up).toBe(true);
      expect(peer?.since).not.toBe(since);
    });
    const { out } = await cutOff('remove', publicKey, { end: 'server' }, place);
    expect(out).toMatch(/^bob \(\S+…\): removed\n$/);
    expect(readdirSync(peers)).toEqual([]);
    expect((await statusOf('server')).peers).toEqual([]);
    await says('client', ({ up, peers: [peer] }) => {
      expect(up).toBe(false);
      expect(peer?.why).toBe('goodbye');
    });
  });
});

describe('adds a peer with what it may do', () => {
  const [own, anna] = [newPrivateKey(bytes), newPrivateKey(bytes)];
  const key = keyText(publicKeyOf(anna));
  const network = {
    ...{ tap: 't%d', gone: '', admit: async () => {}, govern: async () => {}, dismiss() {}, tells() {} },
    refused: () => new Map(),
    vlansRefused: async () => 'there are none',
  };
  const serveOn = async (plug: OpenPlug, peersFile?: string) =>
    serve('portable', {
      plug,
      peerDefaults: { guard: true },
      secure: {
        privateKey: Uint8Array.from(own),
        path: PATH,
        ...(peersFile !== undefined && { peersFile }),
      },
    });
  const plug: OpenPlug = Object.assign((events: PlugEvents) => echoes().open(events), { network });

  test('which stands in its line, and is kept from the start', async () => {
    const file = join(directory, 'peers');
    writeFileSync(file, '');
    await serveOn(plug, file);
    const { out } = await addPeer(key, ['isolated', 'rate=1mbit'], { name: 'anna' }, place);
    expect(out).toMatch(/^anna \(\S+…\): may connect, with isolated rate=1mbit guard\n$/);
    expect(readFileSync(file, 'utf8')).toBe(`${key} name=anna isolated rate=1mbit\n`);
    expect((await statusOf('server')).peers).toMatchObject([{ policy: 'isolated rate=1mbit guard' }]);
  });

  test('also where nothing lists it', async () => {
    await serveOn(plug);
    const { out } = await addPeer(key, ['guard=no'], { name: 'anna' }, place);
    expect(out).toMatch(/^anna \(\S+…\): may connect, until the server ends: /);
    const more = await addPeer(keyText(publicKeyOf(newPrivateKey(bytes))), ['macs=2'], {}, place);
    expect(more.out).toMatch(/: may connect, with macs=2 guard, until the server ends: /);
    expect((await statusOf('server')).peers.map(({ policy }) => policy)).toEqual([null, 'macs=2 guard']);
  });

  test('and refuses what is none, or cannot be kept: then nobody is added', async () => {
    const file = join(directory, 'peers');
    writeFileSync(file, '');
    await serveOn(plug, file);
    const add = (...fields: string[]) => addPeer(key, fields, { name: 'anna' }, place);
    await expect(add('speed=1')).rejects.toThrow(/^speed=1 is no field of a policy; there are isolated,/);
    await expect(add('rate=')).rejects.toThrow(/^rate is written rate=20mbit/);
    await expect(add('mac=02:00:00:00:00:01', 'macs=2')).rejects.toThrow(/exclude each other/);
    await expect(add('vlan=10')).rejects.toThrow(/anna: vlan cannot be kept: there are none$/);
    expect(readFileSync(file, 'utf8')).toBe('');
    expect((await statusOf('server')).peers).toEqual([]);
  });
});

test.each(IOS)('a classic cable, %s', async (io) => {
  const key = random.bytes(24);
  const server = await serve(io, { keys: { kind: 'preshared', key: Uint8Array.from(key) } });
  expect(await statusOf('server')).toMatchObject({
    mode: 'classic',
    peers: [],
    publicKey: null,
    pathMtu: null,
  });
  const port = memoryPort(() => {});
  const client = await startClient({
    ...{ io, port: 0, keepalive: false, plug: port.open, log: quiet, carryKey: async () => {} },
    server: { host: '127.0.0.1', port: server.local.port },
    mode: { kind: 'preshared', key: Uint8Array.from(key) },
  });
  await control(client, 'client');
  const up = await says('client', isUp);
  expect(up).toMatchObject({ up: true, server: `127.0.0.1:${server.local.port}`, handshakes: 1 });
  const { peers } = await says('server', isUp);
  const [peer] = peers as [EndStatus['peers'][0]];
  expect(peer).toMatchObject({ publicKey: null, name: null, cable: 'classic', cipher: 'blowfish' });
  expect(peer.address).toBe(peer.peer);
  await says('client', ({ carried }) => {
    if (carried.in.frames === 0) port.send(frame);
    expect(carried.in.bytes).toBeGreaterThan(0);
  });
  await expect(ping(peer.peer, { count: 1, end: 'server' }, place)).rejects.toThrow(/classic/);
  await cutOff('kick', peer.peer, { end: 'server' }, place);
  expect((await statusOf('server')).carried.in.frames).toBeGreaterThan(0); // of one that is gone
  expect((await status({ name: 'server' }, place)).status).toBe(0);
});
