// A port in memory: frames come as they were sent, together where they were sent together, and one who throws harms nobody.
import { expect, test } from 'vitest';
import { until } from '../../lab/process.js';
import {
  CryptcabError,
  connect,
  type Log,
  type MemoryPort,
  memoryPort,
  type OpenPlug,
  serve,
} from '../../src/index.js';
import { SILENT } from '../../src/log.js';
import { randomness } from '../support/seed.js';

const { bytes } = randomness();
const KEY = bytes(24);
const IO = ['portable', 'native'] as const;

/** Something that hears what a port hands on. */
function listener() {
  const frames: Uint8Array[] = [];
  return { frames, port: memoryPort((frame) => frames.push(frame.slice())) };
}

/** A server of one memoryPort, or of what opens plugs, and what a client needs for it. */
async function served(plug: OpenPlug, io: (typeof IO)[number], options: object = {}) {
  const common = { key: KEY, io, bind: '127.0.0.1' } as const;
  const server = await serve({ ...common, port: 0, plug, ...options });
  const client = (open: OpenPlug, more: object = {}) =>
    connect({ ...common, host: '127.0.0.1', port: server.local.port, plug: open, ...more });
  return { server, client };
}

test('what is longer than a frame can be is a RangeError, and nothing of it arrives', async () => {
  const port = memoryPort(() => {});
  const pieces: Uint8Array[] = [];
  const plug = port.open({ stream: (piece) => pieces.push(piece), lost() {}, back() {} });
  await plug.settled;
  for (const frame of [bytes(65_536), bytes(70_000), 'text', undefined])
    expect(() => port.send(frame as Uint8Array)).toThrow(RangeError);
  expect(port.send(bytes(60))).toBe(true);
  await Promise.resolve();
  expect(pieces.map(({ length }) => length)).toEqual([62]);
});

test('frames of one turn are one piece; those of the next another; what is handed over may be used again', async () => {
  const port = memoryPort(() => {});
  const pieces: string[] = [];
  port.open({ stream: (piece) => pieces.push(Buffer.from(piece).toString('hex')), lost() {}, back() {} });
  const frame = Uint8Array.of(1, 2);
  port.send(frame);
  frame.fill(3);
  port.send(frame);
  await Promise.resolve();
  port.send(Uint8Array.of(4));
  await Promise.resolve();
  expect(pieces).toEqual(['0002010200020303', '000104']);
});

test('while the cable has stopped the stream frames wait, as many as fit, and go when it goes on', async () => {
  const port = memoryPort(() => {});
  let got = 0;
  const plug = port.open({
    stream: (piece) => {
      got += piece.length;
    },
    lost() {},
    back() {},
  });
  plug.pause();
  let taken = 0;
  while (port.send(bytes(1_000))) taken++;
  expect(taken).toBeGreaterThan(1_000);
  expect(taken).toBeLessThan(5_000);
  await Promise.resolve();
  expect(got).toBe(0);
  plug.resume();
  await Promise.resolve();
  expect(got).toBe(taken * 1_002);
  await plug.close();
  expect(port.send(bytes(60))).toBe(false);
});

test('a second cable waits for the port, which the first one keeps', async () => {
  const port = memoryPort(() => {});
  const told: string[] = [];
  const events = (name: string) => ({
    stream: () => told.push(`${name}: piece`),
    lost: (why: string) => told.push(`${name}: ${why.slice(0, 34)}`),
    back: () => told.push(`${name}: back`),
  });
  const first = port.open(events('first'));
  const second = port.open(events('second'));
  const third = port.open(events('third'));
  await first.settled;
  for (const plug of [second, third]) await expect(plug.settled).rejects.toThrow(CryptcabError);
  expect(second.write(Uint8Array.of(0, 1, 1))).toBe(false);
  second.pause();
  port.send(bytes(60));
  await Promise.resolve();
  await third.close();
  await first.close();
  await first.close();
  port.send(bytes(60));
  await Promise.resolve();
  expect(told).toEqual([
    'second: this memoryPort is plugged in alre',
    'third: this memoryPort is plugged in alre',
    'first: piece',
    'second: back',
    'second: piece',
  ]);
});

test.each(IO)('frames arrive as long as they were sent, odd ones too, %s', async (io) => {
  const [near, far] = [listener(), listener()];
  const { server, client } = await served(far.port.open, io);
  await using _server = server;
  await using _client = await client(near.port.open);
  const sent = [14, 15, 60, 61, 1_513, 9_215].map(bytes);
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const) {
    await until('the port takes frames', () => from.port.send(sent[0] as Uint8Array));
    await until('a frame came', () => to.frames.length > 0);
    to.frames.length = 0;
    for (const frame of sent) from.port.send(frame);
    await until('all came', () => to.frames.length >= sent.length);
    expect(to.frames.map((frame) => Buffer.from(frame).toString('hex'))).toEqual(
      sent.map((frame) => Buffer.from(frame).toString('hex')),
    );
    to.frames.length = 0;
  }
});

