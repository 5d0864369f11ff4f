// A cable and a server as objects, over loopback: they start, tell of themselves, count, and end in each of the ways there are.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { until } from '../../lab/process.js';
import {
  type AnyCableEvent,
  type CableEnd,
  CryptcabError,
  connect,
  memoryPort,
  newPresharedKey,
  newPrivateKey,
  type OpenPlug,
  type PlugEvents,
  publicKeyOf,
  serve,
} from '../../src/index.js';
import { SILENT } from '../../src/log.js';
import { randomness } from '../support/seed.js';

const random = randomness();
const KEY = random.bytes(24);
const ends: CableEnd[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end.close();
});

function track<E extends CableEnd>(end: E): E {
  ends.push(end);
  return end;
}

/** A switch port that gives back what it gets. */
const echo: OpenPlug = (events) => {
  const port = memoryPort((frame) => port.send(frame));
  return port.open(events);
};

/** A port to send from; the next frame that comes back. */
function station() {
  let arrived: (frame: Uint8Array) => void = () => {};
  const port = memoryPort((frame) => arrived(frame.slice()));
  return {
    plug: port.open,
    async there(frame: Uint8Array): Promise<Uint8Array> {
      const back = new Promise<Uint8Array>((resolve) => {
        arrived = resolve;
      });
      port.send(frame);
      return await back;
    },
  };
}

function heard(end: CableEnd): AnyCableEvent[] {
  const events: AnyCableEvent[] = [];
  for (const type of ['up', 'down', 'unplugged', 'plugged', 'close'] as const)
    end.addEventListener(type, (event) => events.push(event));
  return events;
}

const typesOf = (events: AnyCableEvent[]) => events.map(({ type }) => type);
const local = (end: CableEnd) => `127.0.0.1:${end.local.port}`;

test.each(['portable', 'native'] as const)('a classic cable: events, frames, counts, %s', async (io) => {
  const server = track(await serve({ port: 0, key: KEY, plug: echo, io }));
  const atServer = heard(server);
  const { plug, there } = station();
  const client = track(await connect({ host: '127.0.0.1', port: server.local.port, key: KEY, plug, io }));
  const atClient = heard(client);
  const frame = random.bytes(300);
  expect(Buffer.from(await there(frame)).equals(frame)).toBe(true);
  const up = { peer: local(server), address: local(server), cipher: 'blowfish' };
  await until('up is told', () => atClient.length > 0 && atServer.length > 0);
  expect(atClient[0]?.detail).toEqual(up);
  expect(atServer[0]?.detail).toEqual({ ...up, peer: local(client), address: local(client) });
  // Natively the counts are looked at from time to time.
  await until('all is counted', () => client.stats().peers[0]?.opened === 1n);
  expect(client.stats()).toMatchObject({
    peers: [
      { peer: local(server), sealed: 1n, sealedBytes: 300n, opened: 1n, openedBytes: 300n, refused: {} },
    ],
    refused: {},
  });
  await client.close();
  await client.closed;
  await server[Symbol.asyncDispose]();
  await server.closed;
  expect(typesOf(atClient)).toEqual(['up', 'close']);
  expect(typesOf(atServer)).toEqual(['up', 'close']);
  expect(atServer.at(-1)?.detail).toEqual({ error: undefined });
});

test('the keys that were handed over are left alone, also in the end', async () => {
  const key = KEY.slice();
  const privateKey = newPrivateKey();
  const copy = privateKey.slice();
  const server = await serve({ port: 0, key, plug: echo, secure: { privateKey } });
  await server.close();
  expect(key).toEqual(KEY);
  expect(privateKey).toEqual(copy);
});

