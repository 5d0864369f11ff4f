import type { FrameCore } from '../../../core/frame-core.js';
import { TYPE } from '../../../protocol/classic/constants.js';
import { KEEPALIVE_BYTES, MESSAGE } from '../../../protocol/secure/constants.js';
import { Arena, Messages, MMSGHDR } from '../linux/arena.js';
import { CONTROL_IN_BYTES, ControlIn } from '../linux/cmsg.js';
import { ERRNO, type Libc, MSG, SO, SOL } from '../linux/libc.js';
import { LOCAL_WORDS, NAME_BYTES, WAY_BYTES } from '../linux/sockaddr.js';
import { Admission } from './admission.js';
import { ArrivalOrder, NOBODY } from './arrival-order.js';
import { Outgoing, type Sending, type Trouble } from './outgoing.js';
import type { Peer } from './peer.js';
import { NAME_WORDS, PeerTable, sameWords } from './peer-table.js';

/** Receives that may fail in a row: what the network reports of earlier datagrams comes once for each. */
const FAILED_MAX = 1_000;
/** A datagram that has waited for so long in the socket is late: the queue stands. */
const LATE_MS = 2;

export interface DatagramEvents {
  /**
   * A datagram that is not DATA of a link that is up, in the core's memory.
   * @param name where the way is that it came by: see wayAt
   * @param known whether it comes from where a link that is up has its remote
   */
  control(name: number, at: number, length: number, known: boolean): void;
  /** A datagram came, or several of one length in one piece. */
  came(bytes: number): void;
  /** A datagram of a link, before it is opened. */
  arrives(peer: Peer, name: number, at: number, length: number): void;
  /** The ring is full: work through it. */
  pump(): void;
  readonly trouble: Trouble;
}

/** The UDP side of the ring: many datagrams with one call, both ways, and where the kernel can, in one piece. */
export class Datagrams {
  readonly #libc: Libc;
  readonly #core: FrameCore;
  readonly #arena: Arena;
  readonly #fd: number;
  readonly #events: DatagramEvents;
  readonly #peers = new PeerTable();
  /** Peers of the secure cable, by the receiver's index that their messages bear; and those that have an address, by that. */
  readonly #routes = new Map<number, Peer>();
  readonly #securePeers = new PeerTable();
  #lastIndex = 0;
  #lastRoute: Peer | undefined;
  /** Whether each datagram that arrives is reported. */
  tapped: boolean;

  // What was received and is not in the ring yet.
  readonly #in: Messages;
  readonly #inNames: number;
  readonly #inControls: number;
  readonly #control: ControlIn;
  #received = 0;
  /** How many of those messages have been taken, in their order. */
  #taken = 0;
  readonly #order: ArrivalOrder;
  #offset = 0;
  /** Receives that failed in a row. */
  #failed = 0;
  readonly #admission: Admission;
  /** Whether the kernel stamps what comes with its time. */
  #stamps = false;
  /** By which way what the slots hold that are opened came: where that is in the arena. */
  readonly #senders: Int32Array;

  readonly out: Outgoing;

  static arenaBytes(core: FrameCore): number {
    const { ARRIVALS_COUNT } = core.layout;
    return (
      Messages.bytes(ARRIVALS_COUNT, 1) +
      ARRIVALS_COUNT * (WAY_BYTES + CONTROL_IN_BYTES) +
      WAY_BYTES +
      Outgoing.ARENA_BYTES +
      64
    );
  }

