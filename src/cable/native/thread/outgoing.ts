import type { FrameCore } from '../../../core/frame-core.js';
import { type Arena, Messages, MMSGHDR } from '../linux/arena.js';
import { ControlOut, controlOutBytes, type InfoFamily } from '../linux/cmsg.js';
import { ERRNO, type Libc, MSG, NO_ADDRESS } from '../linux/libc.js';
import { NAME_BYTES } from '../linux/sockaddr.js';
import { localOf, type Peer } from './peer.js';

/** Messages of one sendmmsg. */
const OUT = 32;
/** What the kernel takes as one piece (UDP_MAX_SEGMENTS, and an IP packet less its headers). */
const SEGMENTS = 64;
const PIECE_BYTES = 65_000;
/** Shorter datagrams than this cannot be cut out of a piece, when the path says no: it says no to all. */
const SEGMENT_MIN = 512;
/** How long an address of ours that is gone is not tried. */
const ASTRAY_MS = 1_000;

/** What the socket sends with. */
export interface Sending {
  readonly fd: number;
  readonly family: InfoFamily;
  /** Whether the kernel cuts pieces into datagrams. */
  readonly gso: boolean;
}

/** The system refused something; see CableEvents.sendFailed. */
export type Trouble = (errno: number, times: number, lasts: boolean) => void;

/** Datagrams on their way out of the ring: many with one call, and where the kernel can, in one piece. */
export class Outgoing {
  readonly #libc: Libc;
  readonly #core: FrameCore;
  readonly #arena: Arena;
  readonly #fd: number;
  readonly #trouble: Trouble;
  /** The largest piece of a path of which nothing is known. */
  readonly #segmentMax: number;
  // What waits to be sent: a queue of slots.
  readonly #out: Messages;
  readonly #outControl: ControlOut;
  readonly #slots: Int32Array;
  readonly #addresses: Int32Array;
  readonly #lengths: Int32Array;
  readonly #to: Peer[] = [];
  readonly #grouped = new Int32Array(OUT);
  readonly #mask: number;
  readonly #memoryAt: number;
  #head = 0;
  #waiting = 0;
  /** How many of them, from the oldest on, go each as a message of its own. */
  #apart = 0;
  /** Whether the socket takes no more for now. */
  blocked = false;

  static readonly ARENA_BYTES = Messages.bytes(OUT, SEGMENTS) + controlOutBytes(OUT);

  constructor(libc: Libc, core: FrameCore, arena: Arena, { fd, family, gso }: Sending, trouble: Trouble) {
    this.#libc = libc;
    this.#core = core;
    this.#arena = arena;
    this.#fd = fd;
    this.#trouble = trouble;
    this.#segmentMax = gso ? PIECE_BYTES : 0;
    const { RING_SLOTS } = core.layout;
    this.#memoryAt = libc.address(core.ring.bytes);
    this.#out = new Messages(arena, OUT, SEGMENTS);
    this.#outControl = new ControlOut(arena, family, OUT);
    this.#mask = RING_SLOTS - 1;
    this.#slots = new Int32Array(RING_SLOTS);
    this.#addresses = new Int32Array(RING_SLOTS);
    this.#lengths = new Int32Array(RING_SLOTS);
  }

