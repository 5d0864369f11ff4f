// A peer that is a stock WireGuard device: carries out what its machine says (secure.md §6).

import type { SecureLink } from '../cable/link.js';
import type { KeptOfHost } from '../core/hosts.js';
import { drawSecret } from '../keys/draw.js';
import type { Log } from '../log.js';
import { addressText } from '../network/address.js';
import { type HostFields, macText, prefixText } from '../network/host.js';
import { sameBytes } from '../protocol/bytes.js';
import { HostMachine } from '../protocol/host/host.js';
import { macOf } from '../protocol/host/mac.js';
import type { HostDrop, HostEffect, HostNotice, Prefix } from '../protocol/host/terms.js';
import type { Peer } from '../protocol/secure/peer.js';
import { peerText } from './peers/peer-text.js';

/** Header and tag of a message. */
const OVERHEAD = 32;
/** Packets for the device that wait for a key; the oldest one makes room. */
const WAITING_MAX = 64;

/** What hosts need of the side that their peers are of; one for all. */
export interface HostSide {
  readonly log: Log;
  /** Largest UDP payload to be sent, bytes. */
  readonly path: number;
  /** ms, of a clock that goes on while the system sleeps. */
  now(): number;
  /** There is something to send to the peer, and no key. */
  wanted(peer: Peer): void;
  /** The peer's port should be given back. */
  close(peer: Peer): void;
}

/** What the log says of a host. */
export interface HostFacts {
  /** With the networks that they are in. */
  readonly addresses: readonly string[];
  readonly mac: string;
  /** Whether it leases its IPv4 address. */
  readonly dhcp: boolean;
  /** What was dropped of it beside the core, by reason. */
  readonly dropped: ReadonlyMap<HostDrop, bigint>;
}

export class HostEnd {
  readonly #peer: Peer;
  readonly #side: HostSide;
  readonly #machine: HostMachine;
  readonly #fixed: readonly Prefix[];
  readonly #dhcp: boolean;
  #leased: Prefix | undefined;
  #link: SecureLink | undefined;
  /** Packets that wait for a key. */
  #waiting: Uint8Array[] = [];
  /** Whether effects are being carried out: what they cause waits for its turn. */
  #acting = false;

