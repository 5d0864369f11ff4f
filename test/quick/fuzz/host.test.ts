// Whatever comes from a switch and from a device: the machine of a host peer keeps to its own addresses, and to its bounds.
import fc from 'fast-check';
import { expect } from 'vitest';
import { sum } from '../../../src/protocol/host/checksum.js';
import { ETHERTYPE, frameOf, readFrame } from '../../../src/protocol/host/ethernet.js';
import { icmpv6Of } from '../../../src/protocol/host/icmpv6.js';
import { readPacket } from '../../../src/protocol/host/ip.js';
import { multicastMac } from '../../../src/protocol/host/mac.js';
import { advertisement, solicitation } from '../../../src/protocol/host/nd.js';
import type { HostOptions } from '../../../src/protocol/host/terms.js';
import { readUdp, udpOf } from '../../../src/protocol/host/udp.js';
import {
  BROADCAST,
  DEVICE,
  DEVICE_4,
  DEVICE_6,
  datagram,
  ip,
  ipText,
  macText,
  net,
  station,
  World,
} from '../protocol/host-fixture.js';
import { property } from './property.js';

const four = fc.oneof(
  fc.constantFrom(
    DEVICE_4,
    ip('0.0.0.0'),
    ip('255.255.255.255'),
    ip('10.0.0.255'),
    ip('224.0.0.251'),
    ip('192.0.2.1'),
  ),
  fc.nat({ max: 255 }).map((last) => ip(`10.0.0.${last}`)),
);
const six = fc.oneof(
  fc.constantFrom(DEVICE_6, ip('::'), ip('ff02::1'), ip('ff02::1:ff00:7'), ip('ff02::fb'), ip('2001:db8::1')),
  fc.constantFrom(ip('fe80::ff:fe00:7'), station(254).link),
  fc.nat({ max: 255 }).map((last) => ip(`fd00::${last.toString(16)}`)),
);
const anyMac = fc.oneof(
  fc.constantFrom(DEVICE, BROADCAST),
  fc.nat({ max: 255 }).map((last) => station(last).mac),
  fc.uint8Array({ minLength: 6, maxLength: 6 }),
);
const body = fc.uint8Array({ maxLength: 80 });

/** Packets that are likely to be understood. */
const packet = fc.oneof(
  fc.tuple(four, four, fc.nat({ max: 1500 })).map(([from, to, bytes]) => datagram(from, to, bytes)),
  fc.tuple(six, six, fc.nat({ max: 1500 })).map(([from, to, bytes]) => datagram(from, to, bytes)),
  fc.tuple(six, six, six, anyMac).map(([from, to, target, mac]) => solicitation(from, to, target, mac)),
  fc
    .tuple(six, six, anyMac, fc.boolean())
    .map(([target, to, mac, flag]) => advertisement(target, to, mac, flag)),
  fc
    .tuple(six, six, fc.constantFrom(128, 130, 134, 135, 136, 137), body, fc.constantFrom(1, 64, 255))
    .map(([from, to, type, rest, hops]) =>
      icmpv6Of(from, to, Uint8Array.of(type, 0, 0, 0, ...rest), { hops }),
    ),
  fc
    .tuple(fc.constantFrom(2, 5, 6), fc.uint8Array({ minLength: 4, maxLength: 4 }), four, body)
    .map(([type, transaction, address, options]) => {
      const head = Uint8Array.of(
        2,
        1,
        6,
        0,
        ...transaction,
        ...new Uint8Array(8),
        ...address,
        ...new Uint8Array(8),
      );
      const fields = Uint8Array.of(...head, ...DEVICE, ...new Uint8Array(202), 99, 130, 83, 99);
      const data = Uint8Array.of(...fields, 53, 1, type, 54, 4, 10, 0, 0, 2, 51, 4, 0, 0, 0, 9, ...options);
      return udpOf(ip('10.0.0.2'), ip('255.255.255.255'), { from: 67, to: 68, data });
    }),
);
const changed = fc
  .tuple(
    packet,
    fc.array(fc.tuple(fc.nat({ max: 120 }), fc.nat({ max: 255 })), { maxLength: 3 }),
    fc.option(fc.nat()),
  )
  .map(([bytes, changes, cut]) => {
    const copy = bytes.slice(0, cut === null ? undefined : cut % (bytes.length + 1));
    for (const [at, byte] of changes) if (at < copy.length) copy[at] = byte;
    return copy;
  });
