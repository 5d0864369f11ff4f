import { bytesInStream } from '../../plug/plug.js';
import { MMSGHDR } from '../linux/arena.js';
import { ERRNO, MSG } from '../linux/libc.js';
import type { Port } from '../ports/port.js';
import { Aside } from './aside-ring.js';
import { BATCH, type FrameTools } from './frame-tools.js';

/** A switch that takes nothing for so long has its frames dropped, until it takes some again. */
const STUCK_MS = 200;

/**
 * Frames of one port that wait, where others need the thread: a switch takes so many in a few ms. For a moment, as a switch may not
 * have the processor, more may wait.
 */
const ASIDE_FRAMES = 256;
const ASIDE_MOST = 1_024;
const MOMENT_MS = 10;
/** Instead of the slot of a frame that was set aside. */
const ASIDE = 0x7fffffff;

/** Frames that wait for one switch at most: many small ones may have come in one datagram. */
const WAITING_MAX = 8_192;
/** Bytes of a payload that are not a frame's, at most: kind, record and fragment header, transport header and tag. */
const PACKED = 1 + 2 + 4 + 32;

/** Errors of one frame on a switch's socket; any other one is the port's. */
const OF_A_FRAME: readonly number[] = [ERRNO.INTR, ERRNO.INVAL, ERRNO.MSGSIZE, ERRNO.NOBUFS];
/** Elsewhere only these are the port's: a tap that is down comes up again, and so does a network. A card that is down is opened again. */
const OF_THE_PORT: readonly number[] = [ERRNO.BADF, ERRNO.BADFD, ERRNO.NODEV, ERRNO.NXIO, ERRNO.NETDOWN];
/** Reads that may fail in a row, whatever the error: one that is still there then does not go away. */
const FAILED_READS_MAX = 1_000;

/**
 * One port of a switch, by libvdeplug, or a tap: frames straight into the ring, and straight out of it; on the secure cable by
 * way of the core, which packs them.
 */
export class FrameSide {
  readonly session: number;
  /** Undefined while it is being opened: frames wait for a moment. */
  #port: Port | undefined;
  /** Tells a port from another one of the same link. */
  number = 0;
  readonly #tools: FrameTools;
  // Frames that wait: a queue, which grows with need.
  #places: Int32Array;
  #addresses: Int32Array;
  #lengths: Int32Array;
  /** Undefined until frames are set aside. */
  #aside: Aside | undefined;
  #mask: number;
  #head = 0;
  #waiting = 0;
  /** Since when the switch takes nothing; 0 when it does. */
  #since = 0;
  #stuck = false;
  /** Since when more than ASIDE_FRAMES wait, ms, as far as somebody has looked. */
  #deep: number | undefined;
  /** Whether the port was lost. */
  lost = false;
  /** In a row. */
  #failedReads = 0;
  /** Of the secure cable: slots that a frame takes at most; 0 for a classic link. */
  #slotsEach = 0;
  /** Whether there is no key: frames are left where they are, and reported once. */
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

  get port(): Port | undefined {
    return this.#port;
  }

  /** From now on this is the port; or none, when one is being opened. */
  plug(port: Port | undefined, number: number): void {
    if (port?.vnet !== undefined && this.#places[this.#head] === ASIDE) this.drop(); // the core joins what is in its memory
    this.#port = port;
    this.number = number;
    this.lost = false;
    this.#failedReads = 0;
    this.wanted = false;
    this.#tools.taps.forget(this.session);
    this.flush();
  }

  /** Whether as many frames wait for the switch as may, where others need the thread. */
  get full(): boolean {
    if (this.#waiting < ASIDE_FRAMES) {
      this.#deep = undefined;
      return false;
    }
    const now = performance.now();
    this.#deep ??= now;
    return this.#waiting >= ASIDE_MOST || now - this.#deep >= MOMENT_MS;
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
    this.#tools.moderation.hurry();
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

  #readMany(port: Port, most: number): number {
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

  #readTap({ dataFd, card = false }: Port, vnet: number): number {
    const { taps, core } = this.#tools;
    const { ring } = core;
    const before = ring.next;
    const errno = taps.read(this.session, dataFd, vnet, card, BATCH);
    const got = (ring.next - before) & (ring.slots - 1);
    if (got > 0 || errno === ERRNO.AGAIN || errno === 0) this.#failedReads = 0;
    else this.#readFailed(errno);
    return got;
  }

  #readOneByOne(port: Port, most: number): number {
    const { libc, core, calls, memoryAt } = this.#tools;
    for (let i = 0; i < most; i++) {
      const at = this.#slotsEach === 0 ? core.ring.frameAt(core.ring.next) : core.fetchedAt(i);
      const length = calls?.receive(port.connection, memoryAt + at, core.frameMax + 1, MSG.DONTWAIT) ?? -1;
      if (length < 0) {
        const errno = libc.errno();
        if (i > 0 || errno === ERRNO.AGAIN) this.#failedReads = 0;
        else this.#readFailed(errno);
        return i;
      }
      if (length <= 1) return i; // not a frame: a message of the network's own, which the library has taken
      this.#took(i, length);
    }
    return most;
  }

