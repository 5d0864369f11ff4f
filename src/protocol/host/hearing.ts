// What stations say of addresses, by ARP and by neighbour discovery: answered, and remembered (secure.md §6.3, §6.4).
import { sameBytes } from '../bytes.js';
import { isStation, isUnspecified } from './address.js';
import type { Arp } from './arp.js';
import type { Packet } from './ip.js';
import { type Advertisement, readDiscovery, type Solicitation } from './nd.js';
import type { Neighbours } from './neighbours.js';
import type { OwnAddresses } from './own.js';
import type { Routers } from './routers.js';
import type { Speech } from './speech.js';
import type { HostDrop } from './terms.js';

/** Whom it concerns. */
export interface HearingOf {
  readonly mac: Uint8Array;
  readonly own: OwnAddresses;
  readonly neighbours: Neighbours;
  readonly routers: Routers;
  readonly speech: Speech;
  /** Routers, or networks on the link, may be others. */
  rerouted(): void;
}

/** A station that says something by itself: it takes the place of what was known. */
const CLAIMS = { answers: false, overrides: true } as const;

export class Hearing {
  readonly #its: HearingOf;

  constructor(its: HearingOf) {
    this.#its = its;
  }

  /** @returns why it was dropped */
  arp(now: number, arp: Arp): HostDrop | undefined {
    const { mac, own, neighbours, speech } = this.#its;
    const { what, sender, senderMac, target, targetMac } = arp;
    if (sameBytes(senderMac, mac)) return 'not its own';
    const state = own.state(target);
    const asks = what === 'request';
    if (own.state(sender) !== undefined) {
      own.conflict(now, sender, senderMac);
      return undefined;
    }
    if (state === 'detecting' && asks && isUnspecified(sender)) own.conflict(now, target, senderMac);
    else if (isStation(sender)) {
      const answers = !asks && sameBytes(targetMac, mac);
      neighbours.heard(now, sender, senderMac, { ...CLAIMS, answers, remember: asks && state === 'used' });
    }
    if (asks && state === 'used') speech.answerArp(arp);
    return undefined;
  }

  /**
   * A message of neighbour discovery.
   * @param from where its frame came from
   * @returns why it was dropped
   */
  discovery(now: number, from: Uint8Array, packet: Packet): HostDrop | undefined {
    const { neighbours, routers } = this.#its;
    const { source } = packet;
    const message = readDiscovery(packet);
    if (message === undefined) return 'malformed';
    if (message === 'other') return undefined;
    if (message.what === 'solicitation') this.#asked(now, source, from, message);
    else if (message.what === 'advertisement') this.#advertised(now, from, message);
    else {
      if (message.mac !== undefined)
        neighbours.heard(now, source, message.mac, { ...CLAIMS, remember: true });
      routers.advertised(now, source, message);
      this.#its.rerouted();
    }
    return undefined;
  }

  #asked(now: number, source: Uint8Array, from: Uint8Array, { target, mac }: Solicitation): void {
    const { own, neighbours, speech } = this.#its;
    const state = own.state(target);
    const its = mac ?? from;
    if (own.state(source) !== undefined) own.conflict(now, source, its);
    else if (state === 'detecting' && isUnspecified(source)) own.conflict(now, target, its);
    else if (state === 'used') {
      if (mac !== undefined) neighbours.heard(now, source, mac, { ...CLAIMS, remember: true });
      speech.answerNd(source, its, target);
    }
  }

  #advertised(now: number, from: Uint8Array, message: Advertisement): void {
    const { own, neighbours, routers } = this.#its;
    const { target, mac, solicited: answers, override: overrides, router } = message;
    if (own.state(target) !== undefined) {
      own.conflict(now, target, mac ?? from);
      return;
    }
    // Who was asked directly may leave its MAC address out (RFC 4861 §4.4).
    const its = mac ?? (answers ? from : undefined);
    if (its !== undefined) neighbours.heard(now, target, its, { answers, overrides, remember: false });
    if (router) return;
    routers.isNone(target);
    this.#its.rerouted();
  }
}