  constructor(
    libc: Libc,
    core: FrameCore,
    arena: Arena,
    socket: Sending & { readonly tapped: boolean },
    events: DatagramEvents,
  ) {
    this.#libc = libc;
    this.#core = core;
    this.#arena = arena;
    this.#fd = socket.fd;
    this.tapped = socket.tapped;
    this.#events = events;
    this.#admission = new Admission(
      core,
      () => this.#many,
      () => events.pump(),
    );
    const { ARRIVALS, ARRIVAL_BYTES, ARRIVALS_COUNT, RING_SLOTS } = core.layout;
    const memoryAt = libc.address(core.ring.bytes);
    this.#in = new Messages(arena, ARRIVALS_COUNT, 1);
    this.#inNames = arena.take((ARRIVALS_COUNT + 1) * WAY_BYTES); // the last one is put()'s
    this.#order = new ArrivalOrder(ARRIVALS_COUNT);
    this.#senders = new Int32Array(RING_SLOTS);
    this.#inControls = arena.take(ARRIVALS_COUNT * CONTROL_IN_BYTES);
    this.#control = new ControlIn(arena);
    for (let i = 0; i < ARRIVALS_COUNT; i++) {
      this.#in.part(i, 0, memoryAt + ARRIVALS + i * ARRIVAL_BYTES, 0xffff);
      arena.store64(this.#in.at(i) + MMSGHDR.name, arena.address(this.#inNames + i * WAY_BYTES));
      arena.store64(this.#in.at(i) + MMSGHDR.control, arena.address(this.#inControls + i * CONTROL_IN_BYTES));
      this.#makeReady(i);
    }
    this.out = new Outgoing(libc, core, arena, socket, events.trouble);
  }

  /** What is sealed for this peer goes this way from now on. */
  #address(peer: Peer, way: Uint8Array): void {
    const arena = new Arena(this.#libc, WAY_BYTES);
    arena.bytes.set(way);
    peer.name = { words: arena.words.subarray(0, NAME_WORDS), address: arena.address(0) };
    this.#leaveFrom(peer, arena.words.subarray(NAME_WORDS));
    peer.up = true;
    this.out.renew(peer);
  }

  #leaveFrom(peer: Peer, local: Uint32Array): void {
    peer.local = local.slice(0, LOCAL_WORDS).some((word) => word !== 0) ? local : undefined;
    peer.astray = 0;
  }

