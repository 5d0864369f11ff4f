// A stock WireGuard device as a station of the Ethernet (secure.md §6): a machine without I/O, one for each host peer.
import { sameBytes } from '../bytes.js';
import type { Random } from '../classic/session-key.js';
import { RateLimit } from '../rate-limit.js';
import { addressKey, isBroadcast, isMulticast, isStation } from './address.js';
import { readArp } from './arp.js';
import { ASLEEP_MAX, DEFEND_INTERVAL, ERROR_SENDERS_MAX, ERRORS_OF_ALL, ERRORS_OF_ONE } from './constants.js';
import { DHCP_PORT } from './dhcp.js';
import { ETHERTYPE, type Frame, isGroupMac, readFrame } from './ethernet.js';
import { clampMss, tooBig } from './fits.js';
import { icmpv6Type, isDiscovery } from './icmpv6.js';
import { readIgmpQuery } from './igmp.js';
import { type Packet, readPacket } from './ip.js';
import { BROADCAST_MAC, multicastMac } from './mac.js';
import { readMldQuery } from './mld.js';
import { Station } from './station.js';
import type { HostDrop, HostEffect, HostOptions } from './terms.js';
import { readUdp } from './udp.js';

/**
 * Stands between a device that sends IP packets and a switch that carries frames. After each call `take` says what should be
 * done, and `deadline` when `tick` should be called at the latest. `now` is in ms, of a clock that goes on while the machine
 * sleeps.
 *
 * It is right when it gets all frames and packets. A core may carry by itself
 * - unicast IP packets from the switch for an own address that are not larger than `packetMax`, except ICMPv6 of types 133 to
 *   137 and, with DHCP, UDP to port 68;
 * - IP packets of the device from an own address, to a station that `neighbour` named, or to the gateway where the
 *   destination is unicast and on no network of `onLink`, except ICMPv6 of types 133 to 137, and IPv6 whose next header is an
 *   extension header (0, 43, 60).
 * and may leave out broadcast ARP requests for addresses of others, but those of a station that `listen` named, from an own
 * address or the device's MAC address, or of a station for its own address.
 * It makes the MSS of SYNs fit, as `clampMss` does. A packet is as long as its IP header says: what is behind is padding.
 */
export class HostMachine {
  /** The largest IP packet that is sent to the device, bytes; may be changed as the path changes. */
  packetMax: number;
  readonly #station: Station;
  /** Made for the first packet that is too big. */
  #errors: RateLimit | undefined;
  #state: 'closed' | 'up' | 'asleep' = 'closed';
  #closeAt = Infinity;
  /** Whether the device was seen at another server, and when it came back from there last, ms. */
  #elsewhere = false;
  #returned = -Infinity;
  /** Worked out when somebody asks. */
  #deadline: number | undefined;

  /** @param random draws the times of reports, and the numbers of what a DHCP server is asked */
  constructor(options: HostOptions, random: Random) {
    this.packetMax = options.packetMax;
    this.#station = new Station(this, options, random);
  }

  /** The device's MAC address, 6 bytes. */
  get mac(): Uint8Array {
    return this.#station.mac;
  }

  /** Its link-local address; undefined where it has no IPv6 address. */
  get linkLocal(): Uint8Array | undefined {
    return this.#station.linkLocal;
  }

  /** How much was dropped, by reason. */
  get dropped(): ReadonlyMap<HostDrop, bigint> {
    return this.#station.out.dropped;
  }

  /** When `tick` should be called at the latest, ms; Infinity for never. */
  get deadline(): number {
    this.#deadline ??= this.#state === 'closed' ? Infinity : Math.min(this.#closeAt, this.#station.deadline);
    return this.#deadline;
  }

  /** What to do, once. */
  take(): HostEffect[] {
    return this.#station.out.take();
  }

  /** The device is there, and its port is open. Also what wakes it, when it was asleep. Does nothing where it is up. */
  up(now: number): void {
    const begins = this.#state === 'closed';
    this.#state = 'up';
    this.#closeAt = Infinity;
    if (!begins) return;
    this.#station.open(now);
    this.#settle(now);
  }

