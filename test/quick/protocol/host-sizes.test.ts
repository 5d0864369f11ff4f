// Packets that are too big for a device, and the MSS of its connections (secure.md §6).
import { describe, expect, it } from 'vitest';
import { checksum } from '../../../src/protocol/host/checksum.js';
import { ERRORS_OF_ONE } from '../../../src/protocol/host/constants.js';
import { clampMss } from '../../../src/protocol/host/fits.js';
import { ICMPV6, icmpv6Of } from '../../../src/protocol/host/icmpv6.js';
import { type Packet, PROTOCOL, packetOf, readPacket } from '../../../src/protocol/host/ip.js';
import { randomness } from '../../support/seed.js';
import {
  acquainted,
  DEVICE,
  DEVICE_4,
  DEVICE_6,
  datagram,
  flipped,
  ip,
  ipText,
  mac,
  macText,
  OTHER,
} from './host-fixture.js';

describe('sizes', () => {
  it.each([4, 6] as const)('IPv%i: who sends a packet that is too big is told', (family) => {
    const world = acquainted({ packetMax: 1420 });
    const [own, other] = family === 4 ? [DEVICE_4, OTHER.four] : [DEVICE_6, OTHER.six];
    const header = family === 4 ? 28 : 48;
    expect(world.ip(datagram(other, own, 1420 - header), OTHER.mac)).toHaveLength(1);
    const large = datagram(other, own, 1421 - header);
    world.machine.frame(
      world.now,
      Uint8Array.of(...DEVICE, ...OTHER.mac, ...(family === 4 ? [8, 0] : [0x86, 0xdd]), ...large),
    );
    const effects = world.machine.take();
    expect(effects).toHaveLength(1);
    const [effect] = effects;
    if (effect?.do !== 'frame') throw new Error('no answer');
    expect(macText(effect.frame.subarray(0, 6))).toBe(macText(OTHER.mac));
    const answer = readPacket(effect.frame.subarray(14)) as Packet;
    expect([ipText(answer.source), ipText(answer.destination)]).toEqual([ipText(own), ipText(other)]);
    const { payload } = answer;
    if (family === 4) {
      expect([...payload.subarray(0, 2), ...payload.subarray(4, 8)]).toEqual([
        3,
        4,
        0,
        0,
        1420 >> 8,
        1420 & 255,
      ]);
      expect(answer.bytes.length).toBe(576);
    } else {
      expect([...payload.subarray(0, 2), ...payload.subarray(4, 8)]).toEqual([
        2,
        0,
        0,
        0,
        1420 >> 8,
        1420 & 255,
      ]);
      expect(checksum(answer.source, answer.destination, PROTOCOL.ICMPV6, payload)).toBe(0);
      expect(answer.bytes.length).toBe(1280);
    }
    expect(payload.subarray(8)).toEqual(large.subarray(0, payload.length - 8));
    expect(world.dropped('too big')).toBe(1);
    world.machine.packetMax = 1500;
    expect(world.ip(large, OTHER.mac)).toHaveLength(1);
  });

  it('nobody gets too many errors', () => {
    const world = acquainted();
    const large = datagram(OTHER.four, DEVICE_4, 1500);
    let told = 0;
    for (let i = 0; i < 100; i++) told += world.ip(large, OTHER.mac).length;
    expect(told).toBe(ERRORS_OF_ONE.burst);
    world.now += 1000;
    expect(world.ip(large, OTHER.mac)).toHaveLength(1);
    expect(world.dropped('too big')).toBe(101);
  });

  const later = (packet: Uint8Array) => packet.map((byte, i) => (i === 7 ? byte | 1 : i === 6 ? 0 : byte));
  const error4 = packetOf({
    source: OTHER.four,
    destination: DEVICE_4,
    protocol: 1,
    hops: 64,
    payload: Uint8Array.of(3, 1, ...new Uint8Array(1500)),
  });
  const error6 = icmpv6Of(OTHER.six, DEVICE_6, Uint8Array.of(ICMPV6.TOO_BIG, ...new Uint8Array(1500)), {
    hops: 64,
  });
  it.each([
    ['a later part of a packet', later(datagram(OTHER.four, DEVICE_4, 1500))],
    ['an error', error4],
    ['an error of IPv6', error6],
    ['a packet from nobody', datagram(ip('0.0.0.0'), DEVICE_4, 1500)],
    ['a packet from a group', datagram(ip('224.0.0.251'), DEVICE_4, 1500)],
    ['a packet for a group', datagram(OTHER.four, ip('224.0.0.251'), 1500)],
  ])('%s is answered by no error', (_, packet) => {
    const world = acquainted();
    const to = packet[16] === 224 ? mac('01:00:5e:00:00:fb') : DEVICE;
    expect(world.ip(packet, OTHER.mac, to)).toEqual([]);
    expect(world.dropped('too big')).toBe(1);
  });
});

