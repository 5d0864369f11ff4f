import { beforeAll, describe, expect, it } from 'vitest';
import { checked, stepsOf } from '../../../site/cables.js';
import { fieldsOf, framesOf, payloadOf } from '../../../site/frame.js';
import { bytesOf, counterOf, equal, hexOf, indexOf, keyOf, macOf } from '../../../site/hex.js';
import { blowfishReading, blowfishSteps } from '../../../site/steps/blowfish.js';
import { chacha20Reading, chacha20Steps } from '../../../site/steps/chacha20.js';
import { cut, frameParts, type Step, wholeOf } from '../../../site/steps/parts.js';
import { payloadReading, secureSteps } from '../../../site/steps/secure.js';
import { PATH, type Secret, Workshop } from '../../../site/workshop.js';
import blowfish from '../../../vectors/foreign/capture-blowfish.json' with { type: 'json' };
import mbedtls from '../../../vectors/foreign/capture-chacha-mbedtls.json' with { type: 'json' };
import wolfssl from '../../../vectors/foreign/capture-chacha-wolfssl.json' with { type: 'json' };
import { randomness } from '../../support/seed.js';
import { Transport } from './core/secure-twins.js';

let workshop: Workshop;
beforeAll(async () => {
  workshop = await Workshop.open();
});

/** The datagram that the last step shows. */
const made = (steps: readonly Step[]): Uint8Array => wholeOf(steps.at(-1)?.parts ?? []);

interface Capture {
  readonly testGroups: readonly { key: string; tests: readonly { datagram: string }[] }[];
}

const keyIn = ({ testGroups }: Capture): Uint8Array => bytesOf(testGroups[0]?.key ?? '');
const dataOf = ({ testGroups }: Capture): Uint8Array[] =>
  testGroups
    .flatMap(({ tests }) => tests.map(({ datagram }) => bytesOf(datagram)))
    .filter(([type]) => type === 0x20);

const counterIn = (parts: readonly { field: string; bytes: Uint8Array }[]): bigint => {
  const bytes = parts.find(({ field }) => field === 'counter')?.bytes as Uint8Array;
  return Buffer.from(bytes).readBigUInt64LE();
};

describe('the steps of the page come to what the C program sent, and so does the core', () => {
  it('Blowfish', () => {
    const key = keyIn(blowfish);
    const secret: Secret = { suite: 'blowfish', key };
    const data = dataOf(blowfish);
    expect(data.length).toBeGreaterThan(30);
    for (const datagram of data) {
      const [opened, again] = workshop.open(secret, [datagram, datagram]);
      expect(opened).toMatchObject({ status: 'ok', frames: 1, faults: [] });
      expect(again).toMatchObject({ status: 'replayed', frames: 0 });
      const frame = opened?.bytes as Uint8Array;
      const reading = blowfishReading(workshop.primitives, key, datagram);
      expect(hexOf(wholeOf(reading.slice(0, 4)))).toBe(hexOf(frame));
      const counter = counterIn(reading);
      expect(hexOf(made(blowfishSteps(workshop.primitives, key, counter, frame)))).toBe(hexOf(datagram));
      expect(hexOf(workshop.seal(secret, counter, [frame]).datagram)).toBe(hexOf(datagram));
    }
  });

  it.each([
    ['wolfSSL', wolfssl, 12],
    ['mbedTLS', mbedtls, 0],
  ] as const)('ChaCha20, built with %s', (_, capture, block) => {
    const key = keyIn(capture);
    const secret: Secret = { suite: 'chacha20', key, block };
    const data = dataOf(capture);
    expect(data.length).toBeGreaterThan(20);
    for (const datagram of data) {
      const [opened] = workshop.open(secret, [datagram]);
      expect(opened).toMatchObject({ status: 'ok', frames: 1 });
      const frame = opened?.bytes as Uint8Array;
      const reading = chacha20Reading(workshop.primitives, key, block, datagram);
      expect(hexOf(wholeOf(reading.slice(0, 4)))).toBe(hexOf(frame));
      const counter = counterIn(reading);
      expect(hexOf(made(chacha20Steps(workshop.primitives, key, block, counter, frame)))).toBe(
        hexOf(datagram),
      );
      expect(hexOf(workshop.seal(secret, counter, [frame]).datagram)).toBe(hexOf(datagram));
    }
  });
});

