import { type Libc, POLL } from '../linux/libc.js';
import type { FrameSide } from './frame-side.js';
import { List } from './list.js';
import { Watch } from './watch.js';

/** What is watched, told apart by its data: these, and from PORTS on two numbers for each session. */
const WAKE = 0;
const SOCKET = 1;
const ROOM = 2;
const PORTS = 3;
/** The other side is gone; an error, which a read shows, may be a passing one. */
const LOST = POLL.HUP | POLL.RDHUP;
/** A control socket is never read: there an error stays. */
const CONTROL_LOST = LOST | POLL.ERR;

/**
 * What an I/O thread waits for. It may have a thousand switch ports, of which few have something at a time. One set
 * of epoll is for what goes on whether or not the ring has room: orders, and room at a switch or a socket that took no
 * more. The other one has this set in it, and all that comes.
 */
export class Ready {
  /** Whether there are orders. */
  orders = false;
  /** Whether there are datagrams. */
  datagrams = false;
  readonly #socket: number;
  readonly #all: Watch;
  readonly #room: Watch;
  /** By session. */
  readonly #sides: (FrameSide | undefined)[] = [];
  /** Whose frames the switch does not take. */
  readonly #blocked = new Set<FrameSide>();
  readonly #lost = new Set<FrameSide>();
  #socketBlocked = false;
  // What the last wait showed.
  readonly #readable = new List<FrameSide>();
  readonly #writable = new List<FrameSide>();
  /** Goes up with each read: who begins. */
  #turn = 0;

  /**
   * @param wake eventfd that is written when there are orders
   * @param socket of UDP
   * @throws Error when they cannot be watched
   */
  constructor(libc: Libc, wake: number, socket: number) {
    this.#socket = socket;
    this.#all = new Watch(libc);
    this.#room = new Watch(libc);
    const watched =
      this.#room.add(wake, POLL.IN, WAKE) &&
      this.#all.add(this.#room.fd, POLL.IN, ROOM) &&
      this.#all.add(socket, POLL.IN, SOCKET);
    if (!watched) throw new Error(`epoll_ctl ${libc.errorName(libc.errno())}`);
  }

  /**
   * Waits until something can be done.
   * @param input whether there is room for what comes
   */
  wait(input: boolean, milliseconds: number): void {
    this.orders = false;
    this.datagrams = false;
    if (!input) {
      this.#noteRoom(milliseconds);
      return;
    }
    const all = this.#all;
    for (let event = all.wait(milliseconds) - 1; event >= 0; event--) {
      const data = all.data(event);
      if (data === SOCKET) this.datagrams = true;
      else if (data === ROOM) this.#noteRoom(0);
      else this.#notePort(data - PORTS, all.came(event));
    }
  }

  #noteRoom(milliseconds: number): void {
    const room = this.#room;
    for (let event = room.wait(milliseconds) - 1; event >= 0; event--) {
      const data = room.data(event);
      if (data === WAKE) this.orders = true;
      else if (data >= PORTS) this.#writable.push(this.#sides[(data - PORTS) >>> 1] as FrameSide);
    }
  }

  #notePort(number: number, came: number): void {
    const side = this.#sides[number >>> 1] as FrameSide;
    const data = (number & 1) === 0;
    if (data && (came & (POLL.IN | POLL.ERR)) !== 0) this.#readable.push(side);
    if ((came & (data ? LOST : CONTROL_LOST)) !== 0) this.#lost.add(side);
  }

  /** Whether frames wait for a switch, or for a port that is being opened. */
  get waits(): boolean {
    if (this.#blocked.size === 0) return false;
    for (const side of this.#blocked) if (side.waits) return true;
    return false;
  }

  /** Watches a side's port, which is new. */
  add(side: FrameSide): void {
    this.#sides[side.session] = side;
    const { port, session } = side;
    if (port !== undefined) {
      const watched =
        this.#all.add(port.dataFd, POLL.IN, PORTS + session * 2) &&
        (port.controlFd < 0 || this.#all.add(port.controlFd, POLL.RDHUP, PORTS + session * 2 + 1));
      if (!watched) side.lost = true; // nobody would know when it has something: it is opened again, by and by
    }
    this.check(side);
  }

  /** Lets go of a side's port. */
  remove(side: FrameSide): void {
    const { port } = side;
    if (port !== undefined) {
      this.#all.remove(port.dataFd);
      if (port.controlFd >= 0) this.#all.remove(port.controlFd);
    }
    this.#unblock(side);
    this.#lost.delete(side);
    this.#sides[side.session] = undefined;
  }

  /** After a side was flushed: watches for room at its switch, if frames wait for it. */
  check(side: FrameSide): void {
    if (side.lost) this.#lost.add(side);
    if (!side.blocked) {
      this.#unblock(side);
    } else if (!this.#blocked.has(side)) {
      this.#blocked.add(side);
      if (side.port !== undefined) this.#room.add(side.port.dataFd, POLL.OUT, PORTS + side.session * 2);
    }
  }

  /** Watches for what comes at a side again, which read no more. */
  resume(side: FrameSide): void {
    if (side.port !== undefined) this.#all.add(side.port.dataFd, POLL.IN, PORTS + side.session * 2);
  }

  #unblock(side: FrameSide): void {
    if (this.#blocked.delete(side) && side.port !== undefined) this.#room.remove(side.port.dataFd);
  }

  /** After the socket was flushed: watches for room at it, if it took no more. */
  checkSocket(blocked: boolean): void {
    if (blocked === this.#socketBlocked) return;
    this.#socketBlocked = blocked;
    if (blocked) this.#room.add(this.#socket, POLL.OUT, SOCKET);
    else this.#room.remove(this.#socket);
  }

  /** Hands over what waited for room at a switch, and lets go of what has waited too long. */
  write(): void {
    for (let i = 0; i < this.#writable.count; i++) {
      const side = this.#writable.at(i);
      if (this.#sides[side.session] !== side) continue; // an order took it away
      side.flush();
      this.check(side);
    }
    this.#writable.clear();
    if (this.#blocked.size === 0) return;
    const now = performance.now();
    for (const side of this.#blocked) {
      side.expire(now);
      this.check(side);
    }
  }

  /**
   * Reads from ports that have something.
   * @param room whether there is any in the ring, still
   */
  read(room: () => boolean): void {
    const { count } = this.#readable;
    this.#turn++; // epoll reports them in the same order each time, and there may not be room for all
    for (let i = 0; i < count; i++) {
      const side = this.#readable.at((this.#turn + i) % count);
      if (this.#sides[side.session] !== side || !room()) continue; // epoll reports it again
      side.read();
      if (side.lost) this.#lost.add(side);
      if (!side.reads && side.port !== undefined) this.#all.remove(side.port.dataFd);
    }
    this.#readable.clear();
  }

  /** Takes what waits for switches out of the ring. */
  setAside(): void {
    for (const side of this.#blocked) {
      side.setAside();
      this.check(side);
    }
  }

  /** The sides whose ports were lost since it was asked last. */
  takeLost(): readonly FrameSide[] {
    if (this.#lost.size === 0) return NONE;
    const lost = [...this.#lost];
    this.#lost.clear();
    return lost;
  }

  close(): void {
    this.#all.close();
    this.#room.close();
  }
}

const NONE: readonly FrameSide[] = [];