describe('the MSS of a SYN', () => {
  function segment(family: 4 | 6, flags: number, options: readonly number[]): Uint8Array {
    const [source, destination] = family === 4 ? [DEVICE_4, OTHER.four] : [DEVICE_6, OTHER.six];
    const payload = Uint8Array.of(
      4,
      0,
      0,
      80,
      ...new Uint8Array(8),
      ((20 + options.length) / 4) << 4,
      flags,
      255,
      255,
      0,
      0,
      0,
      0,
      ...options,
    );
    const its = checksum(source, destination, PROTOCOL.TCP, payload);
    payload.set([its >> 8, its & 255], 16);
    return packetOf({ source, destination, protocol: PROTOCOL.TCP, hops: 64, payload });
  }
  const mss = (most: number) => [2, 4, most >> 8, most & 255];
  const packet = (bytes: Uint8Array) => readPacket(bytes) as Packet;
  const intact = ({ source, destination, payload }: Packet) =>
    checksum(source, destination, PROTOCOL.TCP, payload) === 0;

  it.each([
    [4, mss(1460), mss(1380)],
    [4, mss(1380), mss(1380)],
    [4, mss(536), mss(536)],
    [4, [1, ...mss(1460), 1, 1, 1], [1, ...mss(1380), 1, 1, 1]],
    [4, [4, 2, ...mss(65535), 1, 0], [4, 2, ...mss(1380), 1, 0]],
    [4, [0, ...mss(1460), 0, 0, 0], [0, ...mss(1460), 0, 0, 0]],
    [4, [3, 9, ...mss(1460), 0, 0], [3, 9, ...mss(1460), 0, 0]],
    [4, [8, 0, ...mss(1460), 0, 0], [8, 0, ...mss(1460), 0, 0]],
    [4, [], []],
    [6, mss(1440), mss(1360)],
    [6, mss(1360), mss(1360)],
  ] as const)('IPv%i: options %j become %j', (family, before, after) => {
    for (const flags of [0x02, 0x12]) {
      const one = segment(family, flags, before);
      clampMss(packet(one), 1420);
      expect(one).toEqual(segment(family, flags, after));
      expect(intact(packet(one))).toBe(true);
      const other = segment(family, 0x10, before);
      const copy = other.slice();
      clampMss(packet(copy), 1420);
      expect(copy).toEqual(other);
    }
  });

  it('is made to fit both ways, whatever the checksum was', () => {
    const world = acquainted();
    const syn = segment(4, 2, mss(1460));
    world.machine.packet(world.now, syn);
    const [effect] = world.machine.take();
    expect(effect?.do === 'frame' && effect.frame.subarray(14)).toEqual(segment(4, 2, mss(1380)));
    expect(syn).toEqual(segment(4, 2, mss(1460))); // what the machine was given stays
    const wrong = flipped(syn, 37);
    clampMss(packet(wrong), 1420);
    expect(intact(packet(wrong))).toBe(false);
    const { below } = randomness();
    for (let i = 0; i < 500; i++) {
      const any = segment(4, 2, [1, ...mss(below(65536)), 1, 0, 0]);
      clampMss(packet(any), 100 + below(3000));
      expect(intact(packet(any))).toBe(true);
    }
  });
});
