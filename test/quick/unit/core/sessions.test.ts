// The core as others get it: sessions hold what they are given or refuse it, and none touches another, whatever is done to it.
import { describe, expect, test } from 'vitest';
import * as face from '../../../../src/core/index.js';
import { Core, CryptcabError, type Keying, type TransportKeys } from '../../../../src/core/index.js';
import { rounds } from '../../../support/rounds.js';
import { randomness } from '../../../support/seed.js';
import { hex } from './harness.js';

const random = randomness();
const { bytes, below } = random;

/** What a session opened: this frame and no more. Compared as hex, which is quicker than element by element. */
function expectFrame(opened: object, frame: Uint8Array): void {
  expect(Object.keys(opened)).toEqual(['frame']);
  expect(hex((opened as { frame: Uint8Array }).frame)).toBe(hex(frame));
}

const keyings = (): Keying[] => [
  { suite: 'plain' },
  { suite: 'blowfish', key: bytes(24) },
  { suite: 'chacha20', key: bytes(44), block: 0 },
  { suite: 'chacha20', key: bytes(44), block: 12 },
];

/** What is no such thing for the compiler. */
const wrong = <T>(value: unknown) => value as T;

function transportKeys(): [TransportKeys, TransportKeys] {
  const [one, other] = [bytes(32), bytes(32)];
  return [
    { send: one, receive: other, local: 7, remote: 0xffff_ffff },
    { send: other, receive: one, local: 0xffff_ffff, remote: 7 },
  ];
}

/** Two secure sessions with a keypair in common. */
function pair(core: Core, path = 1452) {
  const keys = transportKeys();
  return keys.map((one) => {
    const session = core.openSecureSession(path);
    session.install(0, one);
    session.use(0);
    return session;
  }) as [face.SecureSession, face.SecureSession];
}

test('what is exported has no method of the hosts, which trust who calls', async () => {
  expect(Object.keys(face).sort()).toEqual(['Core', 'CryptcabError', 'STATUS', 'keyingText']);
  const core = await Core.load();
  const session = core.openSession({ suite: 'plain' });
  const secure = core.openSecureSession(1452);
  const seen = [core, session, secure].flatMap((object) => {
    const names: string[] = Object.keys(object);
    for (let at = Object.getPrototypeOf(object); at !== Object.prototype; at = Object.getPrototypeOf(at))
      names.push(...Object.getOwnPropertyNames(at));
    return names;
  });
  for (const name of ['ring', 'memory', 'layout', 'closeSession', 'readStream', 'installKeypair', 'knowPort'])
    expect(seen).not.toContain(name);
});

