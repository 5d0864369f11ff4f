import type { Core } from '../core/core.js';
import { TYPE } from '../protocol/constants.js';
import { KEEPALIVE_BYTES, MESSAGE } from '../protocol/secure/constants.js';
import { Arena, CMSG_BYTES, Messages, MMSGHDR } from './arena.js';
import { ERRNO, type Libc, MSG, SOL, UDP } from './libc.js';
import type { Peer } from './peer.js';
import { NAME_WORDS, PeerTable } from './peer-table.js';
import { NAME_BYTES } from './sockaddr.js';

/** Messages of one sendmmsg. */
const OUT = 32;
/** What the kernel takes as one piece (UDP_MAX_SEGMENTS, and an IP packet less its headers). */
const SEGMENTS = 64;
const PIECE_BYTES = 65_000;
/** Shorter datagrams than this cannot be cut out of a piece, when the path says no: it says no to all. */
const SEGMENT_MIN = 512;

export interface DatagramEvents {
  /**
   * A datagram that is not DATA of a link that is up, in the core's memory.
   * @param name where its sender's sockaddr stands: see nameAt
   * @param known whether it comes from where a link that is up has its remote
   */
  control(name: number, at: number, length: number, known: boolean): void;
  /** A datagram of a link, before it is opened. */
  arrives(peer: Peer, name: number, at: number, length: number): void;
  /** The ring is full: work through it. */
  pump(): void;
  trouble(errno: number): void;
}

/** The UDP side of the ring: many datagrams with one call, both ways, and where the kernel can, in one piece. */
export class Datagrams {
  readonly #libc: Libc;
  readonly #core: Core;
  readonly #arena: Arena;
  readonly #fd: number;
  readonly #gso: boolean;
  readonly #events: DatagramEvents;
  readonly #peers = new PeerTable();
  /** Peers of the secure cable, by the receiver's index that their messages bear; and those that have an address, by that. */
  readonly #routes = new Map<number, Peer>();
  readonly #securePeers = new PeerTable();
  #lastIndex = 0;
  #lastRoute: Peer | undefined;
  readonly #tapped: boolean;

  // What was received and is not in the ring yet.
  readonly #in: Messages;
  readonly #inNames: number;
  readonly #inControls: number;
  #received = 0;
  #message = 0;
  #offset = 0;
  /** Who sent what the slots hold that transport messages are opened in: where the sockaddr stands in the arena. */
  readonly #senders: Int32Array;

  // What waits to be sent: a queue of slots.
  readonly #out: Messages;
  readonly #outControls: number;
  readonly #slots: Int32Array;
  readonly #addresses: Int32Array;
  readonly #lengths: Int32Array;
  readonly #to: Peer[] = [];
  readonly #grouped = new Int32Array(OUT);
  readonly #mask: number;
  readonly #memoryAt: number;
  #head = 0;
  #waiting = 0;
  /** Whether the socket takes no more for now. */
  blocked = false;

  static arenaBytes(core: Core): number {
    const { ARRIVALS_COUNT } = core.layout;
    return (
      Messages.bytes(ARRIVALS_COUNT, 1) +
      ARRIVALS_COUNT * (32 + CMSG_BYTES + 8) +
      32 +
      Messages.bytes(OUT, SEGMENTS) +
      OUT * (CMSG_BYTES + 8)
    );
  }