  #readFailed(errno: number): void {
    if (OF_THE_PORT.includes(errno) || ++this.#failedReads >= FAILED_READS_MAX) this.lost = true;
  }

  #took(i: number, length: number): void {
    if (this.#slotsEach === 0) this.#tools.core.ring.commit(this.session, length);
    else this.#tools.core.setFetched(i, length);
  }

  /** Takes an opened frame, for the switch. @param place slot of the ring that it is in, or as Core.frame returns it */
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

  /**
   * Hands over what waits as the stream of a plug.
   * @param even whether a frame of odd length gets one zero byte more, as vde_plug wants it (assembly/frames.ts)
   */
  stream(even: boolean): Uint8Array {
    const { bytes } = this.#tools.core.ring;
    const sizeOf = (length: number) => bytesInStream(length, even);
    let size = 0;
    for (let i = 0; i < this.#waiting; i++)
      size += 2 + sizeOf(this.#lengths[(this.#head + i) & this.#mask] as number);
    const stream = new Uint8Array(size);
    for (let i = 0, to = 0; i < this.#waiting; i++) {
      const at = (this.#head + i) & this.#mask;
      const [address, length] = [this.#addresses[at] as number, this.#lengths[at] as number];
      stream[to] = sizeOf(length) >> 8;
      stream[to + 1] = sizeOf(length);
      const aside = this.#places[at] === ASIDE ? this.#aside : undefined;
      stream.set(aside?.bytes(address, length) ?? bytes.subarray(address, address + length), to + 2);
      to += 2 + sizeOf(length);
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
    if (port.vnet === undefined) this.#tools.moderation.hurry();
    while (this.#waiting > 0) {
      const sent = this.#send(port);
      if (sent > 0) {
        this.#release(sent);
        this.#since = 0;
        continue;
      }
      const errno = this.#tools.libc.errno();
      // A tap that takes nothing now has its frames dropped, as any device's queue does: joined, they are not what they were.
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
  #send(port: Port): number {
    if (port.vnet !== undefined) {
      const queue = { addresses: this.#addresses, lengths: this.#lengths };
      return this.#tools.taps.write(port, port.vnet, queue, this.#head, this.#waiting);
    }
    return port.plain ? this.#sendMany(port) : this.#sendOne(port);
  }

  #sendMany(port: Port): number {
    const { libc, out } = this.#tools;
    const count = Math.min(this.#waiting, BATCH);
    for (let i = 0; i < count; i++) {
      const at = (this.#head + i) & this.#mask;
      out.part(i, 0, this.#addressOf(at), this.#lengths[at] as number);
    }
    return libc.sendmmsg(port.dataFd, out.address(0), count, MSG.DONTWAIT | MSG.NOSIGNAL);
  }

  /** Where a frame of the queue is. */
  #addressOf(at: number): number {
    const address = this.#addresses[at] as number;
    if (this.#aside !== undefined && this.#places[at] === ASIDE) return this.#aside.address(address);
    return this.#tools.memoryAt + address;
  }

  /**
   * Takes the frames that wait out of the ring, as others need its room. Those that come too many are dropped, and all
   * of a port that is being opened.
   */
  setAside(): void {
    const { core } = this.#tools;
    const last = (this.#head + this.#waiting - 1) & this.#mask;
    if (this.#waiting === 0 || (this.#places[last] === ASIDE && this.#port !== undefined)) return;
    this.#aside ??= new Aside(this.#tools.libc);
    let kept = this.#port === undefined ? 0 : Math.min(this.#waiting, ASIDE_MOST);
    for (let i = 0; i < kept; i++) {
      const at = (this.#head + i) & this.#mask;
      if (this.#places[at] === ASIDE) continue;
      const address = this.#addresses[at] as number;
      const put = this.#aside.put(core.ring.bytes.subarray(address, address + (this.#lengths[at] as number)));
      if (put === undefined) {
        kept = i;
        break;
      }
      this.#tools.release(this.#places[at] as number);
      this.#places[at] = ASIDE;
      this.#addresses[at] = put;
    }
    const dropped = this.#waiting - kept;
    for (let i = kept; i < this.#waiting; i++) this.#giveBack((this.#head + i) & this.#mask);
    this.#waiting = kept;
    if (dropped > 0) core.dropped(this.session, dropped, 0);
  }

  #giveBack(at: number): void {
    const place = this.#places[at] as number;
    if (place === ASIDE) this.#aside?.free(this.#addresses[at] as number, this.#lengths[at] as number);
    else this.#tools.release(place);
  }

  #sendOne(port: Port): number {
    const { calls } = this.#tools;
    const address = this.#addressOf(this.#head);
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
      this.#giveBack(this.#head);
      this.#head = (this.#head + 1) & this.#mask;
    }
    this.#waiting -= frames;
  }
}
