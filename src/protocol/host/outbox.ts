import { ETHERTYPE, frameOf } from './ethernet.js';
import type { HostDrop, HostEffect, HostNotice } from './terms.js';

const NONE: ReadonlyMap<HostDrop, bigint> = new Map();

/** What the host of the machine is to do, and what was dropped. */
export class HostOutbox {
  readonly #mac: Uint8Array;
  /** Made for the first one. */
  #dropped: Map<HostDrop, bigint> | undefined;
  #effects: HostEffect[] = [];

  /** @param mac that all frames come from */
  constructor(mac: Uint8Array) {
    this.#mac = mac;
  }

  push(effect: HostEffect): void {
    this.#effects.push(effect);
  }

  notice(notice: HostNotice): void {
    this.push({ do: 'notice', notice });
  }

  /** A frame to the switch. */
  frame(to: Uint8Array, type: number, payload: Uint8Array): void {
    this.push({ do: 'frame', frame: frameOf(to, this.#mac, type, payload) });
  }

  /** A frame with an IP packet to the switch. */
  ip(to: Uint8Array, packet: Uint8Array): void {
    this.frame(to, (packet[0] as number) >> 4 === 4 ? ETHERTYPE.IPV4 : ETHERTYPE.IPV6, packet);
  }

  get dropped(): ReadonlyMap<HostDrop, bigint> {
    return this.#dropped ?? NONE;
  }

  drop(why: HostDrop, count = 1): void {
    if (count === 0) return;
    this.#dropped ??= new Map();
    this.#dropped.set(why, (this.#dropped.get(why) ?? 0n) + BigInt(count));
  }

  take(): HostEffect[] {
    return this.#effects.splice(0);
  }
}
