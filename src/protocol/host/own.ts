// The device's own addresses: looked for on the network before they are used, announced and defended
// (secure.md §6.3; RFC 4862 §5.4, RFC 5227).
import { sameBytes } from '../bytes.js';
import { familyOf } from './address.js';
import {
  ANNOUNCE_INTERVAL,
  ANNOUNCEMENTS,
  CONFLICT_TIME,
  DEFEND_INTERVAL,
  DETECT,
  WAITING_MAX,
} from './constants.js';
import type { HostOutbox } from './outbox.js';
import type { Prefix } from './terms.js';

/**
 * - detecting: it is asked whether somebody has it; the device's packets from it wait
 * - used
 * - refused: somebody else has it
 */
export type OwnState = 'detecting' | 'used' | 'refused';

interface Own {
  readonly prefix: Prefix;
  state: OwnState;
  /** When something is due, ms. */
  at: number;
  /** How often it was looked for, or is still to be announced. */
  left: number;
  defended: number;
  /** Whether a conflict was reported. */
  told: boolean;
  waiting: readonly Uint8Array[];
}

/** What follows in the machine. */
export interface OwnEvents {
  /** Ask who has an address, without having it. @param first whether it is the first time */
  detect(address: Uint8Array, first: boolean): void;
  /** Tell everybody who has it. */
  announce(address: Uint8Array): void;
  /** It can be used now. @param waiting packets of the device */
  used(now: number, address: Uint8Array, waiting: readonly Uint8Array[]): void;
  /** Somebody else has it. */
  refused(now: number, address: Uint8Array): void;
}

const NONE: readonly never[] = []; // one for all: a server may have thousands of devices

export class OwnAddresses {
  readonly #out: HostOutbox;
  readonly #events: OwnEvents;
  #all: readonly Own[] = [];

  constructor(out: HostOutbox, events: OwnEvents) {
    this.#out = out;
    this.#events = events;
  }

  get deadline(): number {
    return Math.min(...this.#all.map(({ at }) => at));
  }

  #find(address: Uint8Array): Own | undefined {
    return this.#all.find(({ prefix }) => sameBytes(prefix.address, address));
  }

  /** undefined for an address that is not the device's. */
  state(address: Uint8Array): OwnState | undefined {
    return this.#find(address)?.state;
  }

  /** Whether one is being looked for. */
  get isDetecting(): boolean {
    return this.#all.some(({ state }) => state === 'detecting');
  }

  /** All of them, whatever their state. */
  get addresses(): Uint8Array[] {
    return this.#all.map(({ prefix }) => prefix.address);
  }

  /** Those that are used, with their networks. */
  get used(): Prefix[] {
    return this.#all.filter(({ state }) => state === 'used').map(({ prefix }) => prefix);
  }

  add(now: number, prefix: Prefix): void {
    if (this.#find(prefix.address) !== undefined) return;
    const one: Own = {
      prefix,
      state: 'detecting',
      at: now,
      left: 0,
      defended: -Infinity,
      told: false,
      waiting: NONE,
    };
    this.#all = this.#all.concat(one); // takes no more room than there are elements
    this.#detect(now, one);
  }

  remove(address: Uint8Array): void {
    const one = this.#find(address);
    if (one === undefined) return;
    this.#out.drop('source', one.waiting.length);
    this.#all = this.#all.filter((other) => other !== one);
  }

  #detect(now: number, one: Own): void {
    one.state = 'detecting';
    one.left = DETECT[familyOf(one.prefix.address)].probes;
    this.#probe(now, one, true);
  }

  #probe(now: number, one: Own, first = false): void {
    one.left--;
    one.at = now + DETECT[familyOf(one.prefix.address)].interval;
    this.#events.detect(one.prefix.address, first);
  }

  /** A packet of the device from an address that is being looked for waits. */
  wait(address: Uint8Array, packet: Uint8Array): void {
    const one = this.#find(address) as Own;
    const kept = one.waiting.slice(-(WAITING_MAX - 1));
    this.#out.drop('no room', one.waiting.length - kept.length);
    one.waiting = [...kept, packet.slice()];
  }

  /** Takes what waits. */
  #release(one: Own): readonly Uint8Array[] {
    const { waiting } = one;
    one.waiting = NONE;
    return waiting;
  }

  /** Announces all that are used, as if they had just come. */
  announce(now: number): void {
    for (const one of this.#all) if (one.state === 'used') this.#announceFirst(now, one);
  }

  #announceFirst(now: number, one: Own): void {
    one.left = ANNOUNCEMENTS;
    this.#announce(now, one);
  }

  #announce(now: number, one: Own): void {
    one.left--;
    one.at = one.left > 0 ? now + ANNOUNCE_INTERVAL : Infinity;
    this.#events.announce(one.prefix.address);
  }

  /** Another station of this MAC address has an own address, or asks as we do whether somebody has it. */
  conflict(now: number, address: Uint8Array, mac: Uint8Array): void {
    const one = this.#find(address);
    if (one === undefined || one.state === 'refused') return;
    const used = one.state === 'used';
    if (!one.told) this.#out.notice({ what: 'conflict', address: address.slice(), mac: mac.slice(), used });
    one.told = true;
    if (used) {
      if (now - one.defended < DEFEND_INTERVAL) return;
      one.defended = now;
      this.#events.announce(address.slice());
      return;
    }
    one.state = 'refused';
    one.at = now + CONFLICT_TIME;
    this.#out.drop('source', this.#release(one).length);
    this.#events.refused(now, one.prefix.address);
  }

  tick(now: number): void {
    for (const one of this.#all) {
      if (now < one.at) continue;
      if (one.state === 'used') this.#announce(now, one);
      else if (one.state === 'refused') this.#detect(now, one);
      else if (one.left > 0) this.#probe(now, one);
      else this.#use(now, one);
    }
  }

  #use(now: number, one: Own): void {
    one.state = 'used';
    this.#announceFirst(now, one);
    this.#events.used(now, one.prefix.address, this.#release(one));
  }

  clear(): void {
    for (const address of this.addresses) this.remove(address);
  }
}
