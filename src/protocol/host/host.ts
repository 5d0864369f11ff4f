// A stock WireGuard device as a station of the Ethernet (secure.md §6): a machine without I/O, one for each host peer.
import { sameBytes } from '../bytes.js';
import type { Random } from '../classic/session-key.js';
import { RateLimit } from '../rate-limit.js';
import {
  addressKey,
  type Family,
  familyOf,
  isBroadcast,
  isMulticast,
  isStation,
  LINK_LOCAL,
  NOBODY_4,
  NOBODY_6,
  solicitedNode,
  within,
} from './address.js';
import { readArp } from './arp.js';
import { ASLEEP_MAX, DEFEND_INTERVAL, ERROR_SENDERS_MAX, ERRORS_OF_ALL, ERRORS_OF_ONE } from './constants.js';
import { DHCP_PORT } from './dhcp.js';
import { ETHERTYPE, type Frame, isGroupMac, readFrame } from './ethernet.js';
import { clampMss, tooBig } from './fits.js';
import { Groups } from './groups.js';
import { Hearing } from './hearing.js';
import { icmpv6Type, isDiscovery } from './icmpv6.js';
import { igmpReports, readIgmpQuery } from './igmp.js';
import { type Packet, readPacket } from './ip.js';
import { Lease } from './lease.js';
import { BROADCAST_MAC, linkLocalOf, macOf, multicastMac } from './mac.js';
import { mldReports, readMldQuery } from './mld.js';
import { Neighbours } from './neighbours.js';
import { HostOutbox } from './outbox.js';
import { OwnAddresses } from './own.js';
import { Routers } from './routers.js';
import { Routes } from './routes.js';
import { groupsOf, takes } from './services.js';
import { Speech } from './speech.js';
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
 * It makes the MSS of SYNs fit, as `clampMss` does. A packet is as long as its IP header says: what is behind is padding.
 */
export class HostMachine {
  /** The device's MAC address, 6 bytes. */
  readonly mac: Uint8Array;
  /** Its link-local address; undefined where it has no IPv6 address. */
  readonly linkLocal: Uint8Array | undefined;
  /** The largest IP packet that is sent to the device, bytes; may be changed as the path changes. */
  packetMax: number;
  readonly #options: HostOptions;
  readonly #out: HostOutbox;
  readonly #speech: Speech;
  readonly #hearing: Hearing;
  readonly #own: OwnAddresses;
  readonly #neighbours: Neighbours;
  readonly #routers: Routers;
  readonly #routes: Routes;
  readonly #groups: readonly Groups[];
  readonly #lease: Lease | undefined;
  /** Made for the first packet that is too big. */
  #errors: RateLimit | undefined;
  #state: 'closed' | 'up' | 'asleep' = 'closed';
  #closeAt = Infinity;
  /** Whether the device was seen at another server, and when it came back from there last, ms. */
  #elsewhere = false;
  #returned = -Infinity;
  /** Worked out when somebody asks. */
  #deadline: number | undefined;
  /** What addresses the core was given last. */
  #toldAddresses = '';

