// A device, its machine, and a network whose other stations the test plays. What the machine does is read as text.

import { generator } from '../../../lab/generator.js';
import { addressBytes } from '../../../src/network/address.js';
import { arpOf, readArp } from '../../../src/protocol/host/arp.js';
import { ETHERTYPE, frameOf, readFrame } from '../../../src/protocol/host/ethernet.js';
import { HostMachine } from '../../../src/protocol/host/host.js';
import { ICMPV6, icmpv6Type, isIntact } from '../../../src/protocol/host/icmpv6.js';
import { type Packet, PROTOCOL, packetOf, readPacket } from '../../../src/protocol/host/ip.js';
import { multicastMac } from '../../../src/protocol/host/mac.js';
import { solicitation } from '../../../src/protocol/host/nd.js';
import type { HostDrop, HostEffect, HostOptions, Prefix } from '../../../src/protocol/host/terms.js';
import { udpOf } from '../../../src/protocol/host/udp.js';

export const ip = (text: string) => addressBytes(text) as Uint8Array;
export const mac = (text: string) => Uint8Array.from(text.split(':'), (byte) => Number.parseInt(byte, 16));
export const net = (text: string): Prefix => {
  const [address = '', bits] = text.split('/');
  return { address: ip(address), bits: Number(bits) };
};
export const macText = (bytes: Uint8Array) =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const words = Array.from(
    { length: 8 },
    (_, i) => ((bytes[2 * i] as number) << 8) | (bytes[2 * i + 1] as number),
  );
  return words
    .map((word) => word.toString(16))
    .join(':')
    .replace(/(^|:)0(:0)+(:|$)/, '::');
}

export const DEVICE = mac('02:00:00:00:00:07');
export const DEVICE_4 = ip('10.0.0.7');
export const DEVICE_6 = ip('fd00::7');
export const BROADCAST = mac('ff:ff:ff:ff:ff:ff');
/** Of the other stations: the last byte of both addresses is that of the MAC address. */
export const station = (last: number) => ({
  mac: mac(`52:54:00:00:00:${last.toString(16).padStart(2, '0')}`),
  four: ip(`10.0.0.${last}`),
  six: ip(`fd00::${last.toString(16)}`),
  link: ip(`fe80::5054:ff:fe00:${last.toString(16)}`),
});

const OPTIONS: HostOptions = {
  publicKey: new Uint8Array(32).fill(9),
  name: 'phone',
  addresses: [net('10.0.0.7/24'), net('fd00::7/64')],
  dhcp: false,
  mac: DEVICE,
  multicast: ['mdns'],
  packetMax: 1420,
};

/** A packet of UDP, of either family. */
export function datagram(source: Uint8Array, destination: Uint8Array, bytes = 20): Uint8Array {
  if (source.length === 4)
    return udpOf(source, destination, { from: 5000, to: 6000, data: new Uint8Array(bytes) });
  const payload = new Uint8Array(8 + bytes);
  return packetOf({ source, destination, protocol: PROTOCOL.UDP, hops: 64, payload });
}

/** How a message of ICMPv6 is called, by its type. */
const NAMES: Readonly<Record<number, string>> = {
  [ICMPV6.TOO_BIG]: 'too big',
  [ICMPV6.ROUTER_SOLICITATION]: 'rs',
  [ICMPV6.SOLICITATION]: 'ns',
  [ICMPV6.ADVERTISEMENT]: 'na',
  [ICMPV6.REPORT_1]: 'mldv1',
  [ICMPV6.REPORT_2]: 'mldv2',
};

function packetText(packet: Packet): string {
  const { source, destination, protocol, payload } = packet;
  const way = `${ipText(source)} > ${ipText(destination)}`;
  const type = icmpv6Type(packet);
  if (type !== undefined && NAMES[type] !== undefined) {
    if (!isIntact(packet)) throw new Error('the checksum of a message is wrong');
    const target = type === ICMPV6.SOLICITATION || type === ICMPV6.ADVERTISEMENT;
    const rest = target ? ` ${ipText(payload.subarray(8, 24))}` : '';
    const solicited = type === ICMPV6.ADVERTISEMENT && ((payload[4] as number) & 0x40) !== 0;
    return `${NAMES[type]}${rest}${solicited ? ' solicited' : ''} ${way}`;
  }
  const name =
    protocol === PROTOCOL.IGMP
      ? payload[0] === 0x22
        ? 'igmpv3'
        : 'igmpv2'
      : protocol === PROTOCOL.UDP && payload[3] === 67
        ? `dhcp ${payload[8 + 242]}`
        : protocol === PROTOCOL.ICMP && payload[0] === 3
          ? 'too big'
          : 'ip';
  return `${name} ${way}`;
}