describe('the steps of the secure cable', () => {
  const { bytes } = randomness();

  it('come to what the core and a slow twin seal', () => {
    for (const lengths of [[14], [60], [15, 16, 17], [1417], [700, 700]]) {
      const key = bytes(32);
      const frames = lengths.map(bytes);
      const secret: Secret = { suite: 'secure', key, index: 0xfedcba98 };
      const counter = 2n ** 40n + 5n;
      const message = made(secureSteps(workshop.primitives, key, secret.index, counter, frames));
      const { status, datagram } = workshop.seal(secret, counter, frames);
      expect(status).toBe('ok');
      expect(hexOf(datagram)).toBe(hexOf(message));
      const twin = new Transport(key, secret.index).open(Buffer.from(message));
      const [opened, again] = workshop.open(secret, [message, message]);
      expect(opened).toMatchObject({ status: 'ok', frames: frames.length, faults: [] });
      expect(hexOf(opened?.bytes as Uint8Array)).toBe(hexOf(twin.payload));
      expect(again?.status).toBe('replayed');
      const parts = payloadReading(twin.payload);
      expect(hexOf(wholeOf(parts))).toBe(hexOf(twin.payload));
      expect(parts.filter(({ field }) => field === 'length')).toHaveLength(frames.length);
    }
  });

  it('refuse what one datagram does not hold', () => {
    const steps = (length: number) => secureSteps(workshop.primitives, bytes(32), 1, 0n, [bytes(length)]);
    expect(made(steps(PATH - 35))).toHaveLength(PATH);
    expect(() => steps(PATH - 34)).toThrow(/1453 bytes/);
  });

  it('an authentic payload that is none is told of', () => {
    const key = bytes(32);
    const transport = new Transport(key, 7);
    const open = (payload: Uint8Array) =>
      workshop.open({ suite: 'secure', key, index: 7 }, [transport.seal(0n, payload)])[0];
    expect(open(bytesOf('01 0100 00'))).toMatchObject({
      status: 'ok',
      frames: 0,
      faults: ['malformed record'],
    });
    expect(open(bytesOf('45 00'))).toMatchObject({ status: 'ok', frames: 0, faults: ['ip'] });
    expect(open(new Uint8Array())).toMatchObject({ status: 'ok', frames: 0, faults: [] });
    expect(payloadReading(bytesOf('01 0100 00')).map(({ field }) => field)).toEqual(['kind', 'unknown']);
  });
});

it('takes the core’s bytes, and tells when the steps come to others', () => {
  const secret: Secret = { suite: 'secure', key: new Uint8Array(32), index: 1 };
  const frames = [new Uint8Array(20)];
  const steps = stepsOf(workshop.primitives, secret, 3n, frames);
  const sealed = workshop.seal(secret, 3n, frames);
  expect(hexOf(made(checked(steps, sealed) ?? []))).toBe(hexOf(sealed.datagram));
  const other = sealed.datagram.map((byte, i) => (i === 30 ? byte ^ 1 : byte));
  expect(checked(steps, { ...sealed, datagram: other })).toBeUndefined();
  expect(checked(steps, { ...sealed, datagram: other.subarray(1) })).toBeUndefined();
});

it('tells why a datagram is refused', () => {
  const key = keyIn(blowfish);
  const secret: Secret = { suite: 'blowfish', key };
  const datagram = dataOf(blowfish)[0] as Uint8Array;
  const flipped = (at: number) => datagram.map((byte, i) => (i === at ? byte ^ 1 : byte));
  const status = (bytes: Uint8Array) => workshop.open(secret, [bytes])[0]?.status;
  expect(status(flipped(0))).toBe('other type');
  expect(status(flipped(1))).toBe('bad checksum');
  expect(status(flipped(datagram.length - 1))).toBe('bad padding');
  expect(status(datagram.subarray(0, -1))).toBe('bad length');
  expect(status(new Uint8Array(20_000).fill(0x20))).toBe('bad length');
  expect(status(new Uint8Array())).toBe('other type');
  expect(workshop.seal(secret, 0n, [new Uint8Array(60)])).toMatchObject({ status: 'counter exhausted' });
});

describe('what people type', () => {
  it('is taken as it is usually written', () => {
    expect(hexOf(bytesOf(' 0xAA bb:cC\n'))).toBe('aabbcc');
    expect(hexOf(macOf('52-54-00-12-34-56'))).toBe('525400123456');
    expect(counterOf('18446744073709551615')).toBe(2n ** 64n - 1n);
    expect(indexOf('0xffffffff')).toBe(0xffffffff);
    expect(equal(bytesOf('0102'), Uint8Array.of(1, 2))).toBe(true);
    expect(framesOf(`${'00'.repeat(14)}\n\n${'11'.repeat(15)}\n`, 9216)).toHaveLength(2);
  });

  it.each([
    [() => bytesOf('0g'), "'g' is no hex digit: take 0-9 and a-f"],
    [() => bytesOf('0'), '1 hex digits are half a byte too many or too few'],
    [() => macOf('52:54:00'), 'a MAC address has 6 bytes, as 52:54:00:12:34:56; this has 3'],
    [() => counterOf('-1'), 'a counter is a whole number, decimal or with 0x before it'],
    [() => counterOf('18446744073709551616'), 'a counter is at most 18446744073709551615'],
    [() => indexOf('4294967296'), 'an index is at most 4294967295'],
    [() => keyOf('0011', 24), 'the key has 24 bytes; this has 2'],
    [() => framesOf(' \n', 9216), 'give a frame, in hex'],
    [() => framesOf('00', 9216), 'a frame has 14 to 9216 bytes; this has 1'],
    [() => framesOf(`${'00'.repeat(14)}\nzz`, 9216), "line 2: 'z' is no hex digit: take 0-9 and a-f"],
  ])('or refused in one line', (parse, message) => {
    expect(parse).toThrow(message);
  });

  it('a frame is its fields', () => {
    const frame = bytesOf(`ffffffffffff 525400123456 88b5 ${hexOf(payloadOf('grüß dich'))}`);
    const fields = fieldsOf(frame);
    expect(fields).toEqual({
      destination: 'ff:ff:ff:ff:ff:ff',
      source: '52:54:00:12:34:56',
      ethertype: '88b5',
      text: 'grüß dich',
    });
    expect(fieldsOf(bytesOf(`${'00'.repeat(14)}ff`)).text).toBeUndefined();
    expect(hexOf(wholeOf(cut(frameParts(frame), 5, 13)))).toBe(hexOf(frame.subarray(5, 13)));
  });
});
