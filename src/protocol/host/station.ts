// What a device is on the Ethernet: its addresses, neighbours, routers, groups and lease, and what one of them means to the
// others (secure.md §6.3 to §6.6).
import { sameBytes } from '../bytes.js';
import type { Random } from '../classic/session-key.js';
import { type Family, familyOf, LINK_LOCAL, NOBODY_4, NOBODY_6, solicitedNode, within } from './address.js';
import { Groups, type GroupsOf } from './groups.js';
import { Hearing, type HearingOf } from './hearing.js';
import { Lease, type LeaseEvents } from './lease.js';
import { linkLocalOf, macOf } from './mac.js';
import { type NeighbourEvents, Neighbours } from './neighbours.js';
import { HostOutbox } from './outbox.js';
import { OwnAddresses, type OwnEvents } from './own.js';
import { type RouterEvents, Routers } from './routers.js';
import { type RouteEvents, Routes } from './routes.js';
import { groupsOf, takes } from './services.js';
import { Speech } from './speech.js';
import { type AddressesEffect, type HostOptions, type Prefix, sameAddresses } from './terms.js';

/** What a station is a part of. */
interface StationOf {
  /** A packet of the device has waited until its address was in use. */
  packet(now: number, bytes: Uint8Array): void;
}

/**
 * Its parts tell it what they find, as methods and not as functions of their own: a server may have thousands of devices, and
 * each function takes 56 bytes for each of them.
 */
