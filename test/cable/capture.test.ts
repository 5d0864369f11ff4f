// Captures of running ends: every frame as it was sent, both ways, on every path.
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../lab/process.js';
import { memoryPort } from '../../src/cable/plug/memory-plug.js';
import type { ByteSink, CaptureWish } from '../../src/control/capture-terms.js';
import { startClient } from '../../src/ends/classic-client.js';
import type { Running } from '../../src/ends/running.js';
import { startSecureClient } from '../../src/ends/secure-client.js';
import { startServer } from '../../src/ends/server.js';
import { newPrivateKey } from '../../src/keys/key-text.js';
import { publicKeyOf } from '../../src/keys/public-key.js';
import { blocksIn, framesOf } from '../support/pcapng.js';
import { quiet } from '../support/quiet.js';
import { randomness } from '../support/seed.js';

const { bytes } = randomness();
const PATH = 1452;
const running: Running[] = [];
afterEach(async () => {
  for (const end of running.splice(0).reverse()) await end.close();
});

type Io = 'native' | 'portable';
const plain = { io: 'native' as Io, port: 0, log: quiet };

/** A cable; what arrives at the server's switch comes back the other way. */
async function cable(kind: 'secure' | 'classic', io: Io, threads: number | undefined) {
  const serverKey = newPrivateKey(bytes);
  const clientKey = newPrivateKey(bytes);
  const serverPublicKey = publicKeyOf(serverKey);
  const peers = [{ publicKey: publicKeyOf(clientKey), name: 'anna' }];
  const server = await startServer({
    ...plain,
    io,
    ...(threads !== undefined && { threads }),
    keys: kind === 'classic' ? { kind: 'plain' } : undefined,
    ...(kind === 'secure' && { secure: { privateKey: serverKey, peers, path: PATH } }),
    plug(events) {
      const port = memoryPort((frame) => port.send(frame.slice()));
      return port.open(events);
    },
  });
  running.push(server);
  const back: Uint8Array[] = [];
  const port = memoryPort((frame) => back.push(frame.slice()));
  const to = { host: '127.0.0.1', port: server.local.port };
  const common = { ...plain, io, server: to, keepalive: false, plug: port.open };
  const client =
    kind === 'secure'
      ? await startSecureClient({ ...common, keys: { privateKey: clientKey, serverPublicKey }, path: PATH })
      : await startClient({ ...common, mode: { kind: 'plain' }, carryKey: async () => {} });
  running.push(client);
  await client.up;
  return { server, client, port, back };
}

/** A capture of an end, kept. */
function captured(end: Running, wish: CaptureWish) {
  const pieces: Uint8Array[] = [];
  const sink: ByteSink = { waiting: 0, write: (piece) => pieces.push(piece.slice()) };
  const stop = end.captures.begin(wish, sink, 'test', () => {});
  return { stop, blocks: () => blocksIn(Buffer.concat(pieces)) };
}

const hexOf = (all: readonly Uint8Array[]) => all.map((one) => Buffer.from(one).toString('hex'));

describe.each(['secure', 'classic'] as const)('%s', (kind) => {
  describe.each([
    ['native', 1],
    ['native', 2],
    ['portable', undefined],
  ] as const)('%s, %s threads', (io, threads) => {
    test('frames', async () => {
      const { server, client, port, back } = await cable(kind, io, threads);
      const captures = [server, client].map((end) => captured(end, { wire: false }));
      // One that does not count, until both ends copy.
      await until('both ends copy', () => {
        port.send(bytes(60));
        return captures.every(({ blocks }) => framesOf(blocks()).length > 0);
      });
      await until('it is quiet', async () => {
        const before = back.length;
        await new Promise((resolve) => setTimeout(resolve, 100));
        return back.length === before;
      });
      const [from, known] = [captures.map(({ blocks }) => framesOf(blocks()).length), back.length];
      const lengths = kind === 'secure' ? [14, 61, 1514, 9216, 700, 1418] : [14, 61, 1514, 700];
      const sent = lengths.map(bytes);
      for (const frame of sent) port.send(frame);
      await until('all come back', () => back.length >= known + sent.length);
      for (const { stop } of captures) stop();
      for (const [i, { blocks }] of captures.entries()) {
        const frames = framesOf(blocks()).slice(from[i]);
        const [away, home] = i === 0 ? ['in', 'out'] : ['out', 'in'];
        const of = (way: string | undefined) =>
          hexOf(frames.filter(({ direction }) => direction === way).map((frame) => frame.bytes));
        expect(of(away)).toEqual(hexOf(sent));
        expect(of(home)).toEqual(hexOf(sent));
        const statistics = blocks().filter(({ type }) => type === 5);
        expect(statistics).toMatchObject([{ received: framesOf(blocks()).length, dropped: 0 }]);
      }
    });
  });
});

test('a peer that there is not; too many captures; none at an end that ends', async () => {
  const { server } = await cable('secure', 'native', 1);
  expect(() => captured(server, { wire: false, peer: 'otto' })).toThrow(
    'there is no peer otto here: cryptcab status lists them',
  );
  const some = [1, 2, 3, 4].map(() => captured(server, { wire: true, peer: 'anna' }));
  expect(() => captured(server, { wire: false })).toThrow('4 captures are under way already: end one');
  some[0]?.stop();
  captured(server, { wire: false }).stop();
  server.captures.close();
  expect(() => captured(server, { wire: false })).toThrow('this end of the cable ends');
});

test('what a reader does not take is dropped and counted', async () => {
  const { server, port, back } = await cable('secure', 'native', 1);
  const pieces: Uint8Array[] = [];
  const sink = { waiting: 0, write: (piece: Uint8Array) => pieces.push(piece.slice()) };
  const stop = server.captures.begin({ wire: false }, sink, 'test', () => {});
  const count = () => framesOf(blocksIn(Buffer.concat(pieces))).length;
  await until('it copies', () => {
    port.send(bytes(60));
    return count() > 0;
  });
  sink.waiting = 5 << 20;
  await new Promise((resolve) => setTimeout(resolve, 100));
  const [frames, known] = [count(), back.length];
  for (let i = 0; i < 10; i++) port.send(bytes(100));
  await until('all come back', () => back.length >= known + 10);
  stop();
  expect(count()).toBe(frames);
  const [statistics] = blocksIn(Buffer.concat(pieces)).filter(({ type }) => type === 5);
  expect(statistics?.dropped).toBeGreaterThanOrEqual(20);
});
