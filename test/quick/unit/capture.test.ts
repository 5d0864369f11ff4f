// What captures are made of: pcapng, IP headers, the frames in a payload, and the ring that copies come by.
import { describe, expect, test } from 'vitest';
import { Copies, KIND } from '../../../src/cable/copies/copies.js';
import { FramesIn } from '../../../src/cable/copies/frames-in.js';
import { ipPacket } from '../../../src/ends/capture/ip.js';
import {
  BlockCounter,
  interfaceDescription,
  interfaceStatistics,
  packet,
  sectionHeader,
} from '../../../src/ends/capture/pcapng.js';
import { addressBytes } from '../../../src/network/address.js';
import { randomness } from '../../support/seed.js';

const { bytes } = randomness();
const hex = (one: Uint8Array | undefined) =>
  one && [...one].map((byte) => byte.toString(16).padStart(2, '0')).join('');

describe('pcapng', () => {
  test('blocks, byte for byte', () => {
    // By the draft: section header, interface description, enhanced packet and interface statistics blocks, and their options.
    expect(hex(sectionHeader('me'))).toBe(
      '0a0d0d0a' +
        '28000000' +
        '4d3c2b1a' +
        '0100' +
        '0000' +
        'ffffffffffffffff' +
        '0400' +
        '0200' +
        '6d650000' +
        '00000000' +
        '28000000',
    );
    expect(hex(interfaceDescription(1, 'anna', ''))).toBe(
      '01000000' +
        '20000000' +
        '0100' +
        '0000' +
        '00000400' +
        '0200' +
        '0400' +
        '616e6e61' +
        '00000000' +
        '20000000',
    );
    // 2^32 + 5 µs
    expect(hex(packet(2, 4294967.301, 'out', Uint8Array.of(7, 8, 9)))).toBe(
      '06000000' +
        '30000000' +
        '02000000' +
        '01000000' +
        '05000000' +
        '03000000' +
        '03000000' +
        '07080900' +
        '0200' +
        '0400' +
        '02000000' +
        '00000000' +
        '30000000',
    );
    expect(hex(interfaceStatistics(2, 0.001, 2 ** 32 + 1, 3))).toBe(
      '05000000' +
        '34000000' +
        '02000000' +
        '00000000' +
        '01000000' +
        '0400' +
        '0800' +
        '0100000001000000' +
        '0500' +
        '0800' +
        '0300000000000000' +
        '00000000' +
        '34000000',
    );
  });

  test('what passes is counted, however it is cut', () => {
    const all = Uint8Array.from(
      [
        sectionHeader('x'),
        interfaceDescription(1, 'a', 'b'),
        ...[0, 1, 13].map((length) => packet(0, 1, 'in', bytes(length))),
        interfaceStatistics(0, 1, 9, 2 ** 33),
        interfaceStatistics(0, 1, 9, 5),
      ].flatMap((block) => [...block]),
    );
    for (const step of [1, 3, 50, all.length]) {
      const counter = new BlockCounter();
      for (let at = 0; at < all.length; at += step)
        expect(counter.push(all.subarray(at, at + step))).toBe(true);
      expect(counter).toMatchObject({ packets: 3, interfaces: 1, dropped: 2 ** 33 + 5, whole: true });
    }
    const cut = new BlockCounter();
    cut.push(all.subarray(0, 100));
    expect(cut.whole).toBe(false);
  });

  test('what is none is refused', () => {
    expect(new BlockCounter().push(new TextEncoder().encode('{"error":"so"}'))).toBe(false);
  });
});

