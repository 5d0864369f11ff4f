// Many frames at once, of sizes that the kernel moves in pieces and of sizes that it does not: each arrives, in order.
import { afterEach, expect, test } from 'vitest';
import { memoryPort } from '../../src/cable/plug/memory-plug.js';
import { startClient } from '../../src/ends/classic-client.js';
import type { Running } from '../../src/ends/running.js';
import { startServer } from '../../src/ends/server.js';
import { quiet } from '../support/quiet.js';
import { randomness } from '../support/seed.js';

const ROUNDS = 20;
/** Not more than a socket's buffer holds at once. */
const FRAMES = 200;
const random = randomness();
const running: Running[] = [];

afterEach(async () => {
  for (const end of running.splice(0).reverse()) await end.close();
});

/** Runs of one size and single ones, growing and shrinking. */
function burst(): Uint8Array[] {
  const frames: Uint8Array[] = [];
  while (frames.length < FRAMES) {
    const size = 14 + 2 * random.below(random.below(8) === 0 ? 4_600 : 700);
    const run = random.below(2) === 0 ? 1 : 1 + random.below(90);
    for (let i = 0; i < run && frames.length < FRAMES; i++) frames.push(random.bytes(size));
  }
  return frames;
}

test.each([
  ['native', 'native'],
  ['native', 'portable'],
  ['portable', 'native'],
] as const)('from %s to %s', async (from, to) => {
  const key = random.bytes(44);
  const arrived: string[] = [];
  let enough = () => {};
  let expected = 0;
  const far = memoryPort((frame) => {
    arrived.push(Buffer.from(frame).toString('hex'));
    if (arrived.length === expected) enough();
  });
  const near = memoryPort(() => {});
  const server = await startServer({
    io: to,
    port: 0,
    keys: { kind: 'preshared', key: Uint8Array.from(key) },
    plug: far.open,
    log: quiet,
  });
  running.push(server);
  const client = await startClient({
    io: from,
    port: 0,
    server: { host: '127.0.0.1', port: server.local.port },
    mode: { kind: 'preshared', key: Uint8Array.from(key) },
    cipher: 'chacha20',
    keepalive: false,
    carryKey: () => Promise.reject(new Error('not with a pre-shared key')),
    plug: near.open,
    log: quiet,
  });
  running.push(client);
  await client.up;
  for (let round = 0; round < ROUNDS; round++) {
    const frames = burst();
    expected = frames.length;
    arrived.length = 0;
    const all = new Promise<void>((resolve) => {
      enough = resolve;
    });
    for (const frame of frames) near.send(frame);
    await all;
    expect(arrived).toEqual(frames.map((frame) => Buffer.from(frame).toString('hex')));
  }
  expect(server.statistics()[0]).toMatchObject({
    opened: BigInt(ROUNDS * FRAMES),
    refused: {},
    droppedBySwitch: 0n,
    droppedUnopened: 0n,
  });
});