  constructor(peer: Peer, fields: HostFields, side: HostSide) {
    this.#peer = peer;
    this.#side = side;
    this.#fixed = fields.addresses;
    this.#dhcp = fields.dhcp;
    const { publicKey, name } = peer;
    const { addresses, dhcp, gateways, mac, multicast } = fields;
    this.#machine = new HostMachine(
      // Not by spreading: each such object would have a hidden class of its own, which takes as much memory as a tenth of the machine.
      {
        publicKey,
        name: name === '' ? undefined : name,
        addresses,
        dhcp,
        gateways,
        mac,
        multicast,
        packetMax: side.path - OVERHEAD,
      },
      drawSecret,
    );
  }

  get facts(): HostFacts {
    const addresses = [...this.#fixed, ...(this.#leased === undefined ? [] : [this.#leased])];
    return {
      addresses: addresses.map(prefixText),
      mac: macText(this.#machine.mac),
      dhcp: this.#dhcp,
      dropped: this.#machine.dropped,
    };
  }

  /** An address that another peer would share with it by its line, as text; undefined where there is none, and for the same peer. */
  shared(publicKey: Uint8Array, { addresses, mac = macOf(publicKey) }: HostFields): string | undefined {
    if (sameBytes(publicKey, this.#peer.publicKey)) return undefined; // which is refused as such
    const has = (address: Uint8Array) => this.#fixed.some((one) => sameBytes(one.address, address));
    const shared = addresses.find(({ address }) => has(address));
    if (shared !== undefined) return addressText(shared.address);
    return sameBytes(mac, this.#machine.mac) ? macText(mac) : undefined;
  }

  /** The peer has a link, which is a host's from now on. */
  begin(link: SecureLink): void {
    this.#link = link;
    link.beHost(this.#machine.mac, { own: [], onLink: [] });
  }

  /** The device is there, and its port open. */
  up(): void {
    this.#step((now) => this.#machine.up(now));
  }

  /** Nothing has come of it for long. */
  asleep(): void {
    this.#waiting = [];
    this.#step((now) => this.#machine.asleep(now));
  }

  /** It is served no more; its port is open still. */
  gone(): void {
    this.#waiting = [];
    this.#step((now) => this.#machine.gone(now));
  }

  /** See SecureEvents.kept. */
  kept(from: KeptOfHost['from'], bytes: Uint8Array): void {
    this.#step((now) => {
      if (from === 'switch') this.#machine.frame(now, bytes);
      else this.#machine.packet(now, bytes);
    });
  }

  /** Time has passed. */
  tick(): void {
    if (this.#side.now() >= this.#machine.deadline) this.#step((now) => this.#machine.tick(now));
  }

  /** There is a key: what waited for one is sent. */
  keyed(): void {
    for (const packet of this.#waiting.splice(0)) this.#link?.say(packet);
  }

  /** Nobody answers: what waits is lost. */
  discard(): void {
    this.#waiting = [];
  }

  #step(tell: (now: number) => void): void {
    const path = this.#link?.path ?? this.#side.path;
    this.#machine.packetMax = path - OVERHEAD;
    tell(this.#side.now());
    if (this.#acting) return;
    this.#acting = true;
    try {
      for (let effects = this.#machine.take(); effects.length > 0; effects = this.#machine.take())
        for (const effect of effects) this.#act(effect);
    } finally {
      this.#acting = false;
    }
  }

  #act(effect: HostEffect): void {
    const link = this.#link;
    switch (effect.do) {
      case 'frame':
        link?.inject(effect.frame);
        break;
      case 'packet':
        this.#send(effect.packet);
        break;
      case 'addresses':
        link?.beHost(this.#machine.mac, effect);
        break;
      case 'neighbour':
        link?.neighbour(effect.address, effect.mac);
        break;
      case 'listen':
        link?.listen(effect.address, effect.on);
        break;
      case 'gateway':
        link?.gateway(effect.family, effect.mac);
        break;
      case 'notice':
        this.#notice(effect.notice);
        break;
      case 'close':
        this.#side.close(this.#peer);
        break;
    }
  }

  #send(packet: Uint8Array): void {
    if (this.#peer.sealing !== undefined) {
      this.#link?.say(packet);
      return;
    }
    this.#waiting.push(packet);
    if (this.#waiting.length > WAITING_MAX) this.#waiting.shift();
    this.#side.wanted(this.#peer);
  }

  #notice(notice: HostNotice): void {
    const peer = peerText(this.#peer);
    const { log } = this.#side;
    switch (notice.what) {
      case 'conflict': {
        const address = addressText(notice.address);
        const what = notice.used
          ? 'it goes on using it'
          : 'it does not use it until that station is gone: give one of them another address';
        log.warn(
          { peer, address, mac: macText(notice.mac) },
          `another station has the address ${address} of a device: ${what}`,
        );
        break;
      }
      case 'lease': {
        this.#leased = notice.address;
        const fields = { peer, address: prefixText(notice.address), server: addressText(notice.server) };
        log.info(
          { ...fields, ...(Number.isFinite(notice.seconds) && { seconds: notice.seconds }) },
          'a device has leased an address',
        );
        break;
      }
      case 'no lease':
        this.#leased = undefined;
        log.warn({ peer, address: addressText(notice.address) }, 'the lease of a device is over');
        break;
      case 'no dhcp':
        log.warn(
          { peer },
          'no DHCP server answers a device: see that there is one on the network, or give the device an address by ip=',
        );
        break;
      case 'no gateway':
        log.warn(
          { peer, family: notice.family },
          `a device sends to other networks by IPv${notice.family}, and no router is known or answers there: name one with gateway=`,
        );
        break;
    }
  }
}