test('a secure cable: peers by value, a peer that enrols, and one that is nobody', async () => {
  const [serverKey, clientKey, otherKey] = [newPrivateKey(), newPrivateKey(), newPrivateKey()];
  const psk = newPresharedKey();
  const serverPublicKey = publicKeyOf(serverKey);
  const peers = [{ publicKey: publicKeyOf(clientKey), presharedKey: psk, name: 'alice' }];
  const server = track(
    await serve({ port: 0, plug: echo, classic: false, secure: { privateKey: serverKey, peers } }),
  );
  const atServer = heard(server);
  const { plug, there } = station();
  const at = { host: '127.0.0.1', port: server.local.port };
  const keys = { privateKey: clientKey, presharedKey: psk, serverPublicKey };
  track(await connect({ ...at, plug, secure: keys }));
  const frame = random.bytes(300);
  expect(Buffer.from(await there(frame)).equals(frame)).toBe(true);
  await until('alice is told of', () => atServer.length > 0);
  expect(atServer[0]?.detail).toMatchObject({
    cipher: 'secure',
    peer: expect.stringMatching(/^alice \(.*…\)$/),
  });

  const secret = newPresharedKey();
  const enrolling = station();
  const enrolled = track(
    await connect({
      ...at,
      plug: enrolling.plug,
      secure: {
        enrol: async () => {
          const told = server.enrol(publicKeyOf(otherKey), secret);
          expect(told.port).toBe(server.local.port);
          const privateKey = otherKey.slice();
          return { privateKey, presharedKey: secret.slice(), serverPublicKey: told.publicKey };
        },
      },
    }),
  );
  expect(Buffer.from(await enrolling.there(frame)).equals(frame)).toBe(true);
  expect(enrolled.stats().peers).toHaveLength(1);
  expect(() => server.enrol(serverPublicKey, secret)).toThrow(CryptcabError);

  const abort = new AbortController();
  const nobody = connect({
    ...at,
    plug: echo,
    secure: { privateKey: newPrivateKey(), serverPublicKey },
    signal: abort.signal,
  });
  await until('the stranger is refused', () => server.stats().refused['unknown peer'] === 1n);
  abort.abort();
  await expect(nobody).rejects.toMatchObject({ name: 'AbortError' });
});

test('peers that cannot be are told in one line', async () => {
  const privateKey = newPrivateKey();
  const own = serve({
    port: 0,
    plug: echo,
    secure: { privateKey, peers: [{ publicKey: publicKeyOf(privateKey) }] },
  });
  await expect(own).rejects.toThrow(
    new CryptcabError('serve: secure: one of peers cannot be: this public key is our own'),
  );
});

test('nobody answers: the signal ends the waiting, and frees the port', async () => {
  // A port that answers nothing: a server of secure clients alone.
  const deaf = track(await serve({ port: 0, plug: echo, classic: false, secure: {} }));
  const reason = new Error('long enough');
  const abort = new AbortController();
  let bound = 0;
  const started = connect({
    host: '127.0.0.1',
    port: deaf.local.port,
    key: KEY,
    plug: echo,
    signal: abort.signal,
    tap: (_direction, _remote, datagram) => {
      bound = datagram.length;
      abort.abort(reason);
    },
  });
  await expect(started).rejects.toBe(reason);
  expect(bound).toBe(17); // its LOGIN
});

test('a signal ends what runs, as close() does', async () => {
  const abort = new AbortController();
  const server = await serve({ port: 0, key: KEY, plug: echo, signal: abort.signal });
  const events = heard(server);
  abort.abort();
  await server.closed;
  expect(typesOf(events)).toEqual(['close']);
});

test('what cannot start says why, and leaves nothing', async () => {
  const server = track(await serve({ port: 0, key: KEY, plug: echo }));
  const { port } = server.local;
  await expect(serve({ port, key: KEY, plug: echo })).rejects.toThrow(`UDP port ${port} is in use`);
  const lost: OpenPlug = () => ({
    settled: Promise.reject(new CryptcabError('no switch there')),
    write: () => false,
    pause() {},
    resume() {},
    async close() {},
  });
  const plugless = connect({ host: '127.0.0.1', port, key: KEY, plug: lost });
  await expect(plugless).rejects.toThrow(new CryptcabError('no switch there'));
  await expect(serve({ port: 0, key: KEY, plug: lost })).rejects.toThrow('no switch there');
});

test('a server that says no: the log says why, and the client keeps trying until its signal is aborted', async () => {
  const server = track(await serve({ port: 0, key: KEY, plug: echo }));
  const abort = new AbortController();
  const says: string[] = [];
  const log = { ...SILENT, warn: (_: object, line: string) => says.push(line) };
  const { port } = server.local;
  const options = { host: '127.0.0.1', port, key: random.bytes(24), plug: echo, log, signal: abort.signal };
  const client = connect(options);
  client.catch(() => {});
  await until('it is denied', () => says.length > 0);
  expect(says[0]).toMatch(/^127\.0\.0\.1 denied the key: both ends need the same key file/);
  abort.abort();
  await expect(client).rejects.toBe(abort.signal.reason);
});

