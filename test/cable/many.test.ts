// Many clients at one server: more than its memory has sessions for at the start, on one socket and one thread.
import { afterEach, expect, test } from 'vitest';
import { type MemoryPort, memoryPort } from '../../src/cable/plug/memory-plug.js';
import { startClient } from '../../src/ends/classic-client.js';
import type { Running } from '../../src/ends/running.js';
import { startServer } from '../../src/ends/server.js';
import { quiet } from '../support/quiet.js';
import { randomness } from '../support/seed.js';

const CLIENTS = 40;
const random = randomness();
const running: Running[] = [];

afterEach(async () => {
  for (const end of running.splice(0).reverse()) await end.close();
});

test.each([
  ['portable', 1],
  ['native', 1],
  ['native', 3],
] as const)('each of 40 clients has a port of its own, %s, threads: %i', async (io, threads) => {
  const key = random.bytes(24);
  const server = await startServer({
    io,
    threads,
    port: 0,
    keys: { kind: 'preshared', key: Uint8Array.from(key) },
    plug(events) {
      // A switch port that gives back what it gets, with its first byte turned.
      const port = memoryPort((frame) => port.send(Uint8Array.of(~(frame[0] as number), ...frame.slice(1))));
      return port.open(events);
    },
    log: quiet,
  });
  running.push(server);
  const ends: { port: MemoryPort; arrived: (frame: Uint8Array) => void }[] = [];
  for (let i = 0; i < CLIENTS; i++) {
    const end = { port: memoryPort((frame) => end.arrived(frame)), arrived: (_: Uint8Array) => {} };
    ends.push(end);
    const client = await startClient({
      io: 'portable',
      port: 0,
      server: { host: '127.0.0.1', port: server.local.port },
      mode: { kind: 'preshared', key: Uint8Array.from(key) },
      keepalive: false,
      carryKey: () => Promise.reject(new Error('not with a pre-shared key')),
      plug: end.port.open,
      log: quiet,
    });
    running.push(client);
    await client.up;
  }
  for (let round = 0; round < 3; round++) {
    await Promise.all(
      ends.map(async (end) => {
        const frame = random.bytes(60 + 2 * random.below(700));
        const back = new Promise<Uint8Array>((resolve) => {
          end.arrived = (bytes) => resolve(Uint8Array.from(bytes));
        });
        end.port.send(frame);
        const bytes = await back;
        expect(Buffer.from(bytes.subarray(1)).equals(frame.subarray(1))).toBe(true);
        expect(bytes[0]).toBe(~(frame[0] as number) & 0xff);
      }),
    );
  }
  expect(server.statistics().map(({ opened, sealed }) => [opened, sealed])).toEqual(ends.map(() => [3n, 3n]));
});
