// Whose MAC address is whose, and what waits until that is known (secure.md §6.4; RFC 4861 §7.3, for ARP as well).
import { sameBytes } from '../bytes.js';
import { addressKey } from './address.js';
import {
  NEGATIVE_TIME,
  NEIGHBOURS_MAX,
  PROBE_DELAY,
  REACHABLE_TIME,
  REQUEST_INTERVAL,
  REQUESTS,
  WAITING_ALL_MAX,
  WAITING_MAX,
} from './constants.js';
import type { HostOutbox } from './outbox.js';

/**
 * - incomplete: it is asked for, and packets wait
 * - reachable: it has answered
 * - stale: it has not answered lately, and nothing was sent to it since
 * - delay: something was sent; it is asked soon
 * - probe: it is asked
 * - negative: it has not answered
 */
export type NeighbourState = 'incomplete' | 'reachable' | 'stale' | 'delay' | 'probe' | 'negative';

interface Neighbour {
  readonly address: Uint8Array;
  mac: Uint8Array | undefined;
  state: NeighbourState;
  /** When something is due, ms. */
  at: number;
  /** How often it was asked. */
  requests: number;
  readonly waiting: Uint8Array[];
  /** Whether the core sends to it by itself. */
  told: boolean;
}

/** What follows in the machine. */
export interface NeighbourEvents {
  /** Ask for a neighbour; at its MAC address where there is one. */
  ask(address: Uint8Array, mac: Uint8Array | undefined): void;
  /** The core may send to it by itself, or not any more. */
  known(address: Uint8Array, mac: Uint8Array | undefined): void;
  /** It is remembered, or forgotten: what it says meanwhile may change what is known of it, in every state. */
  remembered(address: Uint8Array, is: boolean): void;
}

/** How a station has said that an address is its own. */
export interface Claim {
  /** As an answer to what it was asked. */
  readonly answers: boolean;
  /** Whether it may take the place of another MAC address that is known. */
  readonly overrides: boolean;
  /** Whether it is remembered where nobody has asked for it, if there is room. */
  readonly remember: boolean;
}

export class Neighbours {
  readonly #out: HostOutbox;
  readonly #events: NeighbourEvents;
  /** The one that was needed the longest ago first. */
  readonly #all = new Map<string, Neighbour>();
  #waiting = 0;

  constructor(out: HostOutbox, events: NeighbourEvents) {
    this.#out = out;
    this.#events = events;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Packets that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  get deadline(): number {
    let deadline = Infinity;
    for (const { at } of this.#all.values()) deadline = Math.min(deadline, at);
    return deadline;
  }

  /** undefined where nothing is known of it. */
  stateOf(address: Uint8Array): NeighbourState | undefined {
    return this.#all.get(addressKey(address))?.state;
  }

  /** Sends a packet to a neighbour, or keeps it until that has answered. @returns whether it was dropped at once */
  send(now: number, address: Uint8Array, packet: Uint8Array): boolean {
    const one = this.#needed(now, address);
    if (one.state === 'negative') {
      this.#out.drop('unreachable');
      return true;
    }
    if (one.mac === undefined) {
      this.#wait(one, packet);
      return false;
    }
    if (one.state === 'stale') {
      one.state = 'delay';
      one.at = now + PROBE_DELAY;
    }
    this.#out.ip(one.mac, packet);
    one.told = true;
    this.#events.known(one.address, one.mac);
    return false;
  }

  /** The entry of a neighbour that is needed; the last one of all from now on. */
  #needed(now: number, address: Uint8Array): Neighbour {
    const key = addressKey(address);
    const known = this.#all.get(key);
    if (known !== undefined) {
      this.#all.delete(key);
      this.#all.set(key, known);
      return known;
    }
    for (const oldest of this.#all.values()) if (this.#all.size >= NEIGHBOURS_MAX) this.#forget(oldest);
    const one = this.#add(address, 'incomplete', undefined, now + REQUEST_INTERVAL);
    one.requests = 1;
    this.#events.ask(one.address, undefined);
    return one;
  }

  #add(address: Uint8Array, state: NeighbourState, mac: Uint8Array | undefined, at: number): Neighbour {
    const one = {
      address: address.slice(),
      mac: mac?.slice(),
      state,
      at,
      requests: 0,
      waiting: [],
      told: false,
    };
    this.#all.set(addressKey(address), one);
    this.#events.remembered(one.address, true);
    return one;
  }

  #wait({ waiting }: Neighbour, packet: Uint8Array): void {
    if (waiting.length >= WAITING_MAX) {
      waiting.shift();
      this.#waiting--;
      this.#out.drop('no room');
    }
    if (this.#waiting >= WAITING_ALL_MAX) {
      this.#out.drop('no room');
      return;
    }
    waiting.push(packet.slice());
    this.#waiting++;
  }

  /** Takes what waits for a neighbour. */
  #release(one: Neighbour): Uint8Array[] {
    this.#waiting -= one.waiting.length;
    return one.waiting.splice(0);
  }

  #forget(one: Neighbour): void {
    this.#out.drop('unreachable', this.#release(one).length);
    this.#untell(one);
    this.#all.delete(addressKey(one.address));
    this.#events.remembered(one.address, false);
  }

  #untell(one: Neighbour): void {
    if (one.told) this.#events.known(one.address, undefined);
    one.told = false;
  }

  /** A station has said what its MAC address is (RFC 4861 §7.2.3, §7.2.5). */
  heard(now: number, address: Uint8Array, mac: Uint8Array, { answers, overrides, remember }: Claim): void {
    const one = this.#all.get(addressKey(address));
    if (one === undefined) {
      if (remember && this.#all.size < NEIGHBOURS_MAX) this.#add(address, 'stale', mac, Infinity);
      return;
    }
    const other = one.mac !== undefined && !sameBytes(one.mac, mac);
    if (other && !overrides) {
      if (one.state === 'reachable') this.#age(one);
      return;
    }
    const wasMissing = one.mac === undefined;
    one.mac = mac.slice();
    if (answers) {
      one.state = 'reachable';
      one.at = now + REACHABLE_TIME;
      one.requests = 0;
    } else if (other || wasMissing) this.#age(one);
    for (const packet of this.#release(one)) this.send(now, one.address, packet);
    if (one.told && other) this.#events.known(one.address, one.mac);
  }

  /** It is asked again when it is needed again. */
  #age(one: Neighbour): void {
    one.state = 'stale';
    one.at = Infinity;
    one.requests = 0;
    this.#untell(one);
  }

  tick(now: number): void {
    for (const one of [...this.#all.values()]) if (now >= one.at) this.#due(now, one);
  }

  #due(now: number, one: Neighbour): void {
    switch (one.state) {
      case 'reachable':
        this.#age(one);
        return;
      case 'delay':
        one.state = 'probe';
        this.#ask(now, one);
        return;
      case 'incomplete':
      case 'probe':
        if (one.requests < REQUESTS) {
          this.#ask(now, one);
          return;
        }
        this.#out.drop('unreachable', this.#release(one).length);
        this.#untell(one);
        one.mac = undefined;
        one.state = 'negative';
        one.at = now + NEGATIVE_TIME;
        return;
      case 'stale':
      case 'negative':
        this.#forget(one);
    }
  }

  #ask(now: number, one: Neighbour): void {
    one.requests++;
    one.at = now + REQUEST_INTERVAL;
    this.#events.ask(one.address, one.mac);
  }

  clear(): void {
    for (const one of [...this.#all.values()]) this.#forget(one);
  }
}
