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

export class Routers {
  readonly #ask: () => void;
  #routers: readonly Router[] = [];
  #networks: readonly Network[] = [];
  /** How often routers are still asked for, and when the next time is, ms. */
  #left = 0;
  #askAt = Infinity;

  /** @param ask asks all routers */
  constructor(ask: () => void) {
    this.#ask = ask;
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
    this.#routers = this.#routers.filter(({ until }) => now < until);
    this.#networks = this.#networks.filter(({ until }) => now < until);
    if (now < this.#askAt) return;
    this.#left--;
    this.#askAt = this.#left > 0 ? now + ROUTER_SOLICITATION_INTERVAL : Infinity;
    this.#ask();
  }

  clear(): void {
    this.#routers = [];
    this.#networks = [];
    this.#askAt = Infinity;
  }
}
