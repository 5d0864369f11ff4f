// Where packets go: to a station of a network on the link, or to the gateway (secure.md §6.4).
import { sameBytes } from '../bytes.js';
import { type Family, familyOf, within } from './address.js';
import type { HostOutbox } from './outbox.js';
import type { Prefix } from './terms.js';

interface Used {
  readonly family: Family;
  readonly address: Uint8Array;
  /** Whether the core sends there by itself. */
  told: boolean;
}

/** What it asks the machine. */
export interface RouteEvents {
  /** The best gateway of a family that is known now. */
  gateway(family: Family): Uint8Array | undefined;
}

const NONE: readonly never[] = []; // one for all: a server may have thousands of devices

export class Routes {
  readonly #out: HostOutbox;
  readonly #events: RouteEvents;
  /** Networks whose stations are reached directly. */
  onLink: readonly Prefix[] = NONE;
  /** The gateway of each family that something was sent to last. */
  #used: readonly Used[] = NONE;
  /** Families whose lack of a gateway was reported. */
  #missing: readonly Family[] = NONE;

  constructor(out: HostOutbox, events: RouteEvents) {
    this.#out = out;
    this.#events = events;
  }

  /** The station that a packet for an address is sent to; undefined where nothing leads there. */
  next(destination: Uint8Array): Uint8Array | undefined {
    if (this.onLink.some((network) => within(destination, network))) return destination;
    const family = familyOf(destination);
    const address = this.#events.gateway(family);
    if (address === undefined) this.lacks(family);
    else if (!this.#used.some((one) => sameBytes(one.address, address))) {
      this.review();
      this.#used = [...this.#used, { family, address: address.slice(), told: false }];
    }
    return address;
  }

  /** No gateway of a family is known, or it does not answer. */
  lacks(family: Family): void {
    if (this.#missing.includes(family)) return;
    this.#missing = [...this.#missing, family];
    this.#out.notice({ what: 'no gateway', family });
  }

  /** The MAC address of a station is known, or not any more: the core needs that of a gateway. */
  known(address: Uint8Array, mac: Uint8Array | undefined): void {
    const used = this.#used.find((one) => sameBytes(one.address, address));
    if (used === undefined) return;
    const { family } = used;
    if (mac !== undefined) this.#missing = this.#missing.filter((one) => one !== family);
    if (mac !== undefined || used.told) this.#out.push({ do: 'gateway', family, mac });
    used.told = mac !== undefined;
  }

  /** Gateways may have come or gone: the core is not to use one that is none any more. */
  review(): void {
    for (const used of this.#used) {
      const { family, address, told } = used;
      const best = this.#events.gateway(family);
      if (best !== undefined && sameBytes(best, address)) continue;
      this.#used = this.#used.filter((one) => one !== used);
      if (told) this.#out.push({ do: 'gateway', family, mac: undefined });
    }
  }

  clear(): void {
    this.onLink = NONE;
    this.#used = NONE;
    this.#missing = NONE;
  }
}