describe('IP', () => {
  test.each([
    ['192.0.2.1', 'c0000201'],
    ['::', '00'.repeat(16)],
    ['::1', `${'00'.repeat(15)}01`],
    ['2001:db8::5:6', '20010db8000000000000000000050006'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['fe80::1%eth0', 'fe800000000000000000000000000001'],
    ['::ffff:192.0.2.1', '00000000000000000000ffffc0000201'],
    ['192.0.2', undefined],
    ['192.0.2.256', undefined],
    ['1:2', undefined],
    ['1::2::3', undefined],
    ['1:2:3:4:5:6:7:8:9', undefined],
    ['host.example', undefined],
  ])('%s', (text, expected) => expect(hex(addressBytes(text))).toBe(expected));

  test('a datagram with its headers', () => {
    const [from, to] = [
      { address: '192.0.2.1', port: 1 },
      { address: '192.0.2.2', port: 0x1df3 },
    ];
    // The sum of all words of a right header is 0xffff (RFC 1071).
    expect(hex(ipPacket(from, to, Uint8Array.of(0xab)))).toBe(
      '4500001d000000004011' + 'f6cc' + 'c0000201' + 'c0000202' + '0001' + '1df3' + '0009' + '0000' + 'ab',
    );
    const six = ipPacket(
      { address: '::', port: 1 },
      { address: '2001:db8::2', port: 2 },
      Uint8Array.of(1, 2, 3),
    );
    expect(hex(six.subarray(0, 8))).toBe('60000000000b1140');
    expect(hex(six.subarray(8, 24))).toBe('00'.repeat(16));
    const words = [...six.subarray(8), 0].reduce(
      (sum, byte, i) => sum + (i % 2 === 0 ? byte << 8 : byte),
      17 + 11,
    );
    expect((words & 0xffff) + (words >> 16)).toBe(0xffff);
  });
});

describe('frames in payloads', () => {
  const whole = (frame: Uint8Array) => [frame.length >> 8, frame.length & 255, ...frame];
  const part = (id: number, index: number, count: number, of: Uint8Array) => [
    0x80 | (of.length >> 8),
    of.length & 255,
    id >> 8,
    id & 255,
    index,
    count,
    ...of,
  ];
  const payload = (...records: number[][]) => Uint8Array.from([1, ...records.flat()]);

  test('whole ones, and fragments in any order', () => {
    const reader = new FramesIn();
    const [one, two, three] = [bytes(14), bytes(300), bytes(60)] as [Uint8Array, Uint8Array, Uint8Array];
    const cut = [two.subarray(0, 100), two.subarray(100, 250), two.subarray(250)] as const;
    expect(reader.read(payload(whole(one), part(5, 2, 3, cut[2])), 0)).toEqual([one]);
    expect(reader.read(payload(part(5, 0, 3, cut[0])), 10)).toEqual([]);
    expect(reader.read(payload(part(5, 1, 3, cut[1]), whole(three)), 20)).toEqual([two, three]);
  });

  test('what came too late, or is of another frame with the same number, begins anew', () => {
    const reader = new FramesIn();
    const [a, b] = [bytes(20), bytes(20)] as [Uint8Array, Uint8Array];
    reader.read(payload(part(1, 0, 2, a)), 0);
    expect(reader.read(payload(part(1, 1, 2, b)), 1_500)).toEqual([]);
    expect(reader.read(payload(part(1, 0, 2, a)), 1_600)).toEqual([Uint8Array.of(...a, ...b)]);
    reader.read(payload(part(2, 0, 2, a)), 2_000);
    reader.read(payload(part(2, 0, 2, b)), 2_000);
    expect(reader.read(payload(part(2, 1, 2, a)), 2_000)).toEqual([Uint8Array.of(...b, ...a)]);
  });

  test('other payloads, and what is malformed, hold none', () => {
    const reader = new FramesIn();
    const frame = bytes(20);
    expect(reader.read(new Uint8Array(), 0)).toEqual([]);
    expect(reader.read(Uint8Array.from([2, ...whole(frame)]), 0)).toEqual([]);
    expect(reader.read(payload(whole(frame), [0, 40, 1]), 0)).toEqual([frame]);
    expect(reader.read(payload(whole(bytes(13)), part(1, 3, 3, frame), whole(frame)), 0)).toEqual([frame]);
  });
});

describe('the ring of copies', () => {
  const put = (ring: Copies, length: number, session = 3) =>
    ring.put(KIND.frame, 'in', session, undefined, new Uint8Array(length).fill(length), 0, length);

  test('what is published is taken once, in order, but what was retracted', () => {
    const [writer, from] = [new Copies(10), bytes(64)];
    const reader = new Copies(10, writer.memory);
    writer.put(KIND.datagram, 'in', 7, Uint8Array.of(1, 2), from, 4, 20);
    const refused = writer.put(KIND.payload, 'out', 8, undefined, from, 0, 9);
    writer.put(KIND.frame, 'out', 9, undefined, from, 1, 1);
    expect(reader.take()).toEqual([]);
    writer.retract(refused as number);
    writer.publish();
    const none = new Uint8Array();
    expect(reader.take()).toMatchObject([
      {
        kind: KIND.datagram,
        direction: 'in',
        session: 7,
        way: Uint8Array.of(1, 2),
        bytes: from.slice(4, 24),
      },
      { kind: KIND.frame, direction: 'out', session: 9, way: none, bytes: from.slice(1, 2) },
    ]);
    expect(reader.take()).toEqual([]);
  });

  test('what finds no room is counted by session; the ring comes round', () => {
    const ring = new Copies(10);
    for (let round = 0; round < 5; round++) {
      let count = 0;
      while (put(ring, 5_000 + round) !== undefined) count++;
      expect(count).toBeGreaterThan(1_600);
      expect(ring.takeLost(3)).toBe(1);
      expect(ring.takeLost(3)).toBe(0);
      ring.publish();
      const taken = ring.take();
      expect(taken.length).toBe(count);
      expect(
        taken.every(
          (one) => one.bytes.length === 5_000 + round && one.bytes.at(-1) === ((5_000 + round) & 255),
        ),
      ).toBe(true);
    }
  });

  test('who is not wanted is known to who writes', () => {
    const ring = new Copies(10);
    expect(ring.wants(9)).toBe(true);
    ring.skip(9, true);
    expect([ring.wants(9), ring.wants(8)]).toEqual([false, true]);
    ring.skip(9, false);
    expect(ring.wants(9)).toBe(true);
  });
});
