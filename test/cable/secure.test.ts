// Both ends of the secure cable in this process, on loopback: many clients at one server, and clients that get their keys
// by other means, at the start and when the server has forgotten them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { until } from '../../lab/process.js';
import { type MemoryPort, memoryPort } from '../../src/cable/plug/memory-plug.js';
import { ownUdp } from '../../src/cable/udp/own.js';
import type { Running } from '../../src/ends/running.js';
import { type SecureKeys, startSecureClient } from '../../src/ends/secure-client.js';
import { type RunningServer, startServer } from '../../src/ends/server.js';
import { CryptcabError } from '../../src/error.js';
import { keyText, newPrivateKey } from '../../src/keys/key-text.js';
import { publicKeyOf } from '../../src/keys/public-key.js';
import { quiet } from '../support/quiet.js';
import { randomness } from '../support/seed.js';

const CLIENTS = 20;
const PATH = 1452;
type Io = 'portable' | 'native';
const random = randomness();
const bytes = (length: number) => random.bytes(length);
const running: Running[] = [];
let directory: string;
let peersFile: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'cryptcab-lab-secure-'));
  peersFile = join(directory, 'peers');
});

afterEach(async () => {
  for (const end of running.splice(0).reverse()) await end.close();
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A server whose switch gives back what it gets, with its first byte turned. */
async function serve(
  privateKey: Uint8Array,
  publicKeys: readonly Uint8Array[],
  io: Io,
  port = 0,
): Promise<RunningServer> {
  writeFileSync(peersFile, publicKeys.map((key) => `${keyText(key)}\n`).join(''));
  const server = await startServer({
    io,
    port,
    keys: undefined,
    secure: { privateKey: Uint8Array.from(privateKey), peersFile, path: PATH },
    plug(events) {
      const port = memoryPort((frame) => port.send(Uint8Array.of(~(frame[0] as number), ...frame.slice(1))));
      return port.open(events);
    },
    log: quiet,
  });
  running.push(server);
  return server;
}

class Client {
  arrived = (_: Uint8Array) => {};
  readonly port: MemoryPort = memoryPort((frame) => this.arrived(frame));

  async start(keys: SecureKeys | (() => Promise<SecureKeys>), port: number, io: Io): Promise<void> {
    const server = { host: '127.0.0.1', port };
    const options = {
      io,
      port: 0,
      server,
      keys,
      keepalive: false,
      path: PATH,
      plug: this.port.open,
      log: quiet,
    };
    const client = await startSecureClient(options);
    running.push(client);
    await client.up;
  }

  /** Sends a frame, and has it back. */
  async echoes(length: number): Promise<void> {
    const frame = bytes(length);
    const back = new Promise<Uint8Array>((resolve) => {
      this.arrived = (one) => resolve(Uint8Array.from(one));
    });
    this.port.send(frame);
    const one = await back;
    expect(Buffer.from(one.subarray(1)).equals(frame.subarray(1))).toBe(true);
    expect(one[0]).toBe(~(frame[0] as number) & 0xff);
  }
}

test.each(['portable', 'native'] as const)(
  'each of 20 clients has a port of its own; a large frame goes in fragments, %s',
  async (io) => {
    const serverKey = newPrivateKey(bytes);
    const keys = Array.from({ length: CLIENTS }, () => newPrivateKey(bytes));
    const server = await serve(serverKey, keys.map(publicKeyOf), io);
    const clients = keys.map(() => new Client());
    const serverPublicKey = publicKeyOf(serverKey);
    for (const [i, client] of clients.entries()) {
      await client.start({ privateKey: keys[i] as Uint8Array, serverPublicKey }, server.local.port, io);
    }
    for (const length of [60, 1514, 9216]) await Promise.all(clients.map((client) => client.echoes(length)));
    expect(server.statistics().map(({ opened, sealed }) => [opened, sealed])).toEqual(
      keys.map(() => [3n, 3n]),
    );
    expect(server.refusals().size).toBe(0);
  },
);

test('a client enrols at the start, and again when the server has forgotten it', async () => {
  const serverKey = newPrivateKey(bytes);
  let server = await serve(serverKey, [], 'native');
  const { port } = server.local;
  let enrolled = 0;
  const client = new Client();
  await client.start(
    async () => {
      enrolled++;
      const privateKey = newPrivateKey(bytes);
      const presharedKey = bytes(32);
      const { publicKey: serverPublicKey, port: serverPort } = server.enrol(
        publicKeyOf(privateKey),
        presharedKey,
      );
      return { privateKey, presharedKey, serverPublicKey, serverPort };
    },
    1,
    'native',
  ); // whoever enrols is told the port
  expect(enrolled).toBe(1);
  await client.echoes(100);
  await running.shift()?.close();
  server = await serve(serverKey, [], 'native', port);
  client.port.send(bytes(60)); // silence shows when something was sent
  await until('the client is up again', () => server.statistics().length === 1, 60_000);
  expect(enrolled).toBe(2);
  await client.echoes(1514);
});

test('a client that was removed enrols again before it looks why the old keys get no answer', async () => {
  const server = await serve(newPrivateKey(bytes), [], 'portable');
  const said: string[] = [];
  const own = ownUdp();
  let sockets = 0; // it looks by one of its own
  const client = await startSecureClient({
    port: 0,
    server: { host: '127.0.0.1', port: server.local.port },
    keys: async () => {
      const privateKey = newPrivateKey(bytes);
      const presharedKey = bytes(32);
      const { publicKey } = server.enrol(publicKeyOf(privateKey), presharedKey);
      return { privateKey, presharedKey, serverPublicKey: publicKey };
    },
    keepalive: false,
    path: PATH,
    plug: memoryPort(() => {}).open,
    log: { ...quiet, info: (_, text) => said.push(text) },
    openUdp(...args) {
      sockets++;
      return own(...args);
    },
  });
  running.push(client);
  await client.up;
  const isUp = () => server.report().peers[0]?.up === true;
  await until('both ends are up', isUp);
  server.removePeer(server.report().peers[0]?.publicKey as string);
  await until('the cable is back', () => said.filter((text) => text === 'the cable is up').length === 2);
  expect(sockets).toBe(1);
}, 30_000);

test('a key that is there already, or none, cannot be enrolled', async () => {
  const key = publicKeyOf(newPrivateKey(bytes));
  const server = await serve(newPrivateKey(bytes), [key], 'portable');
  expect(() => server.enrol(key, bytes(32))).toThrow(/cannot enrol: .*there already/);
  expect(() => server.enrol(new Uint8Array(32), bytes(32))).toThrow(/cannot enrol: .*no public key/);
});

test('a client that gets no keys, or no good ones, says so and ends', async () => {
  const start = (keys: () => Promise<SecureKeys>) =>
    startSecureClient({
      port: 0,
      server: { host: '127.0.0.1', port: 1 },
      keys,
      keepalive: false,
      path: PATH,
      plug: memoryPort(() => {}).open,
      log: quiet,
    });
  const none = await start(() => Promise.reject(new CryptcabError('no ssh')));
  running.push(none);
  await expect(none.ended).rejects.toThrow('no ssh');
  const bad = await start(async () => ({
    privateKey: newPrivateKey(bytes),
    serverPublicKey: new Uint8Array(32),
  }));
  running.push(bad);
  await expect(bad.ended).rejects.toThrow(/the server's public key .*no public key/);
});
