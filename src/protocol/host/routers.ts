// What IPv6 routers say: that they are routers, and which networks are on the link (RFC 4861 §6.3).
import { sameBytes } from '../bytes.js';
import {
  NETWORKS_MAX,
  ROUTER_SOLICITATION_INTERVAL,
  ROUTER_SOLICITATIONS,
  ROUTERS_MAX,
} from './constants.js';
import type { RouterAdvertisement } from './nd.js';
import type { Prefix } from './terms.js';

interface Router {
  readonly address: Uint8Array;
  readonly preference: number;
  readonly until: number;
}

interface Network {
  readonly network: Prefix;
  readonly until: number;
}

/** What follows in the machine. */
export interface RouterEvents {
  /** Ask all routers. */
  askRouters(): void;
}

const NONE: readonly never[] = []; // one for all: a server may have thousands of devices

/** Those that are not over: the same list where that is all. */
function stillThere<One extends { readonly until: number }>(
  now: number,
  list: readonly One[],
): readonly One[] {
  return list.every(({ until }) => now < until) ? list : list.filter(({ until }) => now < until);
}

export class Routers {
  readonly #events: RouterEvents;
  #routers: readonly Router[] = NONE;
  #networks: readonly Network[] = NONE;
  /** How often routers are still asked for, and when the next time is, ms. */
  #left = 0;
  #askAt = Infinity;

  constructor(events: RouterEvents) {
    this.#events = events;
  }

  get deadline(): number {
    return Math.min(this.#askAt, ...[...this.#routers, ...this.#networks].map(({ until }) => until));
  }

  /** Addresses of routers, the preferred ones first. */
  get routers(): Uint8Array[] {
    return [...this.#routers]
      .sort((one, other) => other.preference - one.preference)
      .map(({ address }) => address);
  }

  /** Networks that are on the link. */
  get networks(): Prefix[] {
    return this.#networks.map(({ network }) => network);
  }

  /** Routers are asked for. */
  start(now: number): void {
    this.#left = ROUTER_SOLICITATIONS;
    this.#askAt = now;
    this.tick(now);
  }

  /** @param router its link-local address */
  advertised(now: number, router: Uint8Array, { seconds, preference, networks }: RouterAdvertisement): void {
    this.#askAt = Infinity;
    const others = this.#routers.filter(({ address }) => !sameBytes(address, router));
    this.#routers = others;
    if (seconds > 0 && others.length < ROUTERS_MAX)
      this.#routers = [...others, { address: router.slice(), preference, until: now + 1000 * seconds }];
    for (const one of networks) this.#onLink(now, one);
  }

  #onLink(now: number, { network, seconds }: RouterAdvertisement['networks'][number]): void {
    const isOther = (one: Network) =>
      one.network.bits !== network.bits || !sameBytes(one.network.address, network.address);
    const others = this.#networks.filter(isOther);
    this.#networks = others;
    if (seconds > 0 && others.length < NETWORKS_MAX)
      this.#networks = [...others, { network, until: now + 1000 * seconds }];
  }

  /** A station has said that it is no router. */
  isNone(address: Uint8Array): void {
    this.#routers = this.#routers.filter((router) => !sameBytes(router.address, address));
  }

  tick(now: number): void {
    this.#routers = stillThere(now, this.#routers);
    this.#networks = stillThere(now, this.#networks);
    if (now < this.#askAt) return;
    this.#left--;
    this.#askAt = this.#left > 0 ? now + ROUTER_SOLICITATION_INTERVAL : Infinity;
    this.#events.askRouters();
  }

  clear(): void {
    this.#routers = NONE;
    this.#networks = NONE;
    this.#askAt = Infinity;
  }
}
