// What IPv6 routers say: that they are routers, and which networks are on the link (RFC 4861 §6.3).
import { addressKey, sameBytes } from './address.js';
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
  readonly #routers = new Map<string, Router>();
  readonly #networks = new Map<string, Network>();
  /** How often routers are still asked for, and when the next time is, ms. */
  #left = 0;
  #askAt = Infinity;

  /** @param ask asks all routers */
  constructor(ask: () => void) {
    this.#ask = ask;
  }

  get deadline(): number {
    const untils = [...this.#routers.values(), ...this.#networks.values()].map(({ until }) => until);
    return Math.min(this.#askAt, ...untils);
  }

  /** Addresses of routers, the preferred ones first. */
  get routers(): Uint8Array[] {
    return [...this.#routers.values()]
      .sort((one, other) => other.preference - one.preference)
      .map(({ address }) => address);
  }

  /** Networks that are on the link. */
  get networks(): Prefix[] {
    return Array.from(this.#networks.values(), ({ network }) => network);
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
    const key = addressKey(router);
    if (seconds === 0) this.#routers.delete(key);
    else if (this.#routers.has(key) || this.#routers.size < ROUTERS_MAX)
      this.#routers.set(key, { address: router.slice(), preference, until: now + 1000 * seconds });
    for (const { network, seconds } of networks) {
      const key = `${addressKey(network.address)}/${network.bits}`;
      if (seconds === 0) this.#networks.delete(key);
      else if (this.#networks.has(key) || this.#networks.size < NETWORKS_MAX)
        this.#networks.set(key, { network, until: now + 1000 * seconds });
    }
  }

  /** A station has said that it is no router. */
  isNone(address: Uint8Array): void {
    for (const [key, router] of this.#routers)
      if (sameBytes(router.address, address)) this.#routers.delete(key);
  }

  tick(now: number): void {
    for (const table of [this.#routers, this.#networks])
      for (const [key, { until }] of table) if (now >= until) table.delete(key);
    if (now < this.#askAt) return;
    this.#left--;
    this.#askAt = this.#left > 0 ? now + ROUTER_SOLICITATION_INTERVAL : Infinity;
    this.#ask();
  }

  clear(): void {
    this.#routers.clear();
    this.#networks.clear();
    this.#askAt = Infinity;
  }
}
