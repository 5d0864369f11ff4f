// A stock WireGuard device on the Ethernet (secure.md §6): frames and packets, both ways.
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Random } from '../../protocol/classic/session-key.js';
import { solicitedNode } from '../../protocol/host/address.js';
import { arpOf } from '../../protocol/host/arp.js';
import { checksum } from '../../protocol/host/checksum.js';
import { ETHERTYPE, frameOf } from '../../protocol/host/ethernet.js';
import { icmpv6Of } from '../../protocol/host/icmpv6.js';
import { PROTOCOL, packetOf } from '../../protocol/host/ip.js';
import { BROADCAST_MAC, linkLocalOf, macOf, multicastMac } from '../../protocol/host/mac.js';
import { advertisement, solicitation } from '../../protocol/host/nd.js';
import { udpOf } from '../../protocol/host/udp.js';
import { type Outcome, tracedHost } from '../traces.js';
import { type Draft, type DraftTest, type Maker, valid } from './draft.js';
import { model, openssl } from './oracles.js';
import { hex, Recording, unhex } from './recording.js';

const v4 = (...bytes: number[]) => Uint8Array.from(bytes);
/** An address of fd00::/64, or of another network whose first word is told. */
const v6 = (last: number, first = 0xfd00, ...next: number[]) =>
  Uint8Array.of(first >> 8, first & 255, ...next, ...new Uint8Array(13 - next.length), last);

const DEVICE = { four: v4(10, 0, 0, 7), six: v6(7) };
/** A device with one of the families. */
const FOUR = { addresses: [{ address: hex(DEVICE.four), bits: 24 }] };
const SIX = { addresses: [{ address: hex(DEVICE.six), bits: 64 }] };
const station = (last: number) => {
  const mac = Uint8Array.of(0x52, 0x54, 0, 0, 0, last);
  return { mac, four: v4(10, 0, 0, last), six: v6(last), link: linkLocalOf(mac) };
};
const [STATION, SERVER, ROUTER] = [station(1), station(2), station(254)];
const ELSEWHERE = { four: v4(192, 0, 2, 1), six: v6(1, 0x2001, 0x0d, 0xb8) };
const EVERYBODY = v4(255, 255, 255, 255);
const MDNS = { four: v4(224, 0, 0, 251), six: v6(0xfb, 0xff02) };
const [ALL_NODES, ALL_HOSTS] = [v6(1, 0xff02), v4(224, 0, 0, 1)];
const PACKET_MAX = 1280;

const udp = (source: Uint8Array, destination: Uint8Array, bytes: number): Uint8Array => {
  const data = utf8ToBytes('x'.repeat(bytes));
  if (source.length === 4) return udpOf(source, destination, { from: 40000, to: 5353, data });
  const payload = Uint8Array.of(0x9c, 0x40, 0x14, 0xe9, (8 + bytes) >> 8, (8 + bytes) & 255, 0, 0, ...data);
  return sealed(source, destination, PROTOCOL.UDP, payload, 6);
};

/** A packet with the checksum of what is in it. @param at where that is */
function sealed(
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
  payload: Uint8Array,
  at: number,
) {
  const its = checksum(source, destination, protocol, payload) || 0xffff;
  payload.set([its >> 8, its & 255], at);
  return packetOf({ source, destination, protocol, hops: 64, payload });
}

const syn = (source: Uint8Array, destination: Uint8Array, mss: number) => {
  const head = [0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x60, 2, 0xff, 0xff, 0, 0, 0, 0];
  return sealed(source, destination, PROTOCOL.TCP, Uint8Array.of(...head, 2, 4, mss >> 8, mss & 255), 16);
};

/** A device that is being recorded. */
class Device {
  readonly mac: Uint8Array;
  readonly #recording: Recording;
  #last: Outcome = { effects: [] };

  constructor(random: Random, options: object = {}) {
    const publicKey = random(32);
    this.mac = macOf(publicKey);
    const addresses = [...FOUR.addresses, ...SIX.addresses];
    const usual = { publicKey: hex(publicKey), addresses, multicast: ['mdns'], packetMax: PACKET_MAX };
    this.#recording = new Recording(random, { ...usual, ...options }, tracedHost);
  }