test.each(IO)(
  'of a port that is given to a server, the second client hears that it is taken, and gets it next, %s',
  async (io) => {
    const far = listener();
    const { server, client } = await served(far.port.open, io);
    await using _server = server;
    const unplugged: string[] = [];
    server.addEventListener('unplugged', ({ detail }) => unplugged.push(detail.why));
    const [one, other] = [listener(), listener()];
    const first = await client(one.port.open);
    await until('the first is up', () => server.stats().peers.length === 1);
    await using _second = await client(other.port.open);
    await until('the second is told', () => unplugged.length > 0);
    expect(unplugged[0]).toMatch(/plugged in already/);
    one.port.send(bytes(61));
    await until('the first goes on', () => far.frames.length === 1);
    await first.close();
  },
);

test('frames of one turn travel in one message of the secure cable', async () => {
  const far = listener();
  const wire: number[] = [];
  const privateKey = bytes(32);
  const { publicKeyOf } = await import('../../src/index.js');
  const mine = bytes(32);
  const { server, client } = await served(far.port.open, 'portable', {
    key: undefined,
    classic: false,
    secure: { privateKey, peers: [{ publicKey: publicKeyOf(mine) }] },
  });
  await using _server = server;
  const near = listener();
  await using _client = await client(near.port.open, {
    key: undefined,
    secure: { privateKey: mine, serverPublicKey: publicKeyOf(privateKey) },
    tap: (direction: string, _remote: unknown, datagram: Uint8Array) => {
      // Shorter ones are what the two ends say to each other.
      if (direction === 'out' && datagram[0] === 4 && datagram.length > 92) wire.push(datagram.length);
    },
  });
  for (let i = 0; i < 10; i++) near.port.send(bytes(60));
  await until('all came', () => far.frames.length === 10);
  expect(wire).toHaveLength(1);
});

/** A log that keeps its errors. */
function errors(): { log: Log; said: string[] } {
  const said: string[] = [];
  return { said, log: { ...SILENT, error: (_, line) => said.push(line) } };
}

test.each(IO)(
  'a receive, and a tap, that throw: the frame is lost, the rest and the cable go on, and the log says so, %s',
  async (io) => {
    const { log, said } = errors();
    let count = 0;
    const got: number[] = [];
    const open: OpenPlug = (events) =>
      memoryPort((frame) => {
        count++;
        if (count % 2 === 1) throw new Error('no receiver');
        got.push(frame.length);
      }).open(events);
    const tap = () => {
      throw new Error('no tap');
    };
    const { server, client } = await served(open, io, { log, tap });
    await using _server = server;
    const near: MemoryPort = memoryPort(() => {});
    await using _client = await client(near.open);
    for (let i = 0; i < 400; i++) near.send(bytes(60 + (i % 2)));
    await until('frames came', () => count >= 400);
    for (let i = 0; i < 400; i++) near.send(bytes(100));
    await until('and go on', () => count >= 800);
    expect(got).toHaveLength(400);
    expect(said.filter((line) => line === 'plug: write has thrown: no receiver')).toHaveLength(1);
    expect(said.filter((line) => line === 'tap has thrown: no tap')).toHaveLength(1);
  },
);

test.each<[string, OpenPlug]>([
  [
    'that throws when it is opened',
    () => {
      throw new Error('no plug');
    },
  ],
  ['that is none', (() => undefined) as unknown as OpenPlug],
  [
    'whose promise rejects with anything',
    (events) => ({ ...memoryPort(() => {}).open(events), settled: Promise.reject(new TypeError('no plug')) }),
  ],
  [
    'that cannot be opened, nor closed',
    (events) => ({
      ...memoryPort(() => {}).open(events),
      settled: Promise.reject(new CryptcabError('no plug')),
      close: () => Promise.reject(new Error('cannot close')),
    }),
  ],
])('a plug %s ends what starts with it, by one line', async (_what, plug) => {
  for (const io of IO) {
    const started = serve({ port: 0, bind: '127.0.0.1', key: KEY, plug, io });
    await expect(started).rejects.toThrow(CryptcabError);
  }
});

test.each(IO)('a plug that throws for one client leaves the others, %s', async (io) => {
  const { log, said } = errors();
  let opened = 0;
  const got: number[] = [];
  const open: OpenPlug = (events) => {
    opened++;
    if (opened === 2) throw new Error('not this one');
    return {
      ...memoryPort((frame) => got.push(frame.length)).open(events),
      close: async () => {
        throw new Error('no close');
      },
    };
  };
  const { server, client } = await served(open, io, { log });
  await using _server = server;
  await using _none = await client(memoryPort(() => {}).open);
  await until('it was opened for the first one', () => opened === 2);
  const near = memoryPort(() => {});
  await using _one = await client(near.open);
  near.send(bytes(61));
  await until('a frame of the second one came', () => got.length === 1);
  expect(said).toContain('plug has thrown: not this one');
  expect(said).toContain('plug: close has thrown: no close');
});

test.each(IO)('the plug that a server tries at its start is closed once, %s', async (io) => {
  let closed = 0;
  const open: OpenPlug = (events) => {
    const plug = memoryPort(() => {}).open(events);
    return {
      ...plug,
      close: () => {
        closed++;
        return plug.close();
      },
    };
  };
  const server = await serve({ port: 0, bind: '127.0.0.1', key: KEY, plug: open, io });
  await server.close();
  expect(closed).toBe(1);
});
