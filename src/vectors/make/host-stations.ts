// A stock WireGuard device and the stations of its network, as its vectors have them, and what they send.
import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { Random } from '../../protocol/classic/session-key.js';
import { arpOf } from '../../protocol/host/arp.js';
import { checksum } from '../../protocol/host/checksum.js';
import { ETHERTYPE, frameOf } from '../../protocol/host/ethernet.js';
import { icmpv6Of } from '../../protocol/host/icmpv6.js';
import { PROTOCOL, packetOf } from '../../protocol/host/ip.js';
import { BROADCAST_MAC, linkLocalOf, macOf } from '../../protocol/host/mac.js';
import { advertisement } from '../../protocol/host/nd.js';
import { udpOf } from '../../protocol/host/udp.js';
import { type Outcome, tracedHost } from '../traces.js';
import type { DraftTest } from './draft.js';
import { hex, Recording, unhex } from './recording.js';

export const v4 = (...bytes: number[]) => Uint8Array.from(bytes);
/** An address of fd00::/64, or of another network whose first word is told. */
export const v6 = (last: number, first = 0xfd00, ...next: number[]) =>
  Uint8Array.of(first >> 8, first & 255, ...next, ...new Uint8Array(13 - next.length), last);

export const DEVICE = { four: v4(10, 0, 0, 7), six: v6(7) };
/** A device with one of the families. */
export const FOUR = { addresses: [{ address: hex(DEVICE.four), bits: 24 }] };
export const SIX = { addresses: [{ address: hex(DEVICE.six), bits: 64 }] };
export const station = (last: number) => {
  const mac = Uint8Array.of(0x52, 0x54, 0, 0, 0, last);
  return { mac, four: v4(10, 0, 0, last), six: v6(last), link: linkLocalOf(mac) };
};
export const [STATION, SERVER, ROUTER] = [station(1), station(2), station(254)];
export const ELSEWHERE = { four: v4(192, 0, 2, 1), six: v6(1, 0x2001, 0x0d, 0xb8) };
export const EVERYBODY = v4(255, 255, 255, 255);
export const MDNS = { four: v4(224, 0, 0, 251), six: v6(0xfb, 0xff02) };
export const [ALL_NODES, ALL_HOSTS] = [v6(1, 0xff02), v4(224, 0, 0, 1)];
export const PACKET_MAX = 1280;

export const udp = (source: Uint8Array, destination: Uint8Array, bytes: number): Uint8Array => {
  const data = utf8ToBytes('x'.repeat(bytes));
  if (source.length === 4) return udpOf(source, destination, { from: 40000, to: 40001, data });
  const payload = Uint8Array.of(0x9c, 0x40, 0x9c, 0x41, (8 + bytes) >> 8, (8 + bytes) & 255, 0, 0, ...data);
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

export const syn = (source: Uint8Array, destination: Uint8Array, mss: number) => {
  const head = [0x9c, 0x40, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x60, 2, 0xff, 0xff, 0, 0, 0, 0];
  return sealed(source, destination, PROTOCOL.TCP, Uint8Array.of(...head, 2, 4, mss >> 8, mss & 255), 16);
};

/** A device that is being recorded. */
export class Device {
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

export function routerAdvertisement(seconds: number): Uint8Array {
  const prefix = [3, 4, 64, 0xc0, 0, 0, 14, 16, 0, 0, 7, 8, 0, 0, 0, 0, ...v6(0, 0x2001, 0x0d, 0xb8)];
  const head = [134, 0, 0, 0, 64, 0, seconds >> 8, seconds & 255, 0, 0, 0, 0, 0, 0, 0, 0];
  const message = Uint8Array.of(...head, 1, 1, ...ROUTER.mac, ...prefix);
  return icmpv6Of(ROUTER.link, ALL_NODES, message, { hops: 255 });
}

/** A query for all groups: of version 3 or 2 of IGMP, 2 or 1 of MLD. */
export function query(family: 4 | 6, old: boolean): Uint8Array {
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
