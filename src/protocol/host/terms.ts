// What the machine of a host peer takes, and what it returns (secure.md §6).
import { sameBytes } from '../bytes.js';

/** An address of the device's, or a network: 4 bytes of IPv4 or 16 of IPv6, and how many bits of it name the network on the switch. */
export interface Prefix {
  /** 4 or 16 bytes; those behind the network's may be anything. */
  readonly address: Uint8Array;
  /** 0 to 32, or 0 to 128. */
  readonly bits: number;
}

/** Multicast groups of a service, by the name that a peer's line has. */
export const SERVICES = ['mdns', 'ssdp', 'llmnr'] as const;
/** One of them. */
export type Service = (typeof SERVICES)[number];

/** What one device is. */
export interface HostOptions {
  /** Its public key, 32 bytes: its MAC address is made of it, and it is its client identifier at DHCP servers. */
  readonly publicKey: Uint8Array;
  /** The name that it gives to a DHCP server. */
  readonly name?: string | undefined;
  /** The addresses that it may use, each with the network that it is in. */
  readonly addresses: readonly Prefix[];
  /** Whether it leases an IPv4 address as well. */
  readonly dhcp: boolean;
  /** The address that is asked for first, 4 bytes; with `dhcp`. */
  readonly wanted?: Uint8Array | undefined;
  /** Where packets for other networks go, one of each family at most; default: what routers and DHCP servers name. */
  readonly gateways?: readonly Uint8Array[] | undefined;
  /** Its MAC address, 6 bytes, unicast; default: made of its public key. */
  readonly mac?: Uint8Array | undefined;
  /** What it gets of what is sent to many. */
  readonly multicast: 'all' | 'none' | readonly Service[];
  /** The largest IP packet that is sent to it, bytes; at least 1280 with an IPv6 address. */
  readonly packetMax: number;
}

/** All reasons for which a packet or a frame is dropped. */
export const HOST_DROPS = [
  /** A frame or packet that is cut off, or says something of itself that does not hold. */
  'malformed',
  /** A frame of another protocol than ARP, IPv4 and IPv6. */
  'not ip',
  /** A frame for another MAC address, or a packet in it for an address that is not the device's. */
  'not its own',
  /** A multicast or broadcast that it does not take. */
  'not taken',
  /** A multicast while the device is asleep. */
  'asleep',
  /** From the device: a source address that is not its own, or that it may not use yet. */
  'source',
  /** From the device: neighbour discovery, which the machine does for it. */
  'neighbour discovery',
  /** From the device: nothing leads there. */
  'no route',
  /** From the device: nobody answers there. */
  'unreachable',
  /** From the device: more waited than are kept; the oldest is dropped. */
  'no room',
  /** To the device: larger than `packetMax`. */
  'too big',
  /** The device is not there: `up` has not been called, or the port has been given back. */
  'closed',
] as const;
/** One of them. */
export type HostDrop = (typeof HOST_DROPS)[number];

/** What is logged. */
export type HostNotice =
  /** Another station, of this MAC address, has an address of the device's. `used`: the device goes on using it. Told once for each. */
  | {
      readonly what: 'conflict';
      readonly address: Uint8Array;
      readonly mac: Uint8Array;
      readonly used: boolean;
    }
  /** A lease: a new one, or one with another address. `seconds`: Infinity for one that does not end. */
  | {
      readonly what: 'lease';
      readonly address: Prefix;
      readonly server: Uint8Array;
      readonly seconds: number;
    }
  /** There was a lease, and it is over, or the server took it back. */
  | { readonly what: 'no lease'; readonly address: Uint8Array }
  /** No DHCP server has answered for 10 s. Told once until one does. */
  | { readonly what: 'no dhcp' }
  /** The device sends to other networks, and no gateway of that family is known, or it does not answer. Told once until one is. */
  | { readonly what: 'no gateway'; readonly family: 4 | 6 };

/**
 * What the core needs, whole, each time that it changes: the addresses that the device's packets may come from, and the
 * networks whose stations are reached directly, link-local ones among them. While an address is being looked for, the core
 * is given no neighbour and no gateway, so that what comes from it passes the machine, which keeps it until then.
 */
export interface AddressesEffect {
  /** Which effect it is. */
  readonly do: 'addresses';
  /** The host's own addresses, 4 or 16 bytes each. */
  readonly own: readonly Uint8Array[];
  /** Networks whose stations are reached without a gateway. */
  readonly onLink: readonly Prefix[];
}

/** Whether two say the same. */
export function sameAddresses(one: AddressesEffect, other: AddressesEffect): boolean {
  return (
    one.own.length === other.own.length &&
    one.onLink.length === other.onLink.length &&
    one.own.every((address, i) => sameBytes(address, other.own[i] as Uint8Array)) &&
    one.onLink.every(({ address, bits }, i) => {
      const its = other.onLink[i] as Prefix;
      return bits === its.bits && sameBytes(address, its.address);
    })
  );
}

/** What the machine's host is to do, in this order. */
export type HostEffect =
  /** Give a frame to the switch. */
  | { readonly do: 'frame'; readonly frame: Uint8Array }
  /** Send an IP packet to the device; it waits where there is no key, as frames do. */
  | { readonly do: 'packet'; readonly packet: Uint8Array }
  | AddressesEffect
  /** The core may send to this station by itself, or (no `mac`) may not any more: it hands such packets over then. */
  | { readonly do: 'neighbour'; readonly address: Uint8Array; readonly mac: Uint8Array | undefined }
  /** The core hands over what this station of IPv4 asks others by ARP, or may leave it out again; each is said once. */
  | { readonly do: 'listen'; readonly address: Uint8Array; readonly on: boolean }
  /** The core may send to this MAC address what is for no network of `onLink`, or (no `mac`) may not any more. */
  | { readonly do: 'gateway'; readonly family: 4 | 6; readonly mac: Uint8Array | undefined }
  | { readonly do: 'notice'; readonly notice: HostNotice }
  /** The device has slept for too long, or is at another server: the port can be given back. `up` starts again. */
  | { readonly do: 'close' };
