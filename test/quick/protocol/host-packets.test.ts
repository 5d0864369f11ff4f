// What becomes of packets and frames: the rows of secure.md §6, both ways and in both families.
import { describe, expect, it } from 'vitest';
import { ETHERTYPE } from '../../../src/protocol/host/ethernet.js';
import { macOf } from '../../../src/protocol/host/mac.js';
import { advertisement, routerSolicitation, solicitation } from '../../../src/protocol/host/nd.js';
import type { HostDrop } from '../../../src/protocol/host/terms.js';
import { randomness } from '../../support/seed.js';
import {
  acquainted,
  DEVICE,
  DEVICE_4,
  DEVICE_6,
  datagram,
  flipped,
  ip,
  mac,
  macText,
  net,
  OTHER,
  ROUTER,
  World,
} from './host-fixture.js';

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
    expect(lost.slice(-3)).toEqual([
      ...['8000: neighbour 10.0.0.254 unknown', '8000: gateway 4 unknown'],
      '13000: does not listen to 10.0.0.254',
    ]);
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