describe('a classic session', () => {
  test('seals frames of every length, and opens each datagram once', async () => {
    const core = await Core.load();
    for (const keying of keyings()) {
      const [near, far] = [core.openSession(keying), core.openSession(keying)];
      for (const length of [
        14,
        15,
        60,
        61,
        1514,
        9215,
        9216,
        ...Array.from({ length: rounds(20) }, () => 14 + below(9203)),
      ]) {
        const frame = bytes(length);
        const datagram = near.seal(frame);
        expect(datagram[0]).toBe(0x20);
        expectFrame(far.open(datagram), frame);
        if (keying.suite !== 'plain') expect(far.open(datagram)).toEqual({ refused: 'replayed' });
      }
      for (const session of [near, far]) session.dispose();
    }
  });

  test('what comes is opened or refused, and nothing else: any length, any bytes', async () => {
    const core = await Core.load();
    for (const keying of keyings().slice(1)) {
      const [near, far] = [core.openSession(keying), core.openSession(keying)];
      for (const length of [0, 1, 13, 255, 9255, 9256, 9257, 20_000, 70_000, 4 << 20])
        expect(far.open(bytes(length))).toHaveProperty('refused');
      for (let i = 0; i < rounds(200); i++) expect(far.open(bytes(below(12_000)))).toHaveProperty('refused');
      const frame = bytes(100);
      expect(far.open(near.seal(frame))).toEqual({ frame });
      expect(Object.keys(far.counts().refused).length).toBeGreaterThan(0);
      expect(far.counts().opened).toBe(1n);
    }
  });

  test('another length of a frame, or what are no bytes, is a RangeError; the session goes on', async () => {
    const core = await Core.load();
    const [near, far] = [core.openSession({ suite: 'plain' }, 1979), core.openSession({ suite: 'plain' })];
    for (const frame of [
      bytes(0),
      bytes(13),
      bytes(1980),
      bytes(9217),
      bytes(70_000),
      wrong('a frame'),
      wrong(undefined),
    ])
      expect(() => near.seal(wrong(frame))).toThrow(RangeError);
    for (const datagram of ['text', undefined, 5, [1, 2]])
      expect(() => far.open(wrong(datagram))).toThrow(RangeError);
    const frame = bytes(1979);
    expect(far.open(near.seal(frame))).toEqual({ frame });
  });

  test.each<[string, unknown]>([
    ['a suite that is none', { suite: 'aes', key: bytes(44) }],
    ['no suite', {}],
    ['a short key for Blowfish', { suite: 'blowfish', key: bytes(23) }],
    ['a short key for ChaCha20', { suite: 'chacha20', key: bytes(31), block: 0 }],
    ['a key that is text', { suite: 'blowfish', key: 'a key of more than enough characters' }],
    ['no key', { suite: 'chacha20', block: 0 }],
    ['a block that is none', { suite: 'chacha20', key: bytes(44), block: 1 }],
    ['no block', { suite: 'chacha20', key: bytes(44) }],
  ])('%s is a RangeError', async (_what, keying) => {
    const core = await Core.load();
    const challenge = bytes(128);
    expect(() => core.openSession(wrong(keying))).toThrow(RangeError);
    expect(() => core.sealResponse(wrong(keying), challenge)).toThrow(RangeError);
    expect(() => core.verifyResponse(wrong(keying), bytes(137), challenge)).toThrow(RangeError);
  });

  test.each([13, 9217, 1.5, Number.NaN, -1, 2 ** 32 + 100])(
    'a longest frame of %s is a RangeError',
    async (most) => {
      const core = await Core.load();
      expect(() => core.openSession({ suite: 'plain' }, most)).toThrow(RangeError);
    },
  );

  test('a challenge of another length is a RangeError, a response of any length is right or wrong', async () => {
    const core = await Core.load();
    for (const keying of keyings()) {
      const challenge = bytes(128);
      for (const length of [0, 127, 129, 70_000]) {
        expect(() => core.sealResponse(keying, bytes(length))).toThrow(RangeError);
        expect(() => core.verifyResponse(keying, bytes(137), bytes(length))).toThrow(RangeError);
      }
      for (const length of [0, 1, 20_000, 70_000, 4 << 20])
        expect(core.verifyResponse(keying, bytes(length), challenge)).toBe(false);
      expect(core.verifyResponse(keying, core.sealResponse(keying, challenge), challenge)).toBe(true);
    }
  });
});

test('a session that was disposed of twice is given to one peer alone', async () => {
  const core = await Core.load();
  const [first, key] = [core.openSession({ suite: 'blowfish', key: bytes(24) }), bytes(24)];
  first.dispose();
  first.dispose();
  const [one, other] = [
    core.openSession({ suite: 'blowfish', key }),
    core.openSession({ suite: 'blowfish', key: bytes(24) }),
  ];
  const peer = core.openSession({ suite: 'blowfish', key });
  first.dispose();
  const frame = bytes(60);
  const datagram = peer.seal(frame);
  expect(other.open(datagram)).toHaveProperty('refused');
  expect(one.open(datagram)).toEqual({ frame });
  for (const use of [() => first.seal(frame), () => first.open(datagram), () => first.counts()])
    expect(use).toThrow(new CryptcabError('this session has been disposed of'));
});

test('a session that was disposed of leaves no key to the next one', async () => {
  const core = await Core.load();
  const [near] = pair(core);
  near.dispose();
  const next = core.openSecureSession(1452);
  expect(() => next.seal(bytes(60))).toThrow(new CryptcabError('cannot seal: no key'));
  expect(() => near.seal(bytes(60))).toThrow(CryptcabError);
  expect(() => near.install(0, transportKeys()[0])).toThrow(CryptcabError);
});

