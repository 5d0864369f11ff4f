// A stock WireGuard device as a station of the Ethernet (secure.md §6): a machine without I/O, one for each host peer.
import type { Random } from '../classic/session-key.js';
import { linkLocalOf, macOf } from './mac.js';
import type { HostDrop, HostEffect, HostOptions } from './terms.js';

/**
 * Stands between a device that sends IP packets and a switch that carries frames. After each call `take` says what is to be
 * done, and `deadline` when `tick` is to be called at the latest. `now` is in ms, of a clock that goes on while the machine
 * sleeps.
 *
 * It is right when it gets all frames and packets. A core may carry by itself
 * - unicast IP packets from the switch for an own address that are not larger than `packetMax`, except ICMPv6 of types 133 to
 *   137 and, with DHCP, UDP to port 68;
 * - IP packets of the device from an own address, to a station that it was told of by `neighbour`, or to the gateway where the
 *   destination is unicast and on no network of `onLink`, except ICMPv6 of types 133 to 137, and IPv6 whose next header is an
 *   extension header (0, 43, 60).
 * A payload of the device's is as long as its IP header says: what stands behind is padding.
 */
export class HostMachine {
  /** The device's MAC address, 6 bytes. */
  readonly mac: Uint8Array;
  /** Its link-local address; undefined where it has no IPv6 address. */
  readonly linkLocal: Uint8Array | undefined;
  /** How much was dropped, by reason. */
  readonly dropped = new Map<HostDrop, bigint>();
  /** The largest IP packet that is sent to the device, bytes; may be changed as the path changes. */
  packetMax: number;
  readonly #random: Random;
  #effects: HostEffect[] = [];

  constructor(options: HostOptions, random: Random) {
    this.mac = options.mac ?? macOf(options.publicKey);
    const v6 = options.addresses.some(({ address }) => address.length === 16);
    this.linkLocal = v6 ? linkLocalOf(this.mac) : undefined;
    this.packetMax = options.packetMax;
    this.#random = random;
  }

  /** When `tick` is to be called at the latest, ms; Infinity for never. */
  get deadline(): number {
    return Infinity;
  }

  /** The device is there, and its port is open. Also what wakes it, when it was asleep. Does nothing where it is up. */
  up(_now: number): void {
    this.#random(1);
  }

  /** The device has come here from another server: its addresses are announced again. */
  moved(_now: number): void {}

  /** The device has been silent for long: its addresses are held for an hour still, and multicasts are not sent to it. */
  asleep(_now: number): void {}

  /** The device is not served any more: leaves groups, gives the lease back. The effects still want the open port. */
  gone(_now: number): void {}

  /** A frame has come from the switch. */
  frame(_now: number, _frame: Uint8Array): void {}

  /** An IP packet has come from the device. */
  packet(_now: number, _packet: Uint8Array): void {}

  /** Time has passed. */
  tick(_now: number): void {}

  /** What is to be done, once. */
  take(): HostEffect[] {
    return this.#effects.splice(0);
  }
}