/** What a device sends to others, and others to it. */
const talk = fc
  .tuple(
    fc.constantFrom(four, six, fc.constantFrom(ip('192.0.2.1'), ip('2001:db8::1'))),
    fc.boolean(),
    fc.nat({ max: 1500 }),
  )
  .chain(([addresses, fromDevice, bytes]) =>
    addresses.map((other) => {
      const own = other.length === 4 ? DEVICE_4 : DEVICE_6;
      return fromDevice ? datagram(own, other, bytes) : datagram(other, own, bytes);
    }),
  );
const anyPacket = fc.oneof(talk, talk, packet, changed, body);
const arp = fc
  .tuple(fc.constantFrom(1, 2, 3), anyMac, four, anyMac, four)
  .map(([operation, mac, sender, other, target]) =>
    Uint8Array.of(0, 1, 8, 0, 6, 4, 0, operation, ...mac, ...sender, ...other, ...target),
  );
const toGroup = (bytes: Uint8Array) => {
  const destination = readPacket(bytes)?.destination;
  return destination?.[0] === 0xff || (destination?.[0] ?? 0) >= 224
    ? multicastMac(destination as Uint8Array)
    : DEVICE;
};
const frame = fc.oneof(
  fc.tuple(anyMac, anyMac, arp).map(([to, from, payload]) => frameOf(to, from, ETHERTYPE.ARP, payload)),
  fc.tuple(anyMac, anyPacket).map(([from, payload]) => {
    const type = (payload[0] ?? 0) >> 4 === 4 ? ETHERTYPE.IPV4 : ETHERTYPE.IPV6;
    return frameOf(toGroup(payload), from, type, payload);
  }),
  fc.tuple(anyMac, anyMac, fc.nat({ max: 65535 }), body).map((parts) => frameOf(...parts)),
  body,
);

type Step =
  | { readonly what: 'frame' | 'packet'; readonly bytes: Uint8Array }
  | { readonly what: 'pass'; readonly ms: number }
  | { readonly what: 'up' | 'asleep' | 'gone' | 'answer' };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: frame.map((bytes) => ({ what: 'frame' as const, bytes })) },
  { weight: 8, arbitrary: anyPacket.map((bytes) => ({ what: 'packet' as const, bytes })) },
  {
    weight: 4,
    arbitrary: fc
      .constantFrom(0, 1, 400, 1000, 5000, 31_000, 700_000)
      .map((ms) => ({ what: 'pass' as const, ms })),
  },
  { weight: 8, arbitrary: fc.constant({ what: 'answer' as const }) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('up' as const, 'up' as const, 'up' as const, 'asleep' as const, 'gone' as const)
      .map((what) => ({ what })),
  },
);
/** What a station that has the address that is asked for, or a DHCP server, says; nothing to who only looks for its own. */
function answerTo(asked: Uint8Array): Uint8Array | undefined {
  const one = readFrame(asked);
  if (one === undefined) return undefined;
  const { mac } = station(9);
  if (one.type === ETHERTYPE.ARP) {
    const [sender, target] = [one.payload.subarray(14, 18), one.payload.subarray(24, 28)];
    if (sender.every((byte) => byte === 0)) return undefined;
    const reply = Uint8Array.of(0, 1, 8, 0, 6, 4, 0, 2, ...mac, ...target, ...DEVICE, ...sender);
    return frameOf(DEVICE, mac, ETHERTYPE.ARP, reply);
  }
  const packet = readPacket(one.payload);
  if (packet?.protocol === 58 && packet.payload[0] === 135 && packet.source[0] !== 0) {
    const said = advertisement(packet.payload.subarray(8, 24), packet.source, mac, true);
    return frameOf(DEVICE, mac, ETHERTYPE.IPV6, said);
  }
  const udp = packet && readUdp(packet);
  if (udp?.to !== 67) return undefined;
  const message = udp.data.slice(0, 240);
  message[0] = 2;
  message.set([10, 0, 0, 50], 16);
  const options = [
    53,
    1,
    udp.data[242] === 1 ? 2 : 5,
    54,
    4,
    10,
    0,
    0,
    2,
    51,
    4,
    0,
    0,
    0,
    90,
    3,
    4,
    10,
    0,
    0,
    254,
    255,
  ];
  const ports = { from: 67, to: 68, data: Uint8Array.of(...message, ...options) };
  return frameOf(DEVICE, mac, ETHERTYPE.IPV4, udpOf(ip('10.0.0.2'), ip('255.255.255.255'), ports));
}