test('a key by its file', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'cryptcab-library-'));
  try {
    const key = join(directory, 'key');
    writeFileSync(key, KEY, { mode: 0o600 });
    const server = track(await serve({ port: 0, key, plug: echo }));
    const { plug, there } = station();
    track(await connect({ host: '127.0.0.1', port: server.local.port, key, plug }));
    expect((await there(random.bytes(100))).length).toBe(100);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a switch that is lost and back is told of, at both ends', async () => {
  let told: PlugEvents | undefined;
  const plug: OpenPlug = (events) => {
    told = events;
    return echo(events);
  };
  const server = track(await serve({ port: 0, key: KEY, plug }));
  const atServer = heard(server);
  const client = track(await connect({ host: '127.0.0.1', port: server.local.port, key: KEY, plug: echo }));
  const atClient = heard(client);
  await until('the client is up', () => atServer.length > 0);
  told?.lost('it has ended');
  told?.back();
  expect(atServer.slice(1).map(({ type, detail }) => [type, detail])).toEqual([
    ['unplugged', { peer: local(client), why: 'it has ended' }],
    ['plugged', { peer: local(client) }],
  ]);
  await client.close();
  let mine: PlugEvents | undefined;
  const other = track(
    await connect({
      host: '127.0.0.1',
      port: server.local.port,
      key: KEY,
      plug(events) {
        mine = events;
        return echo(events);
      },
    }),
  );
  const atOther = heard(other);
  mine?.lost('it has ended');
  mine?.back();
  await until('both are told', () => atOther.length === 3);
  expect(typesOf(atOther)).toEqual(['up', 'unplugged', 'plugged']);
  expect(typesOf(atClient)).toEqual(['up', 'close']);
});

test('a client that is gone and back: down and up are told', async () => {
  const server = track(await serve({ port: 0, key: KEY, plug: echo }));
  const { port } = server.local;
  const { plug, there } = station();
  const client = track(await connect({ host: '127.0.0.1', port, key: KEY, plug }));
  const events = heard(client);
  await server.close();
  const again = track(await serve({ port, key: KEY, plug: echo }));
  const sending = setInterval(() => void there(random.bytes(60)), 100); // its DENY tells the client
  try {
    await until('it is up again', () => typesOf(events).join() === 'up,down,up');
    expect(events[1]?.detail).toEqual({ peer: local(again), why: 'unknown' });
  } finally {
    clearInterval(sending);
  }
});

test.each(['portable', 'native'] as const)(
  'a server full of peers that have enrolled: who is away makes room, who is up stays, %s',
  async (io) => {
    const secure = { privateKey: newPrivateKey(), enrolledMax: 2 };
    const server = track(await serve({ port: 0, plug: echo, classic: false, secure, io }));
    const enrol = () => server.enrol(publicKeyOf(newPrivateKey()), newPresharedKey());
    const come = async () => {
      const { plug, there } = station();
      const client = await connect({
        host: '127.0.0.1',
        port: server.local.port,
        plug,
        io,
        secure: {
          enrol: async () => {
            const privateKey = newPrivateKey();
            const presharedKey = newPresharedKey();
            const { publicKey: serverPublicKey } = server.enrol(
              publicKeyOf(privateKey),
              presharedKey.slice(),
            );
            return { privateKey, presharedKey, serverPublicKey };
          },
        },
      });
      track(client);
      const frame = random.bytes(300);
      expect(Buffer.from(await there(frame)).equals(frame)).toBe(true);
      return there;
    };
    enrol();
    enrol();
    const first = await come(); // in the place of one who never came
    for (let i = 0; i < 5; i++) enrol();
    const second = await come();
    expect(enrol).toThrow(/^cannot enrol: all places .* are taken \(2\): raise/);
    for (const there of [first, second]) expect(await there(random.bytes(60))).toHaveLength(60);
    expect(server.stats().peers).toHaveLength(2);
  },
);
