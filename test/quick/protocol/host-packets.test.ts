// What becomes of packets and frames: the rows of secure.md §6, both ways and in both families.
import { describe, expect, it } from 'vitest';
import { checksum } from '../../../src/protocol/host/checksum.js';
import { ERRORS_OF_ONE } from '../../../src/protocol/host/constants.js';
import { ETHERTYPE } from '../../../src/protocol/host/ethernet.js';
import { clampMss } from '../../../src/protocol/host/fits.js';
import { ICMPV6, icmpv6Of } from '../../../src/protocol/host/icmpv6.js';
import { type Packet, PROTOCOL, packetOf, readPacket } from '../../../src/protocol/host/ip.js';
import { macOf } from '../../../src/protocol/host/mac.js';
import { advertisement, routerSolicitation, solicitation } from '../../../src/protocol/host/nd.js';
import type { HostDrop } from '../../../src/protocol/host/terms.js';
import { randomness } from '../../support/seed.js';
import {
  DEVICE,
  DEVICE_4,
  DEVICE_6,
  datagram,
  ip,
  ipText,
  mac,
  macText,
  net,
  station,
  World,
} from './host-fixture.js';

const OTHER = station(1);
const ROUTER = station(254);

/** A world in which the stations are known. */
function acquainted(options: Parameters<typeof World.settled>[0] = {}): World {
  const world = World.settled(options);
  for (const one of [OTHER, ROUTER]) {
    world.arp('request', one.mac, one.four, DEVICE_4);
    world.toGroup(solicitation(one.six, ip('ff02::1:ff00:7'), DEVICE_6, one.mac), one.mac);
    world.toGroup(solicitation(one.link, ip('ff02::1:ff00:7'), DEVICE_6, one.mac), one.mac);
  }
  return world;
}

describe('the MAC address of a device', () => {
  it('is its own, unicast, locally administered, and always the same', () => {
    const { bytes } = randomness();
    const seen = new Set<string>();
    for (let i = 0; i < 200; i++) {
      const key = bytes(32);
      const one = macOf(key);
      expect([one.length, (one[0] as number) & 3]).toEqual([6, 2]);
      expect(macOf(key.slice())).toEqual(one);
      seen.add(macText(one));
    }
    expect(seen.size).toBe(200);
    expect(macText(new World({ mac: undefined }).machine.mac)).toBe(
      macText(macOf(new Uint8Array(32).fill(9))),
    );
    expect(macText(new World().machine.mac)).toBe(macText(DEVICE));
  });
});

