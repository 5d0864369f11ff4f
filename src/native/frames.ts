import type { Core } from '../core/core.js';
import { type Arena, Messages, MMSGHDR } from './arena.js';
import { ERRNO, type Libc, MSG } from './libc.js';
import { TapFrames } from './tap-frames.js';
import type { VdeCalls, VdePort } from './vde.js';

/** Frames moved by one call. */
const BATCH = 64;
/** A switch that takes nothing for so long has its frames dropped, until it takes some again. */
const STUCK_MS = 200;

/** Frames that wait for one switch at most: many small ones may have come in one datagram. */
const WAITING_MAX = 8_192;
/** Bytes of a payload that are not a frame's, at most: kind, record and fragment header, transport header and tag. */
const PACKED = 1 + 2 + 4 + 32;

/** Errors of one frame on a switch's socket; any other one is the port's. */
const OF_A_FRAME: readonly number[] = [ERRNO.INVAL, ERRNO.MSGSIZE, ERRNO.NOBUFS];
/** Elsewhere only these are the port's: a tap that is down comes up again, and so does a network. */
const OF_THE_PORT: readonly number[] = [ERRNO.BADF, ERRNO.BADFD, ERRNO.NODEV];

/** What the ports of a thread share. */
export class FrameTools {
  readonly libc: Libc;
  readonly core: Core;
  readonly calls: VdeCalls | undefined;
  readonly memoryAt: number;
  /** A message for each slot of the ring, to receive into. */
  readonly in: Messages;
  readonly out: Messages;
  /** Those for frames that the core packs. */
  readonly fetched: Messages;
  /** Of each slot, how many frames besides one are still to be sent out of it. */
  readonly #more: Int32Array;

  readonly taps: TapFrames;

  static arenaBytes(core: Core): number {
    const { RING_SLOTS, FETCHED_COUNT } = core.layout;
    return (
      Messages.bytes(RING_SLOTS, 1) +
      Messages.bytes(FETCHED_COUNT, 1) +
      Messages.bytes(BATCH, 1) +
      TapFrames.arenaBytes()
    );
  }

  /** @param wants told the session of a secure link that has frames, and no key */
  constructor(
    libc: Libc,
    core: Core,
    arena: Arena,
    calls: VdeCalls | undefined,
    readonly wants: (session: number) => void,
  ) {
    this.libc = libc;
    this.core = core;
    this.calls = calls;
    this.memoryAt = libc.address(core.ring.bytes);
    const { RING_SLOTS, FETCHED_COUNT, FRAME_MAX } = core.layout;
    this.in = new Messages(arena, RING_SLOTS, 1);
    // One byte more than is carried: a longer frame shows, and is refused.
    for (let i = 0; i < RING_SLOTS; i++)
      this.in.part(i, 0, this.memoryAt + core.ring.frameAt(i), FRAME_MAX + 1);
    this.out = new Messages(arena, BATCH, 1);
    this.fetched = new Messages(arena, FETCHED_COUNT, 1);
    for (let i = 0; i < FETCHED_COUNT; i++)
      this.fetched.part(i, 0, this.memoryAt + core.fetchedAt(i), FRAME_MAX + 1);
    this.#more = new Int32Array(RING_SLOTS);
    this.taps = new TapFrames(libc, core, arena, this.memoryAt);
  }

  /** A slot holds so many frames: it is given back when all have been. */
  holds(slot: number, frames: number): void {
    if (frames === 0) this.core.ring.release(slot);
    else this.#more[slot] = frames - 1;
  }