const options: fc.Arbitrary<Partial<HostOptions>> = fc.record({
  addresses: fc.subarray([net('10.0.0.7/24'), net('fd00::7/64'), net('10.1.0.7/32')]),
  dhcp: fc.boolean(),
  gateways: fc.subarray([ip('10.0.0.254'), ip('fd00::fe')]),
  multicast: fc.constantFrom('all' as const, 'none' as const, ['mdns' as const]),
});

const seen = { frames: 0, packets: 0, notices: 0, leases: 0, gateways: 0 };

/** Steps of the machine's own that may follow one another without time passing. */
const AT_ONCE = 50;

property(
  'a device says nothing to the network but with its MAC address and its own addresses, and asks for time only to use it',
  300,
  fc.property(options, fc.array(step, { minLength: 60, maxLength: 150 }), fc.nat(), (its, steps, seed) => {
    const world = new World(its, seed);
    const leased: string[] = [];
    const given = new Set([
      ...(its.addresses ?? []).map(({ address }) => ipText(address)),
      'fe80::ff:fe00:7',
    ]);
    const isOwn = (text: string) =>
      given.has(text) || leased.includes(text) || text === '0.0.0.0' || text === '::';
    let last = new Uint8Array();
    const look = () => {
      for (const effect of world.machine.take()) {
        if (effect.do === 'packet') {
          seen.packets++;
          const packet = readPacket(effect.packet);
          expect(packet?.bytes.length).toBe(effect.packet.length);
          expect(effect.packet.length).toBeLessThanOrEqual(1420);
        } else if (effect.do === 'notice') {
          seen.notices++;
          if (effect.notice.what === 'lease') {
            seen.leases++;
            leased.push(ipText(effect.notice.address.address));
          }
        } else if (effect.do === 'gateway') seen.gateways++;
        else if (effect.do === 'addresses') expect(effect.own.every((one) => isOwn(ipText(one)))).toBe(true);
        if (effect.do !== 'frame') continue;
        seen.frames++;
        if (answerTo(effect.frame) !== undefined) last = effect.frame.slice();
        const one = readFrame(effect.frame);
        expect(macText(one?.from ?? BROADCAST)).toBe(macText(DEVICE));
        const payload = one?.payload as Uint8Array;
        if (one?.type === ETHERTYPE.ARP) {
          expect(macText(payload.subarray(8, 14))).toBe(macText(DEVICE));
          expect(isOwn(ipText(payload.subarray(14, 18)))).toBe(true);
        } else {
          const packet = readPacket(payload);
          expect(packet?.bytes.length).toBe(payload.length);
          expect(isOwn(ipText(packet?.source as Uint8Array))).toBe(true);
          if (packet?.family === 4 && packet.protocol === 2 && packet.payload[0] === 0x22)
            expect(sum(packet.payload)).toBe(0xffff);
        }
      }
    };
    world.machine.up(world.now);
    look();
    const first = seed % 2 === 0 ? [{ what: 'pass' as const, ms: 2_000 }] : [];
    for (const one of [...first, ...steps]) {
      if (one.what === 'frame') world.machine.frame(world.now, one.bytes);
      else if (one.what === 'answer') world.machine.frame(world.now, answerTo(last) ?? last);
      else if (one.what === 'packet') world.machine.packet(world.now, one.bytes);
      else if (one.what === 'pass') {
        const end = world.now + one.ms;
        for (let at = world.now, times = 0; world.machine.deadline <= end; ) {
          world.now = Math.max(world.now, world.machine.deadline);
          times = world.now === at ? times + 1 : 0;
          at = world.now;
          expect(times).toBeLessThan(AT_ONCE);
          world.machine.tick(world.now);
          look();
        }
        world.now = end;
      } else world.machine[one.what](world.now);
      look();
    }
    world.machine.gone(world.now);
    expect(world.machine.deadline).toBe(Infinity);
  }),
  () => expect(Math.min(...Object.values(seen))).toBeGreaterThan(0),
);