describe('from the switch to the device', () => {
  const four = datagram(OTHER.four, DEVICE_4);
  const six = datagram(OTHER.six, DEVICE_6);

  it.each([
    [four, '10.0.0.7'],
    [six, 'fd00::7'],
    [datagram(OTHER.link, ip('fe80::ff:fe00:7')), 'fe80::ff:fe00:7'],
  ])('what is for its address passes as it is: %#', (packet, to) => {
    const world = acquainted();
    world.machine.frame(
      world.now,
      Uint8Array.of(
        ...DEVICE,
        ...OTHER.mac,
        ...(to.includes(':') ? [0x86, 0xdd] : [8, 0]),
        ...packet,
        0,
        0,
        0,
      ),
    );
    const effects = world.machine.take();
    expect(effects).toEqual([{ do: 'packet', packet }]); // the padding of the frame is gone
  });

  const rows: readonly [why: HostDrop, what: string, (world: World) => unknown][] = [
    ['not its own', 'another MAC address', (world) => world.ip(four, OTHER.mac, mac('52:54:00:00:00:88'))],
    ['not its own', 'its own MAC address as the source', (world) => world.ip(four, DEVICE)],
    [
      'not its own',
      'another IPv4 address',
      (world) => world.ip(datagram(OTHER.four, ip('10.0.0.8')), OTHER.mac),
    ],
    [
      'not its own',
      'another IPv6 address',
      (world) => world.ip(datagram(OTHER.six, ip('fd00::8')), OTHER.mac),
    ],
    [
      'not its own',
      'its address in a frame for all',
      (world) => world.ip(four, OTHER.mac, mac('ff:ff:ff:ff:ff:ff')),
    ],
    [
      'not its own',
      'its address in a frame for a group',
      (world) => world.ip(six, OTHER.mac, mac('33:33:00:00:00:01')),
    ],
    [
      'not taken',
      'another group of IPv4',
      (world) => world.toGroup(datagram(OTHER.four, ip('239.255.255.250')), OTHER.mac),
    ],
    [
      'not taken',
      'another group of IPv6',
      (world) => world.toGroup(datagram(OTHER.six, ip('ff02::c')), OTHER.mac),
    ],
    [
      'not taken',
      'all stations',
      (world) => world.ip(datagram(OTHER.four, ip('255.255.255.255')), OTHER.mac, mac('ff:ff:ff:ff:ff:ff')),
    ],
    [
      'not taken',
      'all stations of the network',
      (world) => world.ip(datagram(OTHER.four, ip('10.0.0.255')), OTHER.mac, mac('ff:ff:ff:ff:ff:ff')),
    ],
    ['not ip', 'another protocol', (world) => world.frame(DEVICE, OTHER.mac, 0x88cc, new Uint8Array(46))],
    ['not ip', 'a tag', (world) => world.frame(DEVICE, OTHER.mac, 0x8100, new Uint8Array(46))],
    ['malformed', 'less than a header', (world) => world.machine.frame(world.now, new Uint8Array(13))],
    ['malformed', 'a group as the source', (world) => world.ip(four, mac('01:00:5e:00:00:01'))],
    ['malformed', 'a packet cut off', (world) => world.ip(four.subarray(0, -1), OTHER.mac)],
    ['malformed', 'an IPv6 packet cut off', (world) => world.ip(six.subarray(0, -1), OTHER.mac)],
    ['malformed', 'no packet', (world) => world.frame(DEVICE, OTHER.mac, ETHERTYPE.IPV4, new Uint8Array(46))],
    ['malformed', 'the other family', (world) => world.frame(DEVICE, OTHER.mac, ETHERTYPE.IPV6, four)],
    [
      'malformed',
      'ARP cut off',
      (world) => world.frame(DEVICE, OTHER.mac, ETHERTYPE.ARP, new Uint8Array(20)),
    ],
    [
      'malformed',
      'a solicitation with a wrong checksum',
      (world) =>
        world.toGroup(
          flipped(solicitation(OTHER.six, ip('ff02::1:ff00:7'), DEVICE_6, OTHER.mac), 60),
          OTHER.mac,
        ),
    ],
    [
      'malformed',
      'a solicitation that a router let through',
      (world) =>
        world.toGroup(
          flipped(solicitation(OTHER.six, ip('ff02::1:ff00:7'), DEVICE_6, OTHER.mac), 7),
          OTHER.mac,
        ),
    ],
  ];
  it.each(rows)('%s: %s', (why, _, happens) => {
    const world = acquainted();
    happens(world);
    expect(world.took()).toEqual([]);
    expect([...world.machine.dropped]).toEqual([[why, 1n]]);
  });

  it.each([
    ['all', true, true, true, true],
    ['none', false, false, false, false],
    [['mdns'], true, false, false, false],
    [['ssdp'], false, true, false, false],
    [['mdns', 'ssdp'], true, true, false, false],
    [['llmnr'], false, false, false, false],
  ] as const)('multicast=%s: mdns %s, ssdp %s, other groups %s, broadcasts %s', (multicast, ...taken) => {
    const world = acquainted({ multicast });
    const came = (packet: Uint8Array) => world.toGroup(packet, OTHER.mac).length === 1;
    const both = (one: string, other: string) => {
      const [a, b] = [came(datagram(OTHER.four, ip(one))), came(datagram(OTHER.six, ip(other)))];
      expect(a).toBe(b);
      return a;
    };
    const broadcast =
      world.ip(datagram(OTHER.four, ip('255.255.255.255')), OTHER.mac, mac('ff:ff:ff:ff:ff:ff')).length === 1;
    expect([
      both('224.0.0.251', 'ff02::fb'),
      both('239.255.255.250', 'ff02::c'),
      both('239.1.2.3', 'ff05::1:3'),
      broadcast,
    ]).toEqual(taken);
  });

  it('a device with one family takes no multicast of the other', () => {
    const [one, other] = [
      World.settled({ multicast: 'all', addresses: [net('10.0.0.7/24')] }),
      World.settled({ multicast: 'all', addresses: [net('fd00::7/64')] }),
    ];
    expect(one.toGroup(datagram(OTHER.six, ip('ff02::fb')), OTHER.mac)).toEqual([]);
    expect(one.toGroup(datagram(OTHER.four, ip('224.0.0.251')), OTHER.mac)).toHaveLength(1);
    expect(other.toGroup(datagram(OTHER.four, ip('224.0.0.251')), OTHER.mac)).toEqual([]);
    expect(other.toGroup(datagram(OTHER.six, ip('ff02::fb')), OTHER.mac)).toHaveLength(1);
    expect(one.machine.linkLocal).toBe(undefined);
  });
});