describe('a secure session', () => {
  test('carries frames of every length, in fragments where the path is narrow', async () => {
    const core = await Core.load();
    for (const path of [508, 1452, 9251]) {
      const [near, far] = pair(core, path);
      for (const length of [
        14,
        61,
        1400,
        1514,
        9216,
        ...Array.from({ length: rounds(20) }, () => 14 + below(9203)),
      ]) {
        const frame = bytes(length);
        const messages = near.seal(frame);
        for (const message of messages) expect(message.length).toBeLessThanOrEqual(path);
        const opened = messages.map((message) => far.open(message, 0));
        const frames = opened.flatMap((one) => ('frames' in one ? one.frames : []));
        expect(frames.map(hex)).toEqual([hex(frame)]);
        expect(far.open(messages[0] as Uint8Array, 0)).toEqual({ refused: 'replayed' });
      }
      expect(far.open(near.keepalive(), 0)).toEqual({ frames: [], controls: [], place: 0, data: false });
      expect(near.messagesSealed(0)).toBeGreaterThan(BigInt(5 + rounds(20)));
    }
  });

  test('what comes is opened or refused, and nothing else', async () => {
    const core = await Core.load();
    const [near, far] = pair(core);
    for (const length of [0, 1, 31, 32, 9251, 9252, 20_000, 4 << 20])
      expect(far.open(bytes(length), 0)).toHaveProperty('refused');
    expect(far.counts().refused).not.toEqual({});
    const frame = bytes(1514);
    expect(
      near
        .seal(frame)
        .map((message) => far.open(message, 0))
        .at(-1),
    ).toHaveProperty('frames', [frame]);
  });

  test.each([-1, 3, 9, 0.5, Number.NaN, 2 ** 32, wrong<number>('0'), wrong<number>(undefined)])(
    'place %s is a RangeError, and touches no other session',
    async (place) => {
      const core = await Core.load();
      const [near, far] = pair(core);
      for (const use of [
        () => near.install(place, transportKeys()[0]),
        () => near.use(place),
        () => near.drop(place),
        () => near.messagesSealed(place),
      ])
        expect(use).toThrow(RangeError);
      const frame = bytes(60);
      expect(far.open(near.seal(frame)[0] as Uint8Array, 0)).toHaveProperty('frames', [frame]);
    },
  );

  test('a place without a keypair neither seals nor can be dropped', async () => {
    const core = await Core.load();
    const [near] = pair(core);
    expect(() => near.use(1)).toThrow(RangeError);
    near.drop(0);
    expect(() => near.drop(0)).toThrow(RangeError);
    expect(() => near.seal(bytes(60))).toThrow('cannot seal: no key');
  });

  test('keys and indices that are none are RangeErrors', async () => {
    const core = await Core.load();
    const session = core.openSecureSession(1452);
    const [keys] = transportKeys();
    for (const part of [
      { send: bytes(31) },
      { receive: bytes(33) },
      { send: wrong<Uint8Array>('x'.repeat(32)) },
      { local: -1 },
      { local: 2 ** 32 },
      { remote: 0.5 },
      { remote: wrong<number>(undefined) },
    ])
      expect(() => session.install(0, { ...keys, ...part })).toThrow(RangeError);
    for (const length of [0, 13, 9217, 70_000]) expect(() => session.seal(bytes(length))).toThrow(RangeError);
  });

  test.each([0, 507, 9252, 1e9, Number.NaN, 1000.5])('a path of %s is a RangeError', async (path) => {
    const core = await Core.load();
    expect(() => core.openSecureSession(path)).toThrow(RangeError);
    expect(() => core.openSecureSession(1452).setPath(path)).toThrow(RangeError);
  });
});

test('the methods of the hosts refuse what would write over another part of the memory', async () => {
  const { Core: Host } = await import('../../../../src/core/core.js');
  const core = await Host.load();
  const session = core.openSession() as number;
  const before = Buffer.from(core.ring.bytes);
  const [keys] = transportKeys();
  for (const use of [
    () => core.ring.push(session, bytes(20_000)),
    () => core.ring.pushTransport(session, bytes(20_000)),
    () => core.readStream(session, new Uint8Array(4 << 20)),
    () => core.readStream(session, new Uint8Array(core.pieceMax + 1)),
    () => core.installKeypair(session, 9, keys),
    () => core.dropKeypair(session, 3),
    () => core.useKeypair(session, -1),
    () => core.keySession(session, wrong({ suite: 'aes', key: bytes(44) })),
    () => core.closeSession(session + 1),
  ])
    expect(use).toThrow(RangeError);
  expect(Buffer.from(core.ring.bytes).equals(before)).toBe(true);
  core.closeSession(session);
  expect(() => core.closeSession(session)).toThrow(RangeError);
});