  /** Makes the call that it takes, before anybody relies on it. @throws Error when it is refused */
  tryOut(): void {
    if (this.#libc.sendmmsg(this.#fd, this.#out.address(0), 0, MSG.DONTWAIT) < 0)
      throw new Error(`sendmmsg ${this.#libc.errorName(this.#libc.errno())}`);
  }

  /** Its path may carry what it did not: pieces are tried again. */
  renew(peer: Peer): void {
    peer.segmentMax = this.#segmentMax;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Takes a sealed slot, to be sent. */
  queue(peer: Peer, slot: number, address: number, length: number): void {
    const at = (this.#head + this.#waiting++) & this.#mask;
    this.#slots[at] = slot;
    this.#addresses[at] = address;
    this.#lengths[at] = length;
    this.#to[at] = peer;
  }

  /** Sends what waits, as far as the socket takes it. */
  flush(): void {
    this.blocked = false;
    while (this.#waiting > 0) {
      const messages = this.#group();
      const sent = this.#libc.sendmmsg(this.#fd, this.#out.address(0), messages, MSG.DONTWAIT);
      if (sent > 0) {
        for (let i = 0; i < sent; i++) {
          (this.#to[this.#head] as Peer).refusals.sent();
          this.#release(this.#grouped[i] as number);
        }
        continue;
      }
      const errno = this.#libc.errno();
      if (errno === ERRNO.AGAIN) {
        this.blocked = true;
        return;
      }
      const first = this.#grouped[0] as number;
      const peer = this.#to[this.#head] as Peer;
      if (first > 1 && (errno === ERRNO.INVAL || errno === ERRNO.MSGSIZE || errno === ERRNO.IO)) {
        // The path carries such datagrams as fragments only, or its device cannot cut: one by one.
        const length = this.#lengths[this.#head] as number;
        peer.segmentMax = errno === ERRNO.IO || length <= SEGMENT_MIN ? 0 : length - 1;
        continue;
      }
      if (NO_ADDRESS.includes(errno) && localOf(peer) !== undefined) {
        // The address that the peer asks is gone: the system chooses another, until it is back.
        peer.astray = performance.now() + ASTRAY_MS;
        this.renew(peer); // it may have been that, not the piece
        continue;
      }
      const now = performance.now();
      if (first > 1 && !peer.refusals.lasting(now)) {
        this.#apart = first; // the kernel refuses a piece as one: its other datagrams go alone
        continue;
      }
      this.#trouble(errno, first, peer.refusals.refused(now, first));
      this.#release(first);
    }
  }

  #release(datagrams: number): void {
    this.#apart = Math.max(0, this.#apart - datagrams);
    for (let i = 0; i < datagrams; i++) {
      this.#core.ring.release(this.#slots[this.#head] as number);
      this.#head = (this.#head + 1) & this.#mask;
    }
    this.#waiting -= datagrams;
  }

  /**
   * Describes what waits, from the oldest on: datagrams for one peer that are all of one size, the last one perhaps
   * shorter, are one message.
   * @returns how many messages; #grouped says how many datagrams each is
   */
  #group(): number {
    let message = 0;
    let taken = 0;
    while (message < OUT && taken < this.#waiting) {
      const first = (this.#head + taken) & this.#mask;
      const peer = this.#to[first] as Peer;
      const size = this.#lengths[first] as number;
      const segmentMax = taken < this.#apart ? 0 : peer.segmentMax;
      let parts = 0;
      let bytes = 0;
      for (;;) {
        const at = (this.#head + taken) & this.#mask;
        const length = this.#lengths[at] as number;
        this.#out.part(message, parts++, this.#memoryAt + (this.#addresses[at] as number), length);
        bytes += length;
        taken++;
        if (length < size || size > segmentMax || parts === SEGMENTS || taken === this.#waiting) break;
        const next = (this.#head + taken) & this.#mask;
        const nextLength = this.#lengths[next] as number;
        if (this.#to[next] !== peer || nextLength > size || bytes + nextLength > PIECE_BYTES) break;
      }
      const at = this.#out.at(message);
      const local = localOf(peer);
      this.#arena.store64(at + MMSGHDR.name, peer.connected ? 0 : (peer.name?.address ?? 0));
      this.#out.setField(message, MMSGHDR.nameLength, peer.connected ? 0 : NAME_BYTES);
      this.#out.setField(message, MMSGHDR.iovecCount, parts);
      this.#outControl.write(message, local, size);
      this.#arena.store64(at + MMSGHDR.control, this.#outControl.address(message, local !== undefined));
      const controlLength = this.#outControl.bytes(local !== undefined, parts > 1);
      this.#out.setField(message, MMSGHDR.controlLength, controlLength);
      this.#grouped[message++] = parts;
    }
    return message;
  }
}
