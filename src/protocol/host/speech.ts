// What a station says of addresses: by ARP of IPv4's, by neighbour discovery of IPv6's.
import { ALL_NODES, ALL_ROUTERS, isUnspecified, NOBODY_4, NOBODY_6, solicitedNode } from './address.js';
import { type Arp, arpOf } from './arp.js';
import { ETHERTYPE } from './ethernet.js';
import { BROADCAST_MAC, multicastMac } from './mac.js';
import { advertisement, routerSolicitation, solicitation } from './nd.js';
import type { HostOutbox } from './outbox.js';

const NO_MAC = new Uint8Array(6);

export class Speech {
  readonly #mac: Uint8Array;
  readonly #out: HostOutbox;

  constructor(mac: Uint8Array, out: HostOutbox) {
    this.#mac = mac;
    this.#out = out;
  }

  /** Asks whether somebody has an address that should be ours (RFC 5227 §2.1.1, RFC 4862 §5.4.2). */
  detect(address: Uint8Array): void {
    if (address.length === 4) {
      this.#arp(BROADCAST_MAC, 'request', NOBODY_4, NO_MAC, address);
      return;
    }
    const group = solicitedNode(address);
    this.#out.ip(multicastMac(group), solicitation(NOBODY_6, group, address, undefined));
  }

  /** Tells everybody that we have an address (RFC 5227 §2.3, RFC 4861 §7.2.6). */
  announce(address: Uint8Array): void {
    if (address.length === 4) {
      this.#arp(BROADCAST_MAC, 'request', address, NO_MAC, address);
      return;
    }
    this.#out.ip(multicastMac(ALL_NODES), advertisement(address, ALL_NODES, this.#mac, false));
  }

  /**
   * Asks who has an address: everybody, or the station that had it.
   * @param source an address of ours, of the same family
   */
  ask(source: Uint8Array, address: Uint8Array, mac: Uint8Array | undefined): void {
    if (address.length === 4) {
      this.#arp(mac ?? BROADCAST_MAC, 'request', source, NO_MAC, address);
      return;
    }
    const to = mac === undefined ? solicitedNode(address) : address;
    this.#out.ip(mac ?? multicastMac(to), solicitation(source, to, address, this.#mac));
  }

  /** Answers a request for an IPv4 address of ours. */
  answerArp({ sender, senderMac, target }: Arp): void {
    this.#arp(senderMac, 'reply', target, senderMac, sender);
  }

  /** Answers a solicitation of an IPv6 address of ours; everybody, if who asks has no address. */
  answerNd(source: Uint8Array, mac: Uint8Array, target: Uint8Array): void {
    if (isUnspecified(source)) this.announce(target);
    else this.#out.ip(mac, advertisement(target, source, this.#mac, true));
  }

  /** Asks for routers. @param source our link-local address */
  askRouters(source: Uint8Array): void {
    this.#out.ip(multicastMac(ALL_ROUTERS), routerSolicitation(source, ALL_ROUTERS, this.#mac));
  }

  #arp(
    to: Uint8Array,
    what: Arp['what'],
    sender: Uint8Array,
    targetMac: Uint8Array,
    target: Uint8Array,
  ): void {
    this.#out.frame(to, ETHERTYPE.ARP, arpOf({ what, senderMac: this.#mac, sender, targetMac, target }));
  }
}