function flipped(packet: Uint8Array, at: number): Uint8Array {
  const copy = packet.slice();
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
}

/** An IPv6 packet whose message is behind an extension header. */
function hidden(packet: Uint8Array, header: number): Uint8Array {
  const copy = new Uint8Array(packet.length + 8);
  copy.set(packet.subarray(0, 40));
  copy.set([packet[6] as number, 0], 40);
  copy.set(packet.subarray(40), 48);
  copy[6] = header;
  new DataView(copy.buffer).setUint16(4, copy.length - 40);
  return copy;
}

describe('from the device to the switch', () => {
  it.each([
    ['10.0.0.1', '10.0.0.7', macText(OTHER.mac)],
    ['fd00::1', 'fd00::7', macText(OTHER.mac)],
    ['fe80::5054:ff:fe00:1', 'fe80::ff:fe00:7', macText(OTHER.mac)],
    ['192.0.2.1', '10.0.0.7', macText(ROUTER.mac)],
    ['2001:db8::1', 'fd00::7', macText(ROUTER.mac)],
    ['224.0.0.251', '10.0.0.7', '01:00:5e:00:00:fb'],
    ['239.255.255.250', '10.0.0.7', '01:00:5e:7f:ff:fa'],
    ['ff02::fb', 'fd00::7', '33:33:00:00:00:fb'],
    ['255.255.255.255', '10.0.0.7', 'ff:ff:ff:ff:ff:ff'],
    ['10.0.0.255', '10.0.0.7', 'ff:ff:ff:ff:ff:ff'],
  ])('to %s from %s: to %s, as it is', (to, from, where) => {
    const world = acquainted({ gateways: [ROUTER.four, ROUTER.six] });
    const packet = datagram(ip(from), ip(to));
    world.machine.packet(world.now, Uint8Array.of(...packet, 0, 0, 0, 0)); // WireGuard pads to 16 bytes
    const frames = world.machine.take().filter((effect) => effect.do === 'frame');
    expect(frames).toHaveLength(1);
    const [{ frame }] = frames as [(typeof frames)[number]];
    expect([macText(frame.subarray(0, 6)), macText(frame.subarray(6, 12))]).toEqual([where, macText(DEVICE)]);
    expect(frame.subarray(14)).toEqual(packet);
  });

  it('the core is told of the gateway when something has gone by it', () => {
    const world = acquainted({ gateways: [ROUTER.four, ROUTER.six] });
    expect(world.device(datagram(DEVICE_4, ip('192.0.2.1')))).toEqual([
      `ip 10.0.0.7 > 192.0.2.1 to ${macText(ROUTER.mac)}`,
      `neighbour 10.0.0.254 ${macText(ROUTER.mac)}`,
      `gateway 4 ${macText(ROUTER.mac)}`,
    ]);
    const lost = world.pass(60_000);
    expect(lost.slice(-2)).toEqual(['8000: neighbour 10.0.0.254 unknown', '8000: gateway 4 unknown']);
    world.device(datagram(DEVICE_4, ip('192.0.2.1')));
    world.pass(3_000);
    expect(world.device(datagram(DEVICE_4, ip('192.0.2.1')))).toEqual(['no gateway 4']);
    expect(world.device(datagram(DEVICE_4, ip('192.0.2.1')))).toEqual([]);
    world.arp('request', ROUTER.mac, ROUTER.four, DEVICE_4);
    expect(world.device(datagram(DEVICE_4, ip('192.0.2.1')))).toContain(`gateway 4 ${macText(ROUTER.mac)}`);
  });

  const evil = advertisement(OTHER.six, ip('ff02::1'), DEVICE, false);
  const rows: readonly [why: HostDrop, what: string, packet: Uint8Array][] = [
    ['source', 'another address', datagram(ip('10.0.0.8'), OTHER.four)],
    ['source', 'another IPv6 address', datagram(ip('fd00::8'), OTHER.six)],
    ['source', 'the link-local address of another', datagram(OTHER.link, OTHER.six)],
    ['source', 'no address', datagram(ip('0.0.0.0'), ip('255.255.255.255'))],
    ['source', 'no IPv6 address', datagram(ip('::'), ip('ff02::1'))],
    ['source', 'an announcement of another', evil],
    ['no route', 'itself', datagram(DEVICE_4, DEVICE_4)],
    ['no route', 'another network', datagram(DEVICE_4, ip('192.0.2.1'))],
    ['no route', 'another IPv6 network', datagram(DEVICE_6, ip('2001:db8::1'))],
    ['no route', 'a loopback address', datagram(DEVICE_4, ip('127.0.0.1'))],
    ['no route', 'the IPv6 loopback address', datagram(DEVICE_6, ip('::1'))],
    ['no route', 'no address', datagram(DEVICE_4, ip('0.0.0.0'))],
    ['no route', 'a reserved address', datagram(DEVICE_4, ip('240.0.0.1'))],
    ['no route', 'a group of its own', datagram(DEVICE_6, ip('ff01::1'))],
    ['malformed', 'no packet', new Uint8Array(40)],
    ['malformed', 'nothing', new Uint8Array()],
    ['malformed', 'a packet cut off', datagram(DEVICE_4, OTHER.four).subarray(0, 27)],
    ['neighbour discovery', 'an advertisement', advertisement(DEVICE_6, ip('ff02::1'), OTHER.mac, false)],
    [
      'neighbour discovery',
      'a solicitation',
      solicitation(DEVICE_6, ip('ff02::1:ff00:1'), OTHER.six, OTHER.mac),
    ],
    ['neighbour discovery', 'a router solicitation', routerSolicitation(DEVICE_6, ip('ff02::2'), OTHER.mac)],
    [
      'neighbour discovery',
      'one behind hop-by-hop options',
      hidden(advertisement(DEVICE_6, ip('ff02::1'), OTHER.mac, false), 0),
    ],
    [
      'neighbour discovery',
      'one behind destination options',
      hidden(advertisement(DEVICE_6, ip('ff02::1'), OTHER.mac, false), 60),
    ],
    [
      'neighbour discovery',
      'one behind a fragment header',
      hidden(advertisement(DEVICE_6, ip('ff02::1'), OTHER.mac, false), 44),
    ],
    [
      'neighbour discovery',
      'one behind a fragment header with something in its reserved byte',
      hidden(advertisement(DEVICE_6, ip('ff02::1'), OTHER.mac, false), 44).map((byte, i) =>
        i === 41 ? 5 : byte,
      ),
    ],
    [
      'malformed',
      'an extension header that does not end',
      hidden(datagram(DEVICE_6, OTHER.six), 0).map((byte, i) => (i === 41 ? 9 : byte)),
    ],
  ];
  it.each(rows)('%s: %s', (why, _, packet) => {
    const world = acquainted();
    expect(world.device(packet).filter((line) => !line.startsWith('no gateway'))).toEqual([]);
    expect([...world.machine.dropped]).toEqual([[why, 1n]]);
  });
});

