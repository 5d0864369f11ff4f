// A stock WireGuard device on the Ethernet (secure.md §6): frames and packets, both ways.
import { concatBytes } from '@noble/hashes/utils.js';
import type { Random } from '../../protocol/classic/session-key.js';
import { solicitedNode } from '../../protocol/host/address.js';
import { frameOf } from '../../protocol/host/ethernet.js';
import { BROADCAST_MAC, linkLocalOf, macOf, multicastMac } from '../../protocol/host/mac.js';
import { advertisement, solicitation } from '../../protocol/host/nd.js';
import { udpOf } from '../../protocol/host/udp.js';
import { type Draft, type DraftTest, type Maker, valid } from './draft.js';
import {
  ALL_HOSTS,
  ALL_NODES,
  DEVICE,
  Device,
  ELSEWHERE,
  EVERYBODY,
  FOUR,
  MDNS,
  PACKET_MAX,
  query,
  ROUTER,
  routerAdvertisement,
  SERVER,
  SIX,
  STATION,
  syn,
  udp,
  v4,
  v6,
} from './host-stations.js';
import { model, openssl } from './oracles.js';
import { hex } from './recording.js';

function upTests(random: Random): DraftTest[] {
  const returned = new Device(random).up();
  return [
    new Device(random).up().test('two addresses are looked for, announced, their groups reported', 'Up'),
    returned
      .arp('request', returned.mac, DEVICE.four, DEVICE.four)
      .sends(udp(DEVICE.four, MDNS.four, 1))
      .pass(5_000)
      .test('it was at another server, and is back: it is announced again', 'Up'),
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