  /** Gives back a frame. @param place slot of the ring that it is in; negative for one put together from fragments */
  release(place: number): void {
    if (place < 0) this.core.releaseFrame(place);
    else if (this.#more[place] === 0) this.core.ring.release(place);
    else (this.#more[place] as number)--;
  }
}

/**
 * One port of a switch, by libvdeplug, or a tap: frames straight into the ring, and straight out of it; on the secure cable by
 * way of the core, which packs them.
 */
export class FrameSide {
  readonly session: number;
  /** Undefined while it is being opened: frames wait for a moment. */
  #port: VdePort | undefined;
  /** Tells a port from another one of the same link. */
  number = 0;
  readonly #tools: FrameTools;
  // Frames that wait: a queue, which grows with need.
  #places: Int32Array;
  #addresses: Int32Array;
  #lengths: Int32Array;
  #mask: number;
  #head = 0;
  #waiting = 0;
  /** Since when the switch takes nothing; 0 when it does. */
  #since = 0;
  #stuck = false;
  /** Whether the port was lost. */
  lost = false;
  /** Of the secure cable: slots that a frame takes at most; 0 for a classic link. */
  #slotsEach = 0;
  /** Whether there is no key: frames are left where they are, and told of once. */
  holds = false;
  wanted = false;

  /** @param path of a link of the secure cable: the largest UDP payload, bytes */
  constructor(tools: FrameTools, session: number, path?: number) {
    this.#tools = tools;
    this.session = session;
    const { RING_SLOTS } = tools.core.layout;
    if (path !== undefined) this.fit(path);
    this.holds = path !== undefined;
    this.#mask = RING_SLOTS - 1;
    this.#places = new Int32Array(RING_SLOTS);
    this.#addresses = new Int32Array(RING_SLOTS);
    this.#lengths = new Int32Array(RING_SLOTS);
  }

  /** From now on that is the largest UDP payload of a secure link, bytes. */
  fit(path: number): void {
    this.#slotsEach = 1 + Math.ceil(this.#tools.core.layout.FRAME_MAX / (path - PACKED));
  }

  get port(): VdePort | undefined {
    return this.#port;
  }

  /** From now on this is the port; or none, when one is being opened. */
  plug(port: VdePort | undefined, number: number): void {
    this.#port = port;
    this.number = number;
    this.lost = false;
    this.wanted = false;
    this.#tools.taps.forget(this.session);
    this.flush();
  }

  /** Whether frames wait for the switch. */
  get waits(): boolean {
    return this.#waiting > 0;
  }

  /** Whether to watch for frames from the switch. */
  get reads(): boolean {
    return !(this.holds && this.wanted);
  }

  /** Whether to watch for room at the switch. */
  get blocked(): boolean {
    return this.#waiting > 0 || this.#stuck;
  }

  /** Frames from the switch into the ring, one batch at most; there is room in the ring. */
  read(): void {
    if (!this.holds) {
      this.take();
    } else if (!this.wanted) {
      this.wanted = true;
      this.#tools.wants(this.session);
    }
  }

  /**
   * The same, though there may be no key: they are refused then.
   * @returns how many there were
   */
  take(): number {
    const { core } = this.#tools;
    const { ring } = core;
    const port = this.#port;
    if (port === undefined) return 0;
    if (port.vnet !== undefined) return this.#readTap(port, port.vnet);
    if (this.#slotsEach === 0) {
      const most = Math.min(ring.room, BATCH);
      return port.plain
        ? this.#readMany(port, Math.min(most, ring.slots - ring.next))
        : this.#readOneByOne(port, most);
    }
    const most = Math.min(Math.floor(ring.room / this.#slotsEach), core.layout.FETCHED_COUNT);
    const got = port.plain ? this.#readMany(port, most) : this.#readOneByOne(port, most);
    if (got > 0) core.pack(this.session, got);
    return got;
  }

  #readMany(port: VdePort, most: number): number {
    const { libc, core, in: slots, fetched } = this.#tools;
    const [messages, first] = this.#slotsEach === 0 ? [slots, core.ring.next] : [fetched, 0];
    const got = libc.recvmmsg(port.dataFd, messages.address(first), most, MSG.DONTWAIT, 0);
    if (got < 0) {
      const errno = libc.errno();
      if (errno !== ERRNO.AGAIN && errno !== ERRNO.INTR) this.lost = true;
      return 0;
    }
    for (let i = 0; i < got; i++) this.#took(i, messages.field(first + i, MMSGHDR.length));
    return got;
  }

  #readTap({ dataFd }: VdePort, vnet: number): number {
    const { taps, core } = this.#tools;
    const { ring } = core;
    const before = ring.next;
    const errno = taps.read(this.session, dataFd, vnet, BATCH);
    if (OF_THE_PORT.includes(errno)) this.lost = true;
    return (ring.next - before) & (ring.slots - 1);
  }

  #readOneByOne(port: VdePort, most: number): number {
    const { libc, core, calls, memoryAt } = this.#tools;
    for (let i = 0; i < most; i++) {
      const at = this.#slotsEach === 0 ? core.ring.frameAt(core.ring.next) : core.fetchedAt(i);
      const length = calls?.receive(port.connection, memoryAt + at, core.frameMax + 1, MSG.DONTWAIT) ?? -1;
      if (length < 0) {
        if (OF_THE_PORT.includes(libc.errno())) this.lost = true;
        return i;
      }
      if (length <= 1) return i; // not a frame: a message of the network's own, which the library has taken
      this.#took(i, length);
    }
    return most;
  }

  #took(i: number, length: number): void {
    if (this.#slotsEach === 0) this.#tools.core.ring.commit(this.session, length);
    else this.#tools.core.setFetched(i, length);
  }

  /** Takes an opened frame, for the switch. @param place slot of the ring that it is in, or as Core.frame tells it */
  queue(place: number, address: number, length: number): void {
    if (this.#waiting > this.#mask) this.#grow();
    if (this.#stuck || this.#waiting > this.#mask) {
      this.#tools.core.dropped(this.session, 1, 0);
      this.#tools.release(place);
      return;
    }
    const at = (this.#head + this.#waiting++) & this.#mask;
    this.#places[at] = place;
    this.#addresses[at] = address;
    this.#lengths[at] = length;
  }

  #grow(): void {
    const size = this.#mask + 1;
    if (size === WAITING_MAX) return;
    const grown = (queue: Int32Array) => {
      const more = new Int32Array(2 * size);
      more.set(queue.subarray(this.#head));
      more.set(queue.subarray(0, this.#head), size - this.#head);
      return more;
    };
    this.#places = grown(this.#places);
    this.#addresses = grown(this.#addresses);
    this.#lengths = grown(this.#lengths);
    this.#head = 0;
    this.#mask = 2 * size - 1;
  }

  /** Hands over what waits as the stream of a plug. */
  stream(): Uint8Array {
    const { bytes } = this.#tools.core.ring;
    const even = (length: number) => length + (length & 1); // as vde_plug wants it, see assembly/frames.ts
    let size = 0;
    for (let i = 0; i < this.#waiting; i++)
      size += 2 + even(this.#lengths[(this.#head + i) & this.#mask] as number);
    const stream = new Uint8Array(size);
    for (let i = 0, to = 0; i < this.#waiting; i++) {
      const at = (this.#head + i) & this.#mask;
      const [address, length] = [this.#addresses[at] as number, this.#lengths[at] as number];
      stream[to] = even(length) >> 8;
      stream[to + 1] = even(length);
      stream.set(bytes.subarray(address, address + length), to + 2);
      to += 2 + even(length);
    }
    this.#release(this.#waiting);
    this.#since = 0;
    this.#stuck = false;
    return stream;
  }

  /** Hands over what waits, as far as the switch takes it. */
  flush(): void {
    const port = this.#port;
    if (port === undefined) {
      if (this.#waiting > 0) this.#since ||= performance.now();
      return;
    }
    this.#stuck = false;
    while (this.#waiting > 0) {
      const sent = this.#send(port);
      if (sent > 0) {
        this.#release(sent);
        this.#since = 0;
        continue;
      }
      const errno = this.#tools.libc.errno();
      // A tap that takes nothing now has its frames dropped, as any device's queue does: joined, they are not what they were.
      if (port.vnet === undefined && errno === ERRNO.INTR) continue;
      if (port.vnet === undefined && errno === ERRNO.AGAIN) {
        this.#since ||= performance.now();
        return;
      }
      this.#tools.core.dropped(this.session, -sent, 0);
      this.#release(-sent);
      if (port.plain ? OF_A_FRAME.includes(errno) : !OF_THE_PORT.includes(errno)) continue;
      this.lost = true;
      return;
    }
  }

  /** @returns how many frames were handed over; negative, how many an error is about */
  #send(port: VdePort): number {
    if (port.vnet !== undefined) {
      const queue = { addresses: this.#addresses, lengths: this.#lengths };
      return this.#tools.taps.write(port.dataFd, port.vnet, queue, this.#head, this.#waiting);
    }
    return port.plain ? this.#sendMany(port) : this.#sendOne(port);
  }

  #sendMany(port: VdePort): number {
    const { libc, memoryAt, out } = this.#tools;
    const count = Math.min(this.#waiting, BATCH);
    for (let i = 0; i < count; i++) {
      const at = (this.#head + i) & this.#mask;
      out.part(i, 0, memoryAt + (this.#addresses[at] as number), this.#lengths[at] as number);
    }
    return libc.sendmmsg(port.dataFd, out.address(0), count, MSG.DONTWAIT | MSG.NOSIGNAL);
  }

  #sendOne(port: VdePort): number {
    const { calls, memoryAt } = this.#tools;
    const address = memoryAt + (this.#addresses[this.#head] as number);
    const length = this.#lengths[this.#head] as number;
    const sent = calls?.send(port.connection, address, length, MSG.DONTWAIT) ?? -1;
    return sent < 0 ? -1 : 1;
  }

  /** Lets go of frames that have waited too long. */
  expire(now: number): void {
    if (this.#since === 0 || now - this.#since < STUCK_MS) return;
    this.drop();
    this.#stuck = true;
  }

  /** Drops what waits for the switch; what comes then may wait. */
  drop(): void {
    this.#stuck = false;
    this.#tools.taps.forget(this.session);
    if (this.#waiting > 0) this.#tools.core.dropped(this.session, this.#waiting, 0);
    this.#release(this.#waiting);
    this.#since = 0;
  }

  #release(frames: number): void {
    for (let i = 0; i < frames; i++) {
      this.#tools.release(this.#places[this.#head] as number);
      this.#head = (this.#head + 1) & this.#mask;
    }
    this.#waiting -= frames;
  }
}
