// One server, and clients of each generation at the same time, on real sockets.
import { afterEach, expect, test } from 'vitest';
import { memoryPort } from '../../src/cable/plug/memory-plug.js';
import { startClient } from '../../src/ends/classic-client.js';
import type { Running } from '../../src/ends/running.js';
import { startServer } from '../../src/ends/server.js';
import type { Cipher } from '../../src/protocol/classic/session-key.js';
import { quiet } from '../support/quiet.js';
import { randomness } from '../support/seed.js';

const random = randomness();
const running: Running[] = [];

afterEach(async () => {
  for (const end of running.splice(0)) await end.close();
});

test.each(['portable', 'native'] as const)(
  'Blowfish and ChaCha20 clients at one server, with one key file of 44 bytes, %s',
  async (io) => {
    const key = random.bytes(44);
    const says: string[] = [];
    const server = await startServer({
      io,
      port: 0,
      keys: { kind: 'preshared', key: Uint8Array.from(key) },
      plug: (events) => {
        // A switch port that gives back what it gets.
        const port = memoryPort((frame) => port.send(Uint8Array.from(frame)));
        return port.open(events);
      },
      log: {
        ...quiet,
        info: (fields, message) => {
          if (message === 'client is up') says.push((fields as { cipher: string }).cipher);
        },
      },
    });
    running.push(server);
    const ciphers: Cipher[] = ['blowfish', 'chacha20', 'blowfish'];
    for (const cipher of ciphers) {
      let arrived: (frame: Uint8Array) => void = () => {};
      const port = memoryPort((frame) => arrived(Uint8Array.from(frame)));
      const client = await startClient({
        io,
        port: 0,
        server: { host: '127.0.0.1', port: server.local.port },
        mode: { kind: 'preshared', key: Uint8Array.from(key) },
        cipher,
        keepalive: false,
        carryKey: () => Promise.reject(new Error('not with a pre-shared key')),
        plug: port.open,
        log: quiet,
      });
      running.push(client);
      await client.up;
      for (let i = 0; i < 20; i++) {
        const frame = random.bytes(14 + 2 * random.below(700));
        const back = new Promise<Uint8Array>((resolve) => {
          arrived = resolve;
        });
        port.send(frame);
        expect(Buffer.from(await back).equals(frame)).toBe(true);
      }
    }
    expect(says).toEqual(['blowfish', 'chacha20, block counter 12', 'blowfish']);
    expect(server.statistics().map(({ opened, sealed }) => [opened, sealed])).toEqual([
      [20n, 20n],
      [20n, 20n],
      [20n, 20n],
    ]);
  },
);