  /** @param random draws the times of reports, and the numbers of what a DHCP server is asked */
  constructor(options: HostOptions, random: Random) {
    const { publicKey, addresses, dhcp, name, wanted } = options;
    this.#options = options;
    this.packetMax = options.packetMax;
    this.mac = options.mac ?? macOf(publicKey);
    const six = addresses.some(({ address }) => address.length === 16);
    this.linkLocal = six ? linkLocalOf(this.mac) : undefined;
    this.#out = new HostOutbox(this.mac);
    this.#speech = new Speech(this.mac, this.#out);
    this.#own = new OwnAddresses(this.#out, {
      detect: (address, first) => {
        // What the device sends from it is to pass here.
        if (first) this.#neighbours.clear();
        this.#speech.detect(address);
      },
      announce: (address) => this.#speech.announce(address),
      used: (now, address, waiting) => this.#used(now, address, waiting),
      refused: (now, address) => this.#refused(now, address),
    });
    this.#neighbours = new Neighbours(this.#out, {
      ask: (address, mac) => this.#ask(address, mac),
      known: (address, mac) => {
        if (mac !== undefined && this.#own.isDetecting) return;
        this.#out.push({ do: 'neighbour', address, mac });
        this.#routes.known(address, mac);
      },
    });
    this.#routers = new Routers(() => this.#speech.askRouters(this.linkLocal as Uint8Array));
    this.#routes = new Routes(this.#out, (family) => this.#gateway(family));
    const { mac } = this;
    const parts = { mac, own: this.#own, neighbours: this.#neighbours, routers: this.#routers };
    this.#hearing = new Hearing({ ...parts, speech: this.#speech }, () => {
      this.#changed();
      this.#routes.review();
    });
    const groups = (family: Family) => groupsOf(options.multicast).filter((one) => familyOf(one) === family);
    const four = new Groups(this.#out, random, {
      family: 4,
      reports: igmpReports,
      groups: () => groups(4),
      source: () => this.#source(4) ?? NOBODY_4,
    });
    const sixth = new Groups(this.#out, random, {
      family: 6,
      reports: mldReports,
      groups: () => [...this.#solicited(), ...groups(6)],
      source: () => (this.#mayUse(this.linkLocal) ? (this.linkLocal as Uint8Array) : NOBODY_6),
    });
    this.#groups = [
      ...(dhcp || addresses.some(({ address }) => address.length === 4) ? [four] : []),
      ...(six ? [sixth] : []),
    ];
    if (dhcp)
      this.#lease = new Lease({ mac, publicKey, name }, wanted, this.#out, random, {
        leased: (now, prefix) => {
          this.#own.add(now, prefix);
          this.#changed();
        },
        lost: (_, address) => {
          if (this.#isGiven(address)) return;
          this.#own.remove(address);
          this.#changed();
        },
      });
  }

  /** How much was dropped, by reason. */
  get dropped(): ReadonlyMap<HostDrop, bigint> {
    return this.#out.dropped;
  }

  /** When `tick` should be called at the latest, ms; Infinity for never. */
  get deadline(): number {
    this.#deadline ??= this.#nextDeadline();
    return this.#deadline;
  }

  #nextDeadline(): number {
    if (this.#state === 'closed') return Infinity;
    const parts = [this.#own, this.#neighbours, this.#routers, ...this.#groups];
    return Math.min(
      this.#closeAt,
      this.#lease?.deadline ?? Infinity,
      ...parts.map(({ deadline }) => deadline),
    );
  }

  /** What to do, once. */
  take(): HostEffect[] {
    return this.#out.take();
  }

  /** The device is there, and its port is open. Also what wakes it, when it was asleep. Does nothing where it is up. */
  up(now: number): void {
    const begins = this.#state === 'closed';
    this.#state = 'up';
    this.#closeAt = Infinity;
    if (!begins) return;
    for (const prefix of this.#options.addresses) this.#own.add(now, prefix);
    if (this.linkLocal !== undefined) this.#own.add(now, { address: this.linkLocal, bits: 64 });
    this.#lease?.start(now);
    this.#changed();
    for (const groups of this.#groups) groups.joined(now);
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
    for (const groups of this.#groups) groups.leave();
    this.#lease?.release(now);
    this.#close();
  }

  /** Says nothing to the network. */
  #close(): void {
    this.#state = 'closed';
    this.#closeAt = Infinity;
    this.#elsewhere = false;
    this.#deadline = undefined;
    this.#lease?.stop();
    this.#neighbours.clear();
    this.#own.clear();
    this.#routers.clear();
    this.#changed();
    this.#routes.clear();
  }

  /** Time has passed. */
  tick(now: number): void {
    if (this.#state === 'closed') return;
    if (now >= this.#closeAt) {
      this.gone(now);
      this.#out.push({ do: 'close' });
      return;
    }
    this.#own.tick(now);
    this.#neighbours.tick(now);
    this.#routers.tick(now);
    this.#changed();
    this.#lease?.tick(now);
    this.#routes.review();
    this.#settle(now);
  }

  /** The device is here. If it has been at another server, its addresses are announced again. */
  #return(now: number): void {
    if (!this.#elsewhere || now - this.#returned < DEFEND_INTERVAL) return;
    this.#elsewhere = false;
    this.#returned = now;
    this.#own.announce(now);
    for (const groups of this.#groups) groups.joined(now);
  }

  /** A frame has come from the switch. */
  frame(now: number, bytes: Uint8Array): void {
    const why = this.#state === 'closed' ? 'closed' : this.#fromSwitch(now, bytes);
    if (why !== undefined) this.#out.drop(why);
    this.#settle(now);
  }

  /** An IP packet has come from the device. */
  packet(now: number, bytes: Uint8Array): void {
    if (this.#state === 'asleep') this.up(now);
    this.#return(now);
    const why = this.#state === 'closed' ? 'closed' : this.#fromDevice(now, bytes.slice());
    if (why !== undefined) this.#out.drop(why);
    this.#settle(now);
  }

  /** Something has happened: reports may be due at once, and something else at another time. */
  #settle(now: number): void {
    this.#deadline = undefined;
    if (this.#state !== 'closed') for (const groups of this.#groups) groups.tick(now);
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
        this.#out.push({ do: 'close' });
      }
      return 'not its own';
    }
    if (!its) return 'not its own';
    const { type, payload } = frame;
    if (type === ETHERTYPE.ARP) {
      const arp = readArp(payload);
      if (arp === undefined) return 'malformed';
      return this.#hearing.arp(now, arp);
    }
    if (type !== ETHERTYPE.IPV4 && type !== ETHERTYPE.IPV6) return 'not ip';
    const packet = readPacket(payload.slice());
    if (packet === undefined || (packet.family === 4) !== (type === ETHERTYPE.IPV4)) return 'malformed';
    if (isDiscovery(icmpv6Type(packet)))
      return this.linkLocal === undefined ? 'not its own' : this.#hearing.discovery(now, frame.from, packet);
    const query = packet.family === 4 ? readIgmpQuery(packet) : readMldQuery(packet);
    const groups = this.#groups.find(({ family }) => family === packet.family);
    if (query !== undefined) groups?.asked(now, query);
    const udp = this.#lease === undefined ? undefined : readUdp(packet);
    if (udp?.from === DHCP_PORT.SERVER && udp.to === DHCP_PORT.CLIENT) {
      this.#lease?.receive(now, udp.data, frame.from);
      this.#routes.review();
      return undefined;
    }
    return this.#deliver(now, frame, packet);
  }

  #deliver(now: number, frame: Frame, packet: Packet): HostDrop | undefined {
    const { destination, bytes } = packet;
    const many = isMulticast(destination) || isBroadcast(destination, this.#routes.onLink);
    if (!many && (isGroupMac(frame.to) || !this.#mayUse(destination))) return 'not its own';
    const family = this.#groups.some((groups) => groups.family === packet.family);
    if (many && !(family && takes(this.#options.multicast, destination))) return 'not taken';
    if (many && this.#state === 'asleep') return 'asleep';
    if (bytes.length > this.packetMax) {
      if (!many) this.#refuse(now, frame, packet);
      return 'too big';
    }
    clampMss(packet, this.packetMax);
    this.#out.push({ do: 'packet', packet: bytes });
    return undefined;
  }

  /** Tells who sent a packet that it is too big. */
  #refuse(now: number, { from }: Frame, packet: Packet): void {
    const answer = tooBig(packet, this.packetMax);
    this.#errors ??= new RateLimit(ERRORS_OF_ONE, ERRORS_OF_ALL, ERROR_SENDERS_MAX);
    if (answer !== undefined && this.#errors.allow(now, addressKey(packet.source)))
      this.#out.ip(from, answer);
  }

  // From the device.

  /** @returns why it was dropped */
  #fromDevice(now: number, bytes: Uint8Array): HostDrop | undefined {
    const packet = readPacket(bytes);
    if (packet === undefined) return 'malformed';
    const { source, destination, family } = packet;
    const state = this.#own.state(source);
    if (state === undefined || state === 'refused') return 'source';
    if (isDiscovery(icmpv6Type(packet))) return 'neighbour discovery';
    if (state === 'detecting') {
      this.#own.wait(source, packet.bytes);
      return undefined;
    }
    clampMss(packet, this.packetMax);
    if (isMulticast(destination)) {
      // Scopes 0 and 1 stay in a machine (RFC 4291 §2.7).
      if (family === 6 && ((destination[1] as number) & 15) < 2) return 'no route';
      this.#out.ip(multicastMac(destination), packet.bytes);
      return undefined;
    }
    if (isBroadcast(destination, this.#routes.onLink)) {
      this.#out.ip(BROADCAST_MAC, packet.bytes);
      return undefined;
    }
    if (!isStation(destination) || this.#own.state(destination) !== undefined) return 'no route';
    const next = this.#routes.next(destination);
    if (next === undefined) return 'no route';
    const unreachable = this.#neighbours.send(now, next, packet.bytes);
    if (unreachable && next !== destination) this.#routes.lacks(family);
    return undefined;
  }

  // Addresses.

  #mayUse(address: Uint8Array | undefined): boolean {
    return address !== undefined && this.#own.state(address) === 'used';
  }

  /** An address of a family that may be used: the one in the network of another, if there is one. */
  #source(family: Family, towards?: Uint8Array): Uint8Array | undefined {
    const used = this.#own.used.filter(({ address }) => familyOf(address) === family);
    const near = towards && used.find((prefix) => within(towards, prefix));
    return (near ?? used[0])?.address;
  }

  /** The groups that IPv6 addresses are asked for at, each once. */
  #solicited(): Uint8Array[] {
    const groups = this.#own.addresses.filter((one) => one.length === 16).map(solicitedNode);
    return groups.filter((one, i) => groups.findIndex((other) => sameBytes(one, other)) === i);
  }

  #ask(address: Uint8Array, mac: Uint8Array | undefined): void {
    const six = address.length === 16;
    const source = six && this.#mayUse(this.linkLocal) ? this.linkLocal : this.#source(six ? 6 : 4, address);
    if (source !== undefined) this.#speech.ask(source, address, mac);
  }

  #gateway(family: Family): Uint8Array | undefined {
    const given = this.#options.gateways?.find((one) => familyOf(one) === family);
    if (given !== undefined) return given;
    if (family === 4) return this.#lease?.router;
    // One that is known before one that may be there, and that before one that does not answer (RFC 4861 §6.3.6).
    const { routers } = this.#routers;
    const state = (one: Uint8Array) => this.#neighbours.stateOf(one);
    return (
      routers.find((one) => !['incomplete', 'negative', undefined].includes(state(one))) ??
      routers.find((one) => state(one) !== 'negative') ??
      routers[0]
    );
  }

  #used(now: number, address: Uint8Array, waiting: readonly Uint8Array[]): void {
    this.#changed();
    if (address === this.linkLocal) this.#routers.start(now);
    for (const groups of this.#groups) if (groups.family === familyOf(address)) groups.joined(now);
    for (const packet of waiting) this.packet(now, packet);
  }

  #refused(now: number, address: Uint8Array): void {
    if (!this.#isGiven(address)) this.#lease?.declined(now);
    this.#changed();
  }

  /** Whether an address was given, not leased. */
  #isGiven(address: Uint8Array): boolean {
    return (
      address === this.linkLocal ||
      this.#options.addresses.some((prefix) => sameBytes(prefix.address, address))
    );
  }

  /** The addresses in use may be others, or the networks on the link. */
  #changed(): void {
    const { used } = this.#own;
    const networks = [...used, ...this.#routers.networks].filter(({ address }) => address !== this.linkLocal);
    const six = this.#state !== 'closed' && this.linkLocal !== undefined;
    this.#routes.onLink = six ? [LINK_LOCAL, ...networks] : networks;
    const own = this.#own.addresses.filter((one) => this.#own.state(one) !== 'refused');
    const { onLink } = this.#routes;
    const text = `${own.join(' ')} on ${onLink.map(({ address, bits }) => `${address}/${bits}`)}`;
    if (text !== this.#toldAddresses) this.#out.push({ do: 'addresses', own, onLink });
    this.#toldAddresses = text;
  }
}