export class Station
  implements OwnEvents, NeighbourEvents, LeaseEvents, GroupsOf, RouterEvents, RouteEvents, HearingOf
{
  readonly mac: Uint8Array;
  readonly linkLocal: Uint8Array | undefined;
  readonly out: HostOutbox;
  readonly speech: Speech;
  readonly hearing: Hearing;
  readonly own: OwnAddresses;
  readonly neighbours: Neighbours;
  readonly routers: Routers;
  readonly routes: Routes;
  readonly groups: readonly Groups[];
  readonly lease: Lease | undefined;
  /** Whether the device is served. */
  isOpen = false;
  readonly #machine: StationOf;
  readonly #addresses: readonly Prefix[];
  readonly #gateways: HostOptions['gateways'];
  readonly #multicast: HostOptions['multicast'];
  /** What addresses the core was given last. */
  #told: AddressesEffect | undefined;

  constructor(machine: StationOf, options: HostOptions, random: Random) {
    const { publicKey, addresses, dhcp, name, wanted } = options;
    this.#machine = machine;
    this.#addresses = addresses;
    this.#gateways = options.gateways;
    this.#multicast = options.multicast;
    this.mac = options.mac ?? macOf(publicKey);
    const six = addresses.some(({ address }) => address.length === 16);
    this.linkLocal = six ? linkLocalOf(this.mac) : undefined;
    this.out = new HostOutbox(this.mac);
    this.speech = new Speech(this.mac, this.out);
    this.own = new OwnAddresses(this.out, this);
    this.neighbours = new Neighbours(this.out, this);
    this.routers = new Routers(this);
    this.routes = new Routes(this.out, this);
    this.hearing = new Hearing(this);
    const four = dhcp || addresses.some(({ address }) => address.length === 4);
    const families: readonly Family[] = four && six ? [4, 6] : four ? [4] : six ? [6] : [];
    this.groups = families.map((family) => new Groups(this.out, random, family, this));
    if (dhcp) this.lease = new Lease({ mac: this.mac, publicKey, name }, wanted, this.out, random, this);
  }

  /** The device is there. */
  open(now: number): void {
    this.isOpen = true;
    for (const prefix of this.#addresses) this.own.add(now, prefix);
    if (this.linkLocal !== undefined) this.own.add(now, { address: this.linkLocal, bits: 64 });
    this.lease?.start(now);
    this.changed();
    for (const groups of this.groups) groups.joined(now);
  }

  /** Says nothing to the network. */
  close(): void {
    this.isOpen = false;
    this.lease?.stop();
    this.neighbours.clear();
    this.own.clear();
    this.routers.clear();
    this.changed();
    this.routes.clear();
  }

  /** Infinity for never. */
  get deadline(): number {
    const parts = [this.own, this.neighbours, this.routers, ...this.groups];
    return Math.min(this.lease?.deadline ?? Infinity, ...parts.map(({ deadline }) => deadline));
  }

  /** Time has passed. */
  tick(now: number): void {
    this.own.tick(now);
    this.neighbours.tick(now);
    this.routers.tick(now);
    this.changed();
    this.lease?.tick(now);
    this.routes.review();
  }

  /** The groups of a family, if it has any. */
  groupsOf(family: Family): Groups | undefined {
    return this.groups.find((one) => one.family === family);
  }

  /** Whether the device takes what is sent to many, at this address. */
  takes(destination: Uint8Array): boolean {
    return this.groupsOf(familyOf(destination)) !== undefined && takes(this.#multicast, destination);
  }

  // What the parts tell it.

  detect(address: Uint8Array, first: boolean): void {
    if (first) this.neighbours.clear(); // what the device sends from it is to pass the machine
    this.speech.detect(address);
  }

  announce(address: Uint8Array): void {
    this.speech.announce(address);
  }

  known(address: Uint8Array, mac: Uint8Array | undefined): void {
    if (mac !== undefined && this.own.isDetecting) return;
    this.out.push({ do: 'neighbour', address, mac });
    this.routes.known(address, mac);
  }

  remembered(address: Uint8Array, is: boolean): void {
    // A core leaves out nothing that is said by neighbour discovery.
    if (address.length === 4) this.out.push({ do: 'listen', address, on: is });
  }

  askRouters(): void {
    this.speech.askRouters(this.linkLocal as Uint8Array);
  }

  rerouted(): void {
    this.changed();
    this.routes.review();
  }

  leased(now: number, prefix: Prefix): void {
    this.own.add(now, prefix);
    this.changed();
  }

  lost(_: number, address: Uint8Array): void {
    if (this.#isGiven(address)) return;
    this.own.remove(address);
    this.changed();
  }

  /** Whether it may be used now. */
  mayUse(address: Uint8Array | undefined): boolean {
    return address !== undefined && this.own.state(address) === 'used';
  }

  /** An address of a family that may be used: the one in the network of another, if there is one. */
  #source(family: Family, towards?: Uint8Array): Uint8Array | undefined {
    const used = this.own.used.filter(({ address }) => familyOf(address) === family);
    const near = towards && used.find((prefix) => within(towards, prefix));
    return (near ?? used[0])?.address;
  }

  inUse(family: Family): Uint8Array[] {
    const services = groupsOf(this.#multicast).filter((one) => familyOf(one) === family);
    return family === 4 ? services : [...this.#solicited(), ...services];
  }

  reporter(family: Family): Uint8Array {
    if (family === 4) return this.#source(4) ?? NOBODY_4;
    return this.mayUse(this.linkLocal) ? (this.linkLocal as Uint8Array) : NOBODY_6;
  }

  /** The groups that IPv6 addresses are asked for at, each once. */
  #solicited(): Uint8Array[] {
    const groups = this.own.addresses.filter((one) => one.length === 16).map(solicitedNode);
    return groups.filter((one, i) => groups.findIndex((other) => sameBytes(one, other)) === i);
  }

  ask(address: Uint8Array, mac: Uint8Array | undefined): void {
    const six = address.length === 16;
    const source = six && this.mayUse(this.linkLocal) ? this.linkLocal : this.#source(six ? 6 : 4, address);
    if (source !== undefined) this.speech.ask(source, address, mac);
  }

  gateway(family: Family): Uint8Array | undefined {
    const given = this.#gateways?.find((one) => familyOf(one) === family);
    if (given !== undefined) return given;
    if (family === 4) return this.lease?.router;
    // One that is known before one that may be there, and that before one that does not answer (RFC 4861 §6.3.6).
    const { routers } = this.routers;
    const state = (one: Uint8Array) => this.neighbours.stateOf(one);
    return (
      routers.find((one) => !['incomplete', 'negative', undefined].includes(state(one))) ??
      routers.find((one) => state(one) !== 'negative') ??
      routers[0]
    );
  }

  used(now: number, address: Uint8Array, waiting: readonly Uint8Array[]): void {
    this.changed();
    if (address === this.linkLocal) this.routers.start(now);
    for (const groups of this.groups) if (groups.family === familyOf(address)) groups.joined(now);
    for (const packet of waiting) this.#machine.packet(now, packet);
  }

  refused(now: number, address: Uint8Array): void {
    if (!this.#isGiven(address)) this.lease?.declined(now);
    this.changed();
  }

  /** Whether an address was given, not leased. */
  #isGiven(address: Uint8Array): boolean {
    return address === this.linkLocal || this.#addresses.some((prefix) => sameBytes(prefix.address, address));
  }

  /** The addresses in use may be others, or the networks on the link. */
  changed(): void {
    const { used } = this.own;
    const networks = [...used, ...this.routers.networks].filter(({ address }) => address !== this.linkLocal);
    const six = this.isOpen && this.linkLocal !== undefined;
    // concat and slice, as they take no more room than there are elements: a server may have thousands of devices.
    const onLink = six ? [LINK_LOCAL].concat(networks) : networks.slice();
    const own = this.own.addresses.filter((one) => this.own.state(one) !== 'refused').slice();
    const told = this.#told;
    this.routes.onLink = onLink;
    this.#told = { do: 'addresses', own, onLink };
    if (told === undefined || !sameAddresses(told, this.#told)) this.out.push(this.#told);
  }
}