  /** An authentic datagram of a classic link: what is sealed for it leaves from the address that this one came to. */
  follow(peer: Peer, slot: number): void {
    const at = ((this.#senders[slot] as number) + NAME_BYTES) >> 2;
    const { words } = this.#arena;
    if (peer.connected || peer.local === undefined || sameWords(peer.local, words, at, LOCAL_WORDS)) return;
    this.#leaveFrom(peer, words.slice(at, at + LOCAL_WORDS));
  }

  /** From now on this peer's datagrams are opened, and what is sealed for it goes this way. */
  raise(peer: Peer, way: Uint8Array): void {
    this.lower(peer);
    this.#address(peer, way);
    (peer.secure === undefined ? this.#peers : this.#securePeers).add(peer);
    if (this.#many && !this.#stamps) this.#stamp();
  }

  get #many(): boolean {
    return this.#peers.count + this.#securePeers.count > 1;
  }

  /** Has the kernel stamp what comes, which one peer alone does not need. Where it cannot, full batches show that the queue stands. */
  #stamp(): void {
    this.#stamps = true;
    const on = new Arena(this.#libc, 16);
    on.words[0] = 1;
    this.#libc.setsockopt(this.#fd, SOL.SOCKET, SO.TIMESTAMPNS, on.address(0), 4);
  }

  /** Whether what is taken next has waited too long. */
  get #late(): boolean {
    if (this.#order.arranged) return true; // what is left of them came first
    const message = this.#taken;
    const length = this.#in.field(message, MMSGHDR.controlLength);
    const came = this.#control.arrival(this.#inControls + message * CONTROL_IN_BYTES, length);
    return came === undefined
      ? this.#received === this.#core.layout.ARRIVALS_COUNT
      : Date.now() - came >= LATE_MS;
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

  /** Where the way is that what a slot holds came by. */
  senderOf(slot: number): number {
    return this.#senders[slot] as number;
  }

  /** The words that it is part of. */
  get words(): Uint32Array {
    return this.#arena.words;
  }

  /** Puts one datagram into the ring, to be opened, that came by another way. */
  put(peer: Peer, datagram: Uint8Array, way: Uint8Array): void {
    const { ring } = this.#core;
    const at = this.#inNames + this.#core.layout.ARRIVALS_COUNT * WAY_BYTES;
    this.#arena.bytes.set(way, at);
    this.#senders[ring.next] = at;
    if (peer.secure === undefined) ring.push(peer.session, datagram);
    else ring.pushTransport(peer.session, datagram);
  }

  /** Whether something was received that is not in the ring yet, because there was no room or no time. */
  get staged(): boolean {
    return this.#taken < this.#received;
  }

  /** A copy of a way. */
  wayAt(at: number): Uint8Array {
    return this.#arena.bytes.slice(at, at + WAY_BYTES);
  }

  /** Receives what one call gives, and puts it into the ring as far as there is room. */
  receive(): void {
    if (!this.staged) {
      const { ARRIVALS_COUNT } = this.#core.layout;
      const got = this.#libc.recvmmsg(this.#fd, this.#in.address(0), ARRIVALS_COUNT, MSG.DONTWAIT, 0);
      if (got < 0) {
        const errno = this.#libc.errno();
        if (errno !== ERRNO.AGAIN) this.#notReceived(errno);
        return;
      }
      this.#failed = 0;
      this.#received = got;
      this.#taken = 0;
      this.#offset = 0;
      this.#order.begin();
      if (this.#many && this.#late) this.#arrange();
    }
    if (this.#many) this.#admission.received(this.#late);
    while (this.#taken < this.#received) {
      const message = this.#order.at(this.#taken);
      if (!this.#take(message)) return;
      this.#makeReady(message);
      this.#taken++;
      this.#offset = 0;
      if (this.#admission.over) return;
    }
  }

  /** Puts datagrams of peers that brought few before the others. */
  #arrange(): void {
    const { ARRIVALS, ARRIVAL_BYTES } = this.#core.layout;
    for (let message = 0; message < this.#received; message++) {
      const length = this.#in.field(message, MMSGHDR.length);
      const sender = this.#peers.find(this.#arena.words, this.#nameOf(message) >> 2);
      const peer = this.#routed(ARRIVALS + message * ARRIVAL_BYTES, length) ?? sender;
      this.#readControl(message);
      this.#order.note(peer?.session ?? NOBODY, Math.ceil(length / (this.#control.segment || length || 1)));
    }
    this.#order.arrange();
  }

  /** Where the way is that a message came by. */
  #nameOf(message: number): number {
    return this.#inNames + message * WAY_BYTES;
  }

  #readControl(message: number): void {
    const length = this.#in.field(message, MMSGHDR.controlLength);
    this.#control.read(
      this.#inControls + message * CONTROL_IN_BYTES,
      length,
      this.#nameOf(message) + NAME_BYTES,
    );
  }

  /**
   * @throws Error when it goes on: the socket shows something that cannot be had, and would be asked for ever
   */
  #notReceived(errno: number): void {
    if (errno === ERRNO.CONNREFUSED) this.#events.trouble(errno, 1, false);
    else if (++this.#failed >= FAILED_MAX) throw new Error(`recvmmsg ${this.#libc.errorName(errno)}`);
  }

  /** Makes the calls that datagrams take, before anybody relies on them. @throws Error when one is refused */
  tryOut(): void {
    this.receive();
    if (this.#failed > 0) throw new Error(`recvmmsg ${this.#libc.errorName(this.#libc.errno())}`);
    this.out.tryOut();
  }

  /** What a receive changes in a header is set again. */
  #makeReady(message: number): void {
    this.#in.setField(message, MMSGHDR.nameLength, NAME_BYTES);
    this.#in.setField(message, MMSGHDR.controlLength, CONTROL_IN_BYTES);
    this.#in.setField(message, MMSGHDR.flags, 0);
  }

  /** @returns false when the ring is full before the end of the message */
  #take(message: number): boolean {
    const { ARRIVALS, ARRIVAL_BYTES, DATAGRAM_MAX } = this.#core.layout;
    const { ring } = this.#core;
    const length = this.#in.field(message, MMSGHDR.length);
    const at = ARRIVALS + message * ARRIVAL_BYTES;
    const name = this.#nameOf(message);
    if (this.#offset === 0) {
      this.#readControl(message);
      this.#events.came(length);
    }
    const segment = this.#control.segment || length;
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
        const most = this.#admission.most(peer);
        if (most === 0) {
          this.#offset += size;
          continue;
        }
        let slot = ring.next;
        const taken = ring.fill(
          peer.session,
          routed !== undefined,
          from,
          Math.min(left, most * segment),
          segment,
        );
        this.#admission.took(peer, Math.ceil(taken / segment));
        for (let i = 0; i < taken; i += segment) {
          this.#senders[slot] = name;
          slot = (slot + 1) % this.#senders.length;
        }
        for (let i = 0; this.tapped && i < taken; i += segment)
          this.#events.arrives(peer, name, from + i, Math.min(segment, taken - i));
        this.#offset += taken;
        if (taken === 0 || ring.room === 0) this.#events.pump();
        if (taken === 0 && ring.room === 0) return false;
      }
    } while (this.#offset < length);
    return true;
  }

  /** Whether more than one peer has been heard of late. */
  get crowded(): boolean {
    return this.#admission.crowded;
  }
}