  constructor(
    libc: Libc,
    core: Core,
    arena: Arena,
    socket: { readonly fd: number; readonly gso: boolean; readonly tapped: boolean },
    events: DatagramEvents,
  ) {
    this.#libc = libc;
    this.#core = core;
    this.#arena = arena;
    this.#fd = socket.fd;
    this.#gso = socket.gso;
    this.#tapped = socket.tapped;
    this.#events = events;
    const { ARRIVALS, ARRIVAL_BYTES, ARRIVALS_COUNT, RING_SLOTS } = core.layout;
    this.#memoryAt = libc.address(core.ring.bytes);
    this.#in = new Messages(arena, ARRIVALS_COUNT, 1);
    this.#inNames = arena.take((ARRIVALS_COUNT + 1) * 32); // the last one is put()'s
    this.#senders = new Int32Array(RING_SLOTS);
    this.#inControls = arena.take(ARRIVALS_COUNT * CMSG_BYTES);
    for (let i = 0; i < ARRIVALS_COUNT; i++) {
      this.#in.part(i, 0, this.#memoryAt + ARRIVALS + i * ARRIVAL_BYTES, 0xffff);
      arena.store64(this.#in.at(i) + MMSGHDR.name, arena.address(this.#inNames + i * 32));
      arena.store64(this.#in.at(i) + MMSGHDR.control, arena.address(this.#inControls + i * CMSG_BYTES));
      this.#makeReady(i);
    }
    this.#out = new Messages(arena, OUT, SEGMENTS);
    this.#outControls = arena.take(OUT * CMSG_BYTES);
    for (let i = 0; i < OUT; i++) {
      const control = this.#outControls + i * CMSG_BYTES;
      arena.store64(this.#out.at(i) + MMSGHDR.control, arena.address(control));
      arena.store64(control, 16 + 2);
      arena.words[(control + 8) >> 2] = SOL.UDP;
      arena.words[(control + 12) >> 2] = UDP.SEGMENT;
    }
    this.#mask = RING_SLOTS - 1;
    this.#slots = new Int32Array(RING_SLOTS);
    this.#addresses = new Int32Array(RING_SLOTS);
    this.#lengths = new Int32Array(RING_SLOTS);
  }

  /** What is sealed for this peer goes to this name from now on. */
  #address(peer: Peer, name: Uint8Array): void {
    const arena = new Arena(this.#libc, 32);
    arena.bytes.set(name);
    const words = arena.words.subarray(0, NAME_WORDS);
    peer.name = { words, address: arena.address(0) };
    peer.up = true;
    this.renew(peer);
  }

  /** Its path may carry what it did not: pieces are tried again. */
  renew(peer: Peer): void {
    peer.segmentMax = this.#gso ? PIECE_BYTES : 0;
  }

  /** From now on this peer's datagrams are opened, and what is sealed for it goes to this name. */
  raise(peer: Peer, name: Uint8Array): void {
    this.lower(peer);
    this.#address(peer, name);
    (peer.secure === undefined ? this.#peers : this.#securePeers).add(peer);
  }

  lower(peer: Peer): void {
    if (peer.up) (peer.secure === undefined ? this.#peers : this.#securePeers).remove(peer);
    peer.up = false;
  }

  /** Transport messages with this receiver's index are this peer's; nobody's when that is undefined. */
  route(index: number, peer: Peer | undefined): void {
    if (peer === undefined) this.#routes.delete(index | 0);
    else this.#routes.set(index | 0, peer);
    this.#lastRoute = undefined;
  }

  /** Whose transport message this is, if it is one. */
  #routed(at: number, length: number): Peer | undefined {
    const { bytes } = this.#core.ring;
    if (bytes[at] !== MESSAGE.TRANSPORT || length < KEEPALIVE_BYTES) return undefined;
    if (((bytes[at + 1] as number) | (bytes[at + 2] as number) | (bytes[at + 3] as number)) !== 0)
      return undefined;
    const index =
      (bytes[at + 4] as number) |
      ((bytes[at + 5] as number) << 8) |
      ((bytes[at + 6] as number) << 16) |
      ((bytes[at + 7] as number) << 24);
    if (this.#lastRoute !== undefined && index === this.#lastIndex) return this.#lastRoute;
    const peer = this.#routes.get(index);
    this.#lastIndex = index;
    this.#lastRoute = peer;
    return peer;
  }

  /** Where the sockaddr stands of the sender of what a slot holds. */
  senderOf(slot: number): number {
    return this.#senders[slot] as number;
  }

  /** The words that it is part of. */
  get words(): Uint32Array {
    return this.#arena.words;
  }

  /** Puts one datagram into the ring, to be opened, that came by another way. */
  put(peer: Peer, datagram: Uint8Array, name: Uint8Array): void {
    const { ring } = this.#core;
    if (peer.secure === undefined) {
      ring.push(peer.session, datagram);
      return;
    }
    const at = this.#inNames + this.#core.layout.ARRIVALS_COUNT * 32;
    this.#arena.bytes.set(name, at);
    this.#senders[ring.next] = at;
    ring.pushTransport(peer.session, datagram);
  }

  /** Whether something was received that found no room in the ring. */
  get staged(): boolean {
    return this.#message < this.#received;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** A copy of a sender's sockaddr. */
  nameAt(name: number): Uint8Array {
    return this.#arena.bytes.slice(name, name + NAME_BYTES);
  }

  /** Receives what one call gives, and puts it into the ring as far as there is room. */
  receive(): void {
    if (!this.staged) {
      const { ARRIVALS_COUNT } = this.#core.layout;
      const got = this.#libc.recvmmsg(this.#fd, this.#in.address(0), ARRIVALS_COUNT, MSG.DONTWAIT, 0);
      if (got < 0) {
        const errno = this.#libc.errno();
        if (errno !== ERRNO.AGAIN && errno !== ERRNO.INTR) this.#events.trouble(errno);
        return;
      }
      this.#received = got;
      this.#message = 0;
      this.#offset = 0;
    }
    while (this.#message < this.#received) {
      if (!this.#take(this.#message)) return;
      this.#makeReady(this.#message);
      this.#message++;
      this.#offset = 0;
    }
  }

  /** What a receive changes in a header is set anew. */
  #makeReady(message: number): void {
    this.#in.setField(message, MMSGHDR.nameLength, NAME_BYTES);
    this.#in.setField(message, MMSGHDR.controlLength, CMSG_BYTES);
    this.#in.setField(message, MMSGHDR.flags, 0);
  }

  /** @returns false when the ring is full before the end of the message */
  #take(message: number): boolean {
    const { ARRIVALS, ARRIVAL_BYTES, DATAGRAM_MAX } = this.#core.layout;
    const { ring } = this.#core;
    const length = this.#in.field(message, MMSGHDR.length);
    const segment = this.#segment(message) || length;
    const at = ARRIVALS + message * ARRIVAL_BYTES;
    const name = this.#inNames + message * 32;
    const sender = this.#peers.find(this.#arena.words, name >> 2);
    do {
      const from = at + this.#offset;
      const left = length - this.#offset;
      const size = Math.min(segment, left);
      const routed = this.#routed(from, size);
      const peer = routed ?? (size > 0 && ring.bytes[from] === TYPE.DATA ? sender : undefined);
      if (peer === undefined) {
        const known = sender ?? this.#securePeers.find(this.#arena.words, name >> 2);
        this.#events.control(name, from, size, known !== undefined);
        this.#offset += size;
      } else if (size > DATAGRAM_MAX) {
        this.#core.dropped(peer.session, 0, 1);
        this.#offset += size;
      } else {
        let slot = ring.next;
        const taken = ring.fill(peer.session, routed !== undefined, from, left, segment);
        for (let i = 0; routed !== undefined && i < taken; i += segment) {
          this.#senders[slot] = name;
          slot = (slot + 1) & this.#mask;
        }
        for (let i = 0; this.#tapped && i < taken; i += segment)
          this.#events.arrives(peer, name, from + i, Math.min(segment, taken - i));
        this.#offset += taken;
        if (taken === 0 || ring.room === 0) this.#events.pump();
        if (taken === 0 && ring.room === 0) return false;
      }
    } while (this.#offset < length);
    return true;
  }

  /** The size of the datagrams in a piece; 0 for a single one. */
  #segment(message: number): number {
    if (this.#in.field(message, MMSGHDR.controlLength) < CMSG_BYTES - 4) return 0;
    const at = (this.#inControls + message * CMSG_BYTES) >> 2;
    const { words } = this.#arena;
    return words[at + 2] === SOL.UDP && words[at + 3] === UDP.GRO ? (words[at + 4] as number) : 0;
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
        let datagrams = 0;
        for (let i = 0; i < sent; i++) datagrams += this.#grouped[i] as number;
        this.#release(datagrams);
        continue;
      }
      const errno = this.#libc.errno();
      if (errno === ERRNO.INTR) continue;
      if (errno === ERRNO.AGAIN) {
        this.blocked = true;
        return;
      }
      const first = this.#grouped[0] as number;
      if (first > 1 && (errno === ERRNO.INVAL || errno === ERRNO.MSGSIZE || errno === ERRNO.IO)) {
        // The path carries such datagrams as fragments only, or its device cannot cut: one by one.
        const length = this.#lengths[this.#head] as number;
        const peer = this.#to[this.#head] as Peer;
        peer.segmentMax = errno === ERRNO.IO || length <= SEGMENT_MIN ? 0 : length - 1;
        continue;
      }
      this.#events.trouble(errno);
      this.#release(first);
    }
  }

  #release(datagrams: number): void {
    for (let i = 0; i < datagrams; i++) {
      this.#core.ring.release(this.#slots[this.#head] as number);
      this.#head = (this.#head + 1) & this.#mask;
    }
    this.#waiting -= datagrams;
  }

  /**
   * Describes what waits, from the oldest on: datagrams for one peer that are all of one size, the last one perhaps
   * shorter, are one message.
   * @returns how many messages; #grouped tells of how many datagrams each is
   */
  #group(): number {
    let message = 0;
    let taken = 0;
    while (message < OUT && taken < this.#waiting) {
      const first = (this.#head + taken) & this.#mask;
      const peer = this.#to[first] as Peer;
      const size = this.#lengths[first] as number;
      let parts = 0;
      let bytes = 0;
      for (;;) {
        const at = (this.#head + taken) & this.#mask;
        const length = this.#lengths[at] as number;
        this.#out.part(message, parts++, this.#memoryAt + (this.#addresses[at] as number), length);
        bytes += length;
        taken++;
        if (length < size || size > peer.segmentMax || parts === SEGMENTS || taken === this.#waiting) break;
        const next = (this.#head + taken) & this.#mask;
        const nextLength = this.#lengths[next] as number;
        if (this.#to[next] !== peer || nextLength > size || bytes + nextLength > PIECE_BYTES) break;
      }
      const at = this.#out.at(message);
      this.#arena.store64(at + MMSGHDR.name, peer.connected ? 0 : (peer.name?.address ?? 0));
      this.#out.setField(message, MMSGHDR.nameLength, peer.connected ? 0 : NAME_BYTES);
      this.#out.setField(message, MMSGHDR.iovecCount, parts);
      this.#out.setField(message, MMSGHDR.controlLength, parts > 1 ? CMSG_BYTES : 0);
      this.#arena.halves[(this.#outControls + message * CMSG_BYTES + 16) >> 1] = size;
      this.#grouped[message++] = parts;
    }
    return message;
  }
}