  /** The device has been silent for long: its addresses are held for an hour still, and multicasts are not sent to it. */
  asleep(now: number): void {
    if (this.#state !== 'up') return;
    this.#state = 'asleep';
    this.#closeAt = now + ASLEEP_MAX;
    this.#deadline = undefined;
  }

  /** The device is not served any more: it leaves its groups, and gives its lease back. The effects want the port still. */
  gone(now: number): void {
    if (this.#state === 'closed') return;
    for (const groups of this.#station.groups) groups.leave();
    this.#station.lease?.release(now);
    this.#close();
  }

  /** Says nothing to the network. */
  #close(): void {
    this.#state = 'closed';
    this.#closeAt = Infinity;
    this.#elsewhere = false;
    this.#deadline = undefined;
    this.#station.close();
  }

  /** Time has passed. */
  tick(now: number): void {
    if (this.#state === 'closed') return;
    if (now >= this.#closeAt) {
      this.gone(now);
      this.#station.out.push({ do: 'close' });
      return;
    }
    this.#station.tick(now);
    this.#settle(now);
  }

  /** The device is here. If it has been at another server, its addresses are announced again. */
  #return(now: number): void {
    if (!this.#elsewhere || now - this.#returned < DEFEND_INTERVAL) return;
    this.#elsewhere = false;
    this.#returned = now;
    this.#station.own.announce(now);
    for (const groups of this.#station.groups) groups.joined(now);
  }

  /** A frame has come from the switch. */
  frame(now: number, bytes: Uint8Array): void {
    const why = this.#state === 'closed' ? 'closed' : this.#fromSwitch(now, bytes);
    if (why !== undefined) this.#station.out.drop(why);
    this.#settle(now);
  }

  /** An IP packet has come from the device. */
  packet(now: number, bytes: Uint8Array): void {
    if (this.#state === 'asleep') this.up(now);
    this.#return(now);
    const why = this.#state === 'closed' ? 'closed' : this.#fromDevice(now, bytes.slice());
    if (why !== undefined) this.#station.out.drop(why);
    this.#settle(now);
  }

  /** Something has happened: reports may be due at once, and something else at another time. */
  #settle(now: number): void {
    this.#deadline = undefined;
    if (this.#state !== 'closed') for (const groups of this.#station.groups) groups.tick(now);
  }

  // From the switch.

  /** @returns why it was dropped */
  #fromSwitch(now: number, bytes: Uint8Array): HostDrop | undefined {
    const frame = readFrame(bytes);
    if (frame === undefined) return 'malformed';
    const its = sameBytes(frame.to, this.mac) || isGroupMac(frame.to);
    if (sameBytes(frame.from, this.mac)) {
      // The device is at another server, which says so with the same address: if it does not come back, this one is quiet.
      this.#elsewhere = true;
      if (this.#state === 'asleep') {
        this.#close();
        this.#station.out.push({ do: 'close' });
      }
      return 'not its own';
    }
    if (!its) return 'not its own';
    const { type, payload } = frame;
    if (type === ETHERTYPE.ARP) {
      const arp = readArp(payload);
      if (arp === undefined) return 'malformed';
      return this.#station.hearing.arp(now, arp);
    }
    if (type !== ETHERTYPE.IPV4 && type !== ETHERTYPE.IPV6) return 'not ip';
    const packet = readPacket(payload.slice());
    if (packet === undefined || (packet.family === 4) !== (type === ETHERTYPE.IPV4)) return 'malformed';
    if (isDiscovery(icmpv6Type(packet)))
      return this.linkLocal === undefined
        ? 'not its own'
        : this.#station.hearing.discovery(now, frame.from, packet);
    const query = packet.family === 4 ? readIgmpQuery(packet) : readMldQuery(packet);
    if (query !== undefined) this.#station.groupsOf(packet.family)?.asked(now, query);
    const udp = this.#station.lease === undefined ? undefined : readUdp(packet);
    if (udp?.from === DHCP_PORT.SERVER && udp.to === DHCP_PORT.CLIENT) {
      this.#station.lease?.receive(now, udp.data, frame.from);
      this.#station.routes.review();
      return undefined;
    }
    return this.#deliver(now, frame, packet);
  }

  #deliver(now: number, frame: Frame, packet: Packet): HostDrop | undefined {
    const { destination, bytes } = packet;
    const many = isMulticast(destination) || isBroadcast(destination, this.#station.routes.onLink);
    if (!many && (isGroupMac(frame.to) || !this.#station.mayUse(destination))) return 'not its own';
    if (many && !this.#station.takes(destination)) return 'not taken';
    if (many && this.#state === 'asleep') return 'asleep';
    if (bytes.length > this.packetMax) {
      if (!many) this.#refuse(now, frame, packet);
      return 'too big';
    }
    clampMss(packet, this.packetMax);
    this.#station.out.push({ do: 'packet', packet: bytes });
    return undefined;
  }

  /** Tells who sent a packet that it is too big. */
  #refuse(now: number, { from }: Frame, packet: Packet): void {
    const answer = tooBig(packet, this.packetMax);
    this.#errors ??= new RateLimit(ERRORS_OF_ONE, ERRORS_OF_ALL, ERROR_SENDERS_MAX);
    if (answer !== undefined && this.#errors.allow(now, addressKey(packet.source)))
      this.#station.out.ip(from, answer);
  }

  // From the device.

  /** @returns why it was dropped */
  #fromDevice(now: number, bytes: Uint8Array): HostDrop | undefined {
    const packet = readPacket(bytes);
    if (packet === undefined) return 'malformed';
    const { source, destination, family } = packet;
    const state = this.#station.own.state(source);
    if (state === undefined || state === 'refused') return 'source';
    if (isDiscovery(icmpv6Type(packet))) return 'neighbour discovery';
    if (state === 'detecting') {
      this.#station.own.wait(source, packet.bytes);
      return undefined;
    }
    clampMss(packet, this.packetMax);
    if (isMulticast(destination)) {
      // Scopes 0 and 1 stay in a machine (RFC 4291 §2.7).
      if (family === 6 && ((destination[1] as number) & 15) < 2) return 'no route';
      this.#station.out.ip(multicastMac(destination), packet.bytes);
      return undefined;
    }
    if (isBroadcast(destination, this.#station.routes.onLink)) {
      this.#station.out.ip(BROADCAST_MAC, packet.bytes);
      return undefined;
    }
    if (!isStation(destination) || this.#station.own.state(destination) !== undefined) return 'no route';
    const next = this.#station.routes.next(destination);
    if (next === undefined) return 'no route';
    const unreachable = this.#station.neighbours.send(now, next, packet.bytes);
    if (unreachable && next !== destination) this.#station.routes.lacks(family);
    return undefined;
  }
}