  get now(): number {
    return this.#recording.now;
  }

  /** The last frame that was sent, of those that were sent at once. */
  get lastFrame(): Uint8Array {
    const frames = this.#last.effects as { readonly do: string; readonly frame: string }[];
    return unhex(frames.filter((effect) => effect.do === 'frame').at(-1)?.frame ?? '');
  }

  /** Its port opens; all that follows by itself happens in this time, ms. */
  up(ms = 10_000): this {
    return this.tell('up').pass(ms);
  }

  pass(ms: number): this {
    const end = this.now + ms;
    while ((this.#last.deadline ?? Infinity) <= end) {
      this.#recording.now = Math.max(this.#last.deadline as number, this.now);
      this.tell('tick');
    }
    this.#recording.now = end;
    return this;
  }

  tell(event: string, its: Record<string, unknown> = {}): this {
    this.#last = this.#recording.tell(event, its);
    return this;
  }

  sends(packet: Uint8Array): this {
    return this.tell('packet', { packet: hex(packet) });
  }

  frame(frame: Uint8Array): this {
    return this.tell('frame', { frame: hex(frame) });
  }

  /** A station sends a packet: to the device, or to many. */
  ip(packet: Uint8Array, from: Uint8Array, to: Uint8Array = this.mac): this {
    const type = (packet[0] as number) >> 4 === 4 ? ETHERTYPE.IPV4 : ETHERTYPE.IPV6;
    return this.frame(frameOf(to, from, type, packet));
  }

  arp(what: 'request' | 'reply', from: Uint8Array, sender: Uint8Array, target: Uint8Array): this {
    const targetMac = what === 'reply' ? this.mac : new Uint8Array(6);
    const to = what === 'reply' ? this.mac : BROADCAST_MAC;
    return this.frame(
      frameOf(to, from, ETHERTYPE.ARP, arpOf({ what, senderMac: from, sender, targetMac, target })),
    );
  }

  /** A station answers a solicitation. */
  na({ mac }: { mac: Uint8Array }, target: Uint8Array): this {
    return this.ip(advertisement(target, linkLocalOf(this.mac), mac, true), mac);
  }

  test(comment: string, flag: string): DraftTest {
    return this.#recording.test(comment, flag);
  }
}

function routerAdvertisement(seconds: number): Uint8Array {
  const prefix = [3, 4, 64, 0xc0, 0, 0, 14, 16, 0, 0, 7, 8, 0, 0, 0, 0, ...v6(0, 0x2001, 0x0d, 0xb8)];
  const head = [134, 0, 0, 0, 64, 0, seconds >> 8, seconds & 255, 0, 0, 0, 0, 0, 0, 0, 0];
  const message = Uint8Array.of(...head, 1, 1, ...ROUTER.mac, ...prefix);
  return icmpv6Of(ROUTER.link, ALL_NODES, message, { hops: 255 });
}

/** A query for all groups: of version 3 or 2 of IGMP, 2 or 1 of MLD. */
function query(family: 4 | 6, old: boolean): Uint8Array {
  const rest = old ? [] : [2, 125, 0, 0];
  if (family === 6) {
    const message = Uint8Array.of(130, 0, 0, 0, 3, 232, 0, 0, ...new Uint8Array(16), ...rest);
    return icmpv6Of(ROUTER.link, ALL_NODES, message, { hops: 1, alert: true });
  }
  const payload = Uint8Array.of(0x11, 10, 0, 0, 0, 0, 0, 0, ...rest);
  const its = checksum(new Uint8Array(), new Uint8Array(), -payload.length, payload);
  payload.set([its >> 8, its & 255], 2);
  const packet = { source: ROUTER.four, destination: ALL_HOSTS, protocol: PROTOCOL.IGMP, hops: 1 };
  return packetOf({ ...packet, alert: true, payload });
}

function upTests(random: Random): DraftTest[] {
  return [
    new Device(random).up().test('two addresses are looked for, announced, their groups reported', 'Up'),
    new Device(random)
      .up()
      .tell('moved')
      .pass(5_000)
      .test('it has come from another server: it is announced again', 'Up'),
    new Device(random, { multicast: 'all', ...FOUR }).up().test('IPv4 alone, and all multicasts', 'Up'),
    new Device(random, { multicast: 'none', ...SIX })
      .up()
      .tell('gone')
      .test('IPv6 alone, and no multicasts; it goes', 'Up'),
  ];
}

function neighbourTests(random: Random): DraftTest[] {
  const { four, six } = DEVICE;
  return [
    new Device(random, FOUR)
      .up()
      .arp('request', STATION.mac, STATION.four, four)
      .sends(udp(four, STATION.four, 20))
      .arp('request', STATION.mac, STATION.four, v4(10, 0, 0, 8))
      .test('ARP: it is asked for, and what it sends there needs no question', 'Neighbours'),
    new Device(random, SIX)
      .up()
      .ip(
        solicitation(STATION.six, solicitedNode(six), six, STATION.mac),
        STATION.mac,
        multicastMac(solicitedNode(six)),
      )
      .sends(udp(six, STATION.six, 20))
      .test('neighbour discovery: the same', 'Neighbours'),
    new Device(random)
      .up()
      .sends(udp(four, STATION.four, 1))
      .sends(udp(four, STATION.four, 2))
      .arp('reply', STATION.mac, STATION.four, four)
      .sends(udp(six, STATION.six, 1))
      .na(STATION, STATION.six)
      .test('packets wait until the station has answered', 'Neighbours'),
    new Device(random, FOUR)
      .up()
      .sends(udp(four, STATION.four, 1))
      .pass(3_000)
      .sends(udp(four, STATION.four, 2))
      .pass(5_000)
      .sends(udp(four, STATION.four, 3))
      .test('a station that does not answer', 'Neighbours'),
    new Device(random, FOUR)
      .up()
      .sends(udp(four, STATION.four, 1))
      .arp('reply', STATION.mac, STATION.four, four)
      .pass(30_000)
      .sends(udp(four, STATION.four, 2))
      .pass(5_500)
      .arp('reply', STATION.mac, STATION.four, four)
      .pass(20_000)
      .test('a station that is known is asked again when it is needed after half a minute', 'Neighbours'),
  ];
}

function conflictTests(random: Random): DraftTest[] {
  const { four, six } = DEVICE;
  const announced = (device: Device) => device.arp('request', STATION.mac, four, four);
  const defended = announced(announced(new Device(random, FOUR).up()));
  return [
    announced(defended.pass(10_000)).test(
      'another station has its address: it is defended every ten seconds',
      'Conflict',
    ),
    announced(new Device(random, FOUR).up(500))
      .pass(5_000)
      .sends(udp(four, STATION.four, 1))
      .test('it is not used, if it is found before', 'Conflict'),
    new Device(random, SIX)
      .up(500)
      .ip(
        solicitation(v6(0, 0), solicitedNode(six), six, undefined),
        STATION.mac,
        multicastMac(solicitedNode(six)),
      )
      .pass(5_000)
      .sends(udp(six, STATION.six, 1))
      .test('another station looks for the same address', 'Conflict'),
  ];
}

function wayTests(random: Random): DraftTest[] {
  const { four, six } = DEVICE;
  const others = [v4(10, 0, 0, 8), v6(8)] as const;
  const gateways = { gateways: [hex(ROUTER.four), hex(ROUTER.six)] };
  return [
    new Device(random, gateways)
      .up()
      .sends(udp(four, ELSEWHERE.four, 1))
      .arp('reply', ROUTER.mac, ROUTER.four, four)
      .sends(udp(six, ELSEWHERE.six, 1))
      .na(ROUTER, ROUTER.six)
      .test('to other networks, by the gateways that were given', 'Ways'),
    new Device(random, SIX)
      .up()
      .sends(udp(six, ELSEWHERE.six, 1))
      .ip(routerAdvertisement(1800), ROUTER.mac, multicastMac(ALL_NODES))
      .sends(udp(six, v6(9, 0x2001, 0x0d, 0xb9), 1))
      .sends(udp(six, ELSEWHERE.six, 1))
      .test('a router tells of itself, and of a network on the link', 'Ways'),
    new Device(random)
      .up()
      .sends(udp(four, MDNS.four, 1))
      .sends(udp(six, MDNS.six, 1))
      .sends(udp(four, EVERYBODY, 1))
      .sends(udp(four, v4(10, 0, 0, 255), 1))
      .test('to many', 'Ways'),
    new Device(random)
      .up()
      .sends(udp(others[0], STATION.four, 1))
      .sends(udp(others[1], STATION.six, 1))
      .sends(udp(STATION.link, STATION.six, 1))
      .sends(advertisement(six, ALL_NODES, STATION.mac, false))
      .sends(udp(four, four, 1))
      .sends(udp(four, ELSEWHERE.four, 1))
      .test(
        'nothing goes from another address, none of neighbour discovery, and nothing where nothing leads',
        'Dropped',
      ),
    new Device(random)
      .up()
      .ip(concatBytes(udp(STATION.four, four, 3), new Uint8Array(15)), STATION.mac)
      .ip(udp(STATION.six, six, 3), STATION.mac)
      .ip(udp(STATION.four, MDNS.four, 3), STATION.mac, multicastMac(MDNS.four))
      .ip(udp(STATION.six, MDNS.six, 3), STATION.mac, multicastMac(MDNS.six))
      .test('to the device: what is for its addresses, and for a group that it takes', 'Ways'),
    new Device(random)
      .up()
      .ip(udp(STATION.four, others[0], 3), STATION.mac)
      .ip(udp(STATION.six, others[1], 3), STATION.mac)
      .ip(udp(STATION.four, four, 3), STATION.mac, SERVER.mac)
      .ip(udp(STATION.four, four, 3), STATION.mac, BROADCAST_MAC)
      .ip(udp(STATION.four, EVERYBODY, 3), STATION.mac, BROADCAST_MAC)
      .ip(udp(STATION.four, v4(239, 255, 255, 250), 3), STATION.mac, multicastMac(v4(239, 255, 255, 250)))
      .frame(frameOf(BROADCAST_MAC, STATION.mac, 0x88cc, new Uint8Array(46)))
      .test('to the device: nothing else', 'Dropped'),
  ];
}

function sizeTests(random: Random): DraftTest[] {
  const { four, six } = DEVICE;
  const device = new Device(random).up();
  device.arp('request', STATION.mac, STATION.four, four);
  device.ip(
    solicitation(STATION.six, solicitedNode(six), six, STATION.mac),
    STATION.mac,
    multicastMac(solicitedNode(six)),
  );
  return [
    new Device(random)
      .up()
      .ip(udp(STATION.four, four, PACKET_MAX - 28), STATION.mac)
      .ip(udp(STATION.four, four, PACKET_MAX - 27), STATION.mac)
      .ip(udp(STATION.six, six, PACKET_MAX - 48), STATION.mac)
      .ip(udp(STATION.six, six, PACKET_MAX - 47), STATION.mac)
      .test('the largest packets, and packets that are larger by a byte', 'Sizes'),
    device
      .sends(syn(four, STATION.four, 1460))
      .ip(syn(STATION.four, four, 1460), STATION.mac)
      .sends(syn(four, STATION.four, 536))
      .sends(syn(six, STATION.six, 1440))
      .ip(syn(STATION.six, six, 1440), STATION.mac)
      .test('the MSS of a SYN is made to fit, both ways', 'Sizes'),
  ];
}

function groupTests(random: Random): DraftTest[] {
  const asked = (old: boolean) =>
    new Device(random)
      .up()
      .ip(query(4, old), ROUTER.mac, multicastMac(ALL_HOSTS))
      .ip(query(6, old), ROUTER.mac, multicastMac(ALL_NODES))
      .pass(2_000);
  return [
    asked(false).test('somebody asks which groups are in use', 'Groups'),
    asked(true).test('the same in IGMPv2 and MLDv1', 'Groups'),
  ];
}

function leaseTests(random: Random): DraftTest[] {
  const address = v4(10, 0, 0, 50);
  const answer = (device: Device, type: number) => {
    const said = device.lastFrame;
    const transaction = said.subarray(14 + 28 + 4, 14 + 28 + 8);
    const fields = concatBytes(
      Uint8Array.of(2, 1, 6, 0),
      transaction,
      new Uint8Array(8),
      ...[address, new Uint8Array(8), device.mac, new Uint8Array(202)],
      Uint8Array.of(99, 130, 83, 99, 53, 1, type, 54, 4, ...SERVER.four, 51, 4, 0, 0, 2, 88),
      Uint8Array.of(1, 4, 255, 255, 255, 0, 3, 4, ...ROUTER.four, 255),
    );
    const to = type === 5 && device.now > 100_000 ? address : EVERYBODY;
    device.ip(udpOf(SERVER.four, to, { from: 67, to: 68, data: fields }), SERVER.mac);
  };
  const leasing = () => {
    const device = new Device(random, { addresses: [], dhcp: true, hostName: 'phone', multicast: 'none' });
    device.tell('up');
    answer(device, 2);
    answer(device, 5);
    return device;
  };
  const renewed = leasing().pass(300_000);
  answer(renewed, 5);
  const declined = leasing().pass(500).arp('reply', STATION.mac, address, address).pass(11_000);
  return [
    leasing()
      .pass(5_000)
      .sends(udp(address, ELSEWHERE.four, 1))
      .test('an address is leased, and used', 'Lease'),
    renewed.pass(1_000).tell('gone').test('a lease is renewed, and given back', 'Lease'),
    declined.test(
      'a station has the address that was leased: it is declined, and another one asked for',
      'Lease',
    ),
  ];
}

function sleepTests(random: Random): DraftTest[] {
  const { four } = DEVICE;
  return [
    new Device(random, FOUR)
      .up()
      .tell('asleep')
      .arp('request', STATION.mac, STATION.four, four)
      .ip(udp(STATION.four, four, 1), STATION.mac)
      .ip(udp(STATION.four, MDNS.four, 1), STATION.mac, multicastMac(MDNS.four))
      .pass(3_600_000)
      .arp('request', STATION.mac, STATION.four, four)
      .test('asleep, its addresses are answered for an hour', 'Asleep'),
    new Device(random, FOUR)
      .up()
      .tell('asleep')
      .pass(3_500_000)
      .sends(udp(four, MDNS.four, 1))
      .pass(3_600_000)
      .arp('request', STATION.mac, STATION.four, four)
      .test('it wakes', 'Asleep'),
  ];
}

export const secureHosts: Maker = (random): Draft => ({
  algorithm: 'CRYPTCAB-HOSTS',
  header: [
    "What a server does for a stock WireGuard device that is a station of its network: publicKey is the device's, addresses,",
    'gateways, multicast, dhcp and hostName are what its line in the peers file says, packetMax is the largest packet that it is sent.',
    'Each step is a frame from the switch, a packet from the device, or a time that has come; its effects are what goes to the',
    'switch (frame) and to the device (packet), in their order, and close, when the port is given back.',
  ],
  oracles: [
    openssl('each MAC address, by BLAKE2s'),
    model('each frame and packet that a step leads to, built anew, with the times of what comes by itself'),
  ],
  notes: {
    Up: 'The port opens: addresses are looked for, used, announced; groups are reported; routers are asked for.',
    Neighbours: 'MAC addresses of stations are found out, and told.',
    Conflict: 'Another station has an address of the device.',
    Ways: 'Packets pass.',
    Dropped: 'Packets do not pass, and nobody is told.',
    Sizes: 'What is larger than the way to the device, and what is made to fit.',
    Groups: 'Groups are reported when somebody asks, at a time that is drawn.',
    Lease: 'DHCP.',
    Asleep: 'The device has been silent for long.',
  },
  groups: [
    {
      type: 'SecureHostTrace',
      name: 'a device, and the stations of its network',
      tests: [
        ...upTests(random),
        ...neighbourTests(random),
        ...conflictTests(random),
        ...wayTests(random),
        ...sizeTests(random),
        ...groupTests(random),
        ...leaseTests(random),
        ...sleepTests(random),
      ],
    },
    {
      type: 'SecureHostAddressTest',
      name: 'MAC addresses',
      tests: Array.from({ length: 5 }, (_, i) => {
        const publicKey = random(32);
        const mac = macOf(publicKey);
        return valid(`key ${i + 1}`, 'Up', { publicKey, mac, linkLocal: linkLocalOf(mac) });
      }),
    },
  ],
});