describe('the gateway of IPv6', () => {
  /** A router advertisement. @param networks the prefix, its flags and how long it holds */
  function announced(
    seconds: number,
    preference = 0,
    networks: readonly [string, number][] = [],
    from = ROUTER,
  ): Uint8Array {
    const options = networks.flatMap(([text, valid]) => {
      const { address, bits } = net(text);
      return [3, 4, bits, 0xc0, 0, 0, valid >> 8, valid & 255, ...new Uint8Array(8), ...address];
    });
    const message = Uint8Array.of(
      134,
      0,
      0,
      0,
      64,
      (preference & 3) << 3,
      seconds >> 8,
      seconds & 255,
      ...new Uint8Array(8),
      1,
      1,
      ...from.mac,
      ...options,
    );
    return icmpv6Of(from.link, ip('ff02::1'), message, { hops: 255 });
  }
  const away = datagram(DEVICE_6, ip('2001:db8::1'));

  it('is the router that has announced itself, until its time is over', () => {
    const world = World.settled();
    expect(world.device(away)).toEqual(['no gateway 6']);
    world.toGroup(announced(100), ROUTER.mac);
    expect(world.device(away)).toContain(`gateway 6 ${macText(ROUTER.mac)}`);
    const said = world.pass(100_000);
    expect(said.at(-1)).toContain('gateway 6 unknown');
    expect(world.device(away)).toEqual(['no gateway 6']);
  });

  it('that says that it is none any more is none', () => {
    const world = World.settled();
    world.toGroup(announced(1800), ROUTER.mac);
    world.device(away);
    expect(world.toGroup(announced(0), ROUTER.mac)).toEqual(['gateway 6 unknown']);
    world.toGroup(announced(1800), ROUTER.mac);
    world.device(away);
    // An advertisement of a station without the flag of routers (RFC 4861 §7.2.5).
    expect(world.toGroup(advertisement(ROUTER.link, ip('ff02::1'), ROUTER.mac, false), ROUTER.mac)).toEqual([
      'gateway 6 unknown',
    ]);
  });

  it('is the preferred one, and another when that does not answer', () => {
    const world = World.settled();
    const better = station(253);
    world.toGroup(announced(1800), ROUTER.mac);
    world.toGroup(announced(1800, 1, [], better), better.mac);
    expect(world.device(away)).toContain(`gateway 6 ${macText(better.mac)}`);
    for (const time of [9_000, 60_000]) {
      world.pass(time);
      world.toGroup(announced(1800), ROUTER.mac);
      expect(world.device(away)).toContain(`gateway 6 ${macText(ROUTER.mac)}`);
    }
    world.toGroup(announced(1800, 1, [], better), better.mac);
    expect(world.device(away)).toContain(`gateway 6 ${macText(better.mac)}`);
  });

  it('is the one that was given, whatever routers say', () => {
    const world = acquainted({ gateways: [OTHER.six] });
    world.toGroup(announced(1800, 1), ROUTER.mac);
    expect(world.device(away)).toContain(`gateway 6 ${macText(OTHER.mac)}`);
  });

  it('is not used for networks that a router says are on the link, as long as it says so', () => {
    const world = World.settled();
    expect(world.toGroup(announced(1800, 0, [['2001:db8::/64', 60]]), ROUTER.mac)).toEqual([
      'own 10.0.0.7 fd00::7 fe80::ff:fe00:7; on link fe80::/10 10.0.0.7/24 fd00::7/64 2001:db8::/64',
    ]);
    expect(world.device(away)).toEqual([
      'ns 2001:db8::1 fe80::ff:fe00:7 > ff02::1:ff00:1 to 33:33:ff:00:00:01',
    ]);
    expect(world.pass(60_000).at(-1)).toBe(
      '60000: own 10.0.0.7 fd00::7 fe80::ff:fe00:7; on link fe80::/10 10.0.0.7/24 fd00::7/64',
    );
    world.toGroup(announced(1800, 0, [['2001:db8::/64', 60]]), ROUTER.mac);
    world.took();
    expect(world.toGroup(announced(1800, 0, [['2001:db8::/64', 0]]), ROUTER.mac)).toHaveLength(1);
  });

  it.each([
    ['a message that a router let through', announced(1800).map((byte, i) => (i === 7 ? 254 : byte))],
    ['a wrong checksum', flipped(announced(1800), 50)],
    [
      'a source that is not link-local',
      icmpv6Of(ROUTER.six, ip('ff02::1'), announced(1800).slice(40), { hops: 255 }),
    ],
    [
      'an option of length 0',
      icmpv6Of(
        ROUTER.link,
        ip('ff02::1'),
        Uint8Array.of(134, ...new Uint8Array(5), 7, 8, ...new Uint8Array(8), 1, 0, ...ROUTER.mac),
        { hops: 255 },
      ),
    ],
  ])('%s is passed over', (_, packet) => {
    const world = World.settled();
    world.toGroup(packet, ROUTER.mac);
    expect(world.device(away)).toEqual(['no gateway 6']);
    expect(world.dropped('malformed')).toBe(1);
  });
});

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

  it('nobody is told too often', () => {
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
