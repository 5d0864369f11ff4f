// Where packets go: to a station of a network on the link, or to the gateway (secure.md §6.4).
import { type Family, familyOf, sameBytes, within } from './address.js';
import type { HostOutbox } from './outbox.js';
import type { Prefix } from './terms.js';

export class Routes {
  readonly #out: HostOutbox;
  readonly #gatewayOf: (family: Family) => Uint8Array | undefined;
  #onLink: readonly Prefix[] = [];
  /** The gateway of each family that something was sent to last. */
  readonly #used = new Map<Family, { readonly address: Uint8Array; told: boolean }>();
  /** Families whose lack of a gateway was told. */
  readonly #missing = new Set<Family>();

  /** @param gatewayOf the best gateway that is known now */
  constructor(out: HostOutbox, gatewayOf: (family: Family) => Uint8Array | undefined) {
    this.#out = out;
    this.#gatewayOf = gatewayOf;
  }

  /** Networks whose stations are reached directly. */
  get onLink(): readonly Prefix[] {
    return this.#onLink;
  }

  set onLink(networks: readonly Prefix[]) {
    this.#onLink = networks;
  }

  /** Whether the last way to other networks of a family is by this station. */
  #isGateway(address: Uint8Array): boolean {
    const used = this.#used.get(familyOf(address));
    return used !== undefined && sameBytes(used.address, address);
  }

  /** The station that a packet for an address is sent to; undefined where nothing leads there. */
  next(destination: Uint8Array): Uint8Array | undefined {
    if (this.#onLink.some((network) => within(destination, network))) return destination;
    const family = familyOf(destination);
    const address = this.#gatewayOf(family);
    if (address === undefined) this.lacks(family);
    else if (!this.#isGateway(address)) {
      this.review();
      this.#used.set(family, { address: address.slice(), told: false });
    }
    return address;
  }

  /** No gateway of a family is known, or it does not answer. */
  lacks(family: Family): void {
    if (this.#missing.has(family)) return;
    this.#missing.add(family);
    this.#out.notice({ what: 'no gateway', family });
  }

  /** The MAC address of a station is known, or not any more: the core needs that of a gateway. */
  known(address: Uint8Array, mac: Uint8Array | undefined): void {
    const family = familyOf(address);
    const used = this.#used.get(family);
    if (used === undefined || !sameBytes(used.address, address)) return;
    if (mac !== undefined) this.#missing.delete(family);
    if (mac !== undefined || used.told) this.#out.push({ do: 'gateway', family, mac });
    used.told = mac !== undefined;
  }

  /** Gateways may have come or gone: the core is not to use one that is none any more. */
  review(): void {
    for (const [family, { address, told }] of this.#used) {
      const best = this.#gatewayOf(family);
      if (best !== undefined && sameBytes(best, address)) continue;
      this.#used.delete(family);
      if (told) this.#out.push({ do: 'gateway', family, mac: undefined });
    }
  }

  clear(): void {
    this.#onLink = [];
    this.#used.clear();
    this.#missing.clear();
  }
}