export function effectText(effect: HostEffect): string {
  switch (effect.do) {
    case 'frame': {
      const frame = readFrame(effect.frame);
      if (frame === undefined) throw new Error('a frame is none');
      if (macText(frame.from) !== macText(DEVICE)) throw new Error('a frame comes from somewhere else');
      const to = `to ${macText(frame.to)}`;
      if (frame.type === ETHERTYPE.ARP) {
        const arp = readArp(frame.payload);
        return `arp ${arp?.what} ${ipText(arp?.sender as Uint8Array)} > ${ipText(arp?.target as Uint8Array)} ${to}`;
      }
      return `${packetText(readPacket(frame.payload) as Packet)} ${to}`;
    }
    case 'packet':
      return `device: ${packetText(readPacket(effect.packet) as Packet)}`;
    case 'addresses':
      return `own ${effect.own.map(ipText).join(' ')}; on link ${effect.onLink.map((one) => `${ipText(one.address)}/${one.bits}`).join(' ')}`;
    case 'neighbour':
      return `neighbour ${ipText(effect.address)} ${effect.mac ? macText(effect.mac) : 'unknown'}`;
    case 'listen':
      return `${effect.on ? 'listens' : 'does not listen'} to ${ipText(effect.address)}`;
    case 'gateway':
      return `gateway ${effect.family} ${effect.mac ? macText(effect.mac) : 'unknown'}`;
    case 'notice': {
      const { notice } = effect;
      if (notice.what === 'conflict')
        return `conflict ${ipText(notice.address)} ${macText(notice.mac)} ${notice.used ? 'used' : 'not used'}`;
      if (notice.what === 'lease')
        return `lease ${ipText(notice.address.address)}/${notice.address.bits} of ${ipText(notice.server)} for ${notice.seconds} s`;
      if (notice.what === 'no lease') return `no lease ${ipText(notice.address)}`;
      return notice.what === 'no gateway' ? `no gateway ${notice.family}` : notice.what;
    }
    case 'close':
      return 'close';
  }
}

export class World {
  readonly machine: HostMachine;
  now = 1_000_000;

  constructor(options: Partial<HostOptions> = {}, seed = 1) {
    const next = generator(seed);
    this.machine = new HostMachine({ ...OPTIONS, ...options }, (bytes) =>
      Uint8Array.from({ length: bytes }, () => Math.floor(next() * 256)),
    );
  }

  /** A device that is up, all of whose announcements are over. */
  static settled(options: Partial<HostOptions> = {}, seed = 1): World {
    const world = new World(options, seed);
    world.machine.up(world.now);
    world.pass(20_000);
    world.took();
    return world;
  }

  /** Effects since it was asked last, as text. */
  took(): string[] {
    return this.machine.take().map(effectText);
  }

  /** Time passes, in the steps that the machine asks for. @returns what it did, with the time since the beginning, ms */
  pass(ms: number): string[] {
    const begin = this.now;
    const said: string[] = [];
    const end = begin + ms;
    for (let steps = 0; this.machine.deadline <= end; steps++) {
      if (steps > 10_000) throw new Error('the machine asks for a time that it does nothing at');
      this.now = Math.max(this.now, this.machine.deadline);
      this.machine.tick(this.now);
      said.push(...this.took().map((text) => `${this.now - begin}: ${text}`));
    }
    this.now = end;
    return said;
  }

  frame(to: Uint8Array, from: Uint8Array, type: number, payload: Uint8Array): string[] {
    this.machine.frame(this.now, frameOf(to, from, type, payload));
    return this.took();
  }

  /** A packet from a station, in a frame for the device or for the group that it is for. */
  ip(packet: Uint8Array, from: Uint8Array, to: Uint8Array = DEVICE): string[] {
    return this.frame(to, from, (packet[0] as number) >> 4 === 4 ? ETHERTYPE.IPV4 : ETHERTYPE.IPV6, packet);
  }

  toGroup(packet: Uint8Array, from: Uint8Array): string[] {
    return this.ip(packet, from, multicastMac(readPacket(packet)?.destination as Uint8Array));
  }

  arp(
    what: 'request' | 'reply',
    from: Uint8Array,
    sender: Uint8Array,
    target: Uint8Array,
    to: Uint8Array = BROADCAST,
  ): string[] {
    const targetMac = what === 'reply' ? to : new Uint8Array(6);
    return this.frame(to, from, ETHERTYPE.ARP, arpOf({ what, senderMac: from, sender, targetMac, target }));
  }

  device(packet: Uint8Array): string[] {
    this.machine.packet(this.now, packet);
    return this.took();
  }

  dropped(why: HostDrop): number {
    return Number(this.machine.dropped.get(why) ?? 0n);
  }
}

/** A neighbour, and the gateway. */
export const OTHER = station(1);
export const ROUTER = station(254);

/** A world in which the stations are known. */
export function acquainted(options: Parameters<typeof World.settled>[0] = {}): World {
  const world = World.settled(options);
  for (const one of [OTHER, ROUTER]) {
    world.arp('request', one.mac, one.four, DEVICE_4);
    world.toGroup(solicitation(one.six, ip('ff02::1:ff00:7'), DEVICE_6, one.mac), one.mac);
    world.toGroup(solicitation(one.link, ip('ff02::1:ff00:7'), DEVICE_6, one.mac), one.mac);
  }
  return world;
}

/** A packet of which one bit is turned. */
export function flipped(packet: Uint8Array, at: number): Uint8Array {
  const copy = packet.slice();
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
}
