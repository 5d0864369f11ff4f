import type { Core } from '../core/core.js';
import { type Arena, Messages, MMSGHDR } from './arena.js';
import { ERRNO, type Libc, MSG } from './libc.js';
import type { VdeCalls, VdePort } from './vde.js';

/** Frames moved by one call. */
const BATCH = 64;
/** A switch that takes nothing for so long has its frames dropped, until it takes some again. */
const STUCK_MS = 200;

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

  static arenaBytes(core: Core): number {
    return Messages.bytes(core.layout.RING_SLOTS, 1) + Messages.bytes(BATCH, 1);
  }

  constructor(libc: Libc, core: Core, arena: Arena, calls: VdeCalls | undefined) {
    this.libc = libc;
    this.core = core;
    this.calls = calls;
    this.memoryAt = libc.address(core.ring.bytes);
    const { RING_SLOTS, FRAME_MAX } = core.layout;
    this.in = new Messages(arena, RING_SLOTS, 1);
    // One byte more than is carried: a longer frame shows, and is refused.
    for (let i = 0; i < RING_SLOTS; i++)
      this.in.part(i, 0, this.memoryAt + core.ring.frameAt(i), FRAME_MAX + 1);
    this.out = new Messages(arena, BATCH, 1);
  }
}

/** One port of a switch, by libvdeplug: frames straight into the ring, and straight out of it. */
export class FrameSide {
  readonly session: number;
  /** Undefined while it is being opened: frames wait for a moment. */
  #port: VdePort | undefined;
  /** Tells a port from another one of the same link. */
  number = 0;
  readonly #tools: FrameTools;
  readonly #slots: Int32Array;
  readonly #addresses: Int32Array;
  readonly #lengths: Int32Array;
  readonly #mask: number;
  #head = 0;
  #waiting = 0;
  /** Since when the switch takes nothing; 0 when it does. */
  #since = 0;
  #stuck = false;
  /** Whether the port was lost. */
  lost = false;

  constructor(tools: FrameTools, session: number) {
    this.#tools = tools;
    this.session = session;
    const { RING_SLOTS } = tools.core.layout;
    this.#mask = RING_SLOTS - 1;
    this.#slots = new Int32Array(RING_SLOTS);
    this.#addresses = new Int32Array(RING_SLOTS);
    this.#lengths = new Int32Array(RING_SLOTS);
  }

  get port(): VdePort | undefined {
    return this.#port;
  }

  /** From now on this is the port; or none, when one is being opened. */
  plug(port: VdePort | undefined, number: number): void {
    this.#port = port;
    this.number = number;
    this.lost = false;
    this.flush();
  }

  /** Whether frames wait for the switch. */
  get waits(): boolean {
    return this.#waiting > 0;
  }

  /** Whether to watch for room at the switch. */
  get blocked(): boolean {
    return this.#waiting > 0 || this.#stuck;
  }

  /** Frames from the switch into the ring, one batch at most; there is room in the ring. */
  read(): void {
    const { ring } = this.#tools.core;
    const most = Math.min(ring.room, BATCH);
    if (this.#port === undefined) return;
    if (this.#port.plain) this.#readMany(this.#port, Math.min(most, ring.slots - ring.next));
    else this.#readOneByOne(this.#port, most);
  }

  #readMany(port: VdePort, most: number): void {
    const { libc, core, in: messages } = this.#tools;
    const first = core.ring.next;
    const got = libc.recvmmsg(port.dataFd, messages.address(first), most, MSG.DONTWAIT, 0);
    if (got < 0) {
      const errno = libc.errno();
      if (errno !== ERRNO.AGAIN && errno !== ERRNO.INTR) this.lost = true;
      return;
    }
    for (let i = 0; i < got; i++) core.ring.commit(this.session, messages.field(first + i, MMSGHDR.length));
  }

  #readOneByOne(port: VdePort, most: number): void {
    const { libc, core, calls, memoryAt } = this.#tools;
    for (let i = 0; i < most; i++) {
      const at = memoryAt + core.ring.frameAt(core.ring.next);
      const length = calls?.receive(port.connection, at, core.frameMax + 1, MSG.DONTWAIT) ?? -1;
      if (length < 0) {
        if (OF_THE_PORT.includes(libc.errno())) this.lost = true;
        return;
      }
      if (length <= 1) return; // not a frame: a message of the network's own, which the library has taken
      core.ring.commit(this.session, length);
    }
  }

  /** Takes an opened slot, for the switch. */
  queue(slot: number, address: number, length: number): void {
    if (this.#stuck) {
      this.#tools.core.dropped(this.session, 1, 0);
      this.#tools.core.ring.release(slot);
      return;
    }
    const at = (this.#head + this.#waiting++) & this.#mask;
    this.#slots[at] = slot;
    this.#addresses[at] = address;
    this.#lengths[at] = length;
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
      const sent = port.plain ? this.#sendMany(port) : this.#sendOne(port);
      if (sent > 0) {
        this.#release(sent);
        this.#since = 0;
        continue;
      }
      const errno = this.#tools.libc.errno();
      if (errno === ERRNO.INTR) continue;
      if (errno === ERRNO.AGAIN) {
        this.#since ||= performance.now();
        return;
      }
      this.#tools.core.dropped(this.session, 1, 0);
      this.#release(1);
      if (port.plain ? OF_A_FRAME.includes(errno) : !OF_THE_PORT.includes(errno)) continue;
      this.lost = true;
      return;
    }
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

  /** Drops what waits for the switch. */
  drop(): void {
    if (this.#waiting > 0) this.#tools.core.dropped(this.session, this.#waiting, 0);
    this.#release(this.#waiting);
    this.#since = 0;
  }

  #release(frames: number): void {
    for (let i = 0; i < frames; i++) {
      this.#tools.core.ring.release(this.#slots[this.#head] as number);
      this.#head = (this.#head + 1) & this.#mask;
    }
    this.#waiting -= frames;
  }
}
