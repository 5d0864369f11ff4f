import { Arena } from './arena.js';
import type { FrameSide } from './frames.js';
import { EPOLL, type Libc, POLL } from './libc.js';

/** What one look takes; the kernel gives the others next time, so that each has its turn. */
const EVENTS = 64;
/** struct epoll_event: u32 events, u64 data; packed on x64 alone. */
const EVENT_BYTES = process.arch === 'x64' ? 12 : 16;
const DATA = EVENT_BYTES - 8;
/** The other side is gone; an error, which a read shows, may be a passing one. */
const LOST = POLL.HUP | POLL.NVAL | POLL.RDHUP;

/** Descriptors that are watched for one thing, however many: what a look costs depends on how many are ready. */
class Watch {
  readonly fd: number;
  readonly #libc: Libc;
  readonly #arena: Arena;
  readonly #event: number;
  readonly #events: number;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#arena = new Arena(libc, (EVENTS + 2) * 16);
    this.#event = this.#arena.take(EVENT_BYTES);
    this.#events = this.#arena.take(EVENTS * EVENT_BYTES);
    this.fd = libc.epollCreate(EPOLL.CLOEXEC);
    if (this.fd < 0) throw new Error(`epoll_create1 ${libc.errorName(libc.errno())}`);
  }

  add(fd: number, events: number, data: number): void {
    this.#arena.words[this.#event >> 2] = events;
    this.#arena.words[(this.#event + DATA) >> 2] = data;
    this.#libc.epollControl(this.fd, EPOLL.ADD, fd, this.#arena.address(this.#event));
  }

  remove(fd: number): void {
    this.#libc.epollControl(this.fd, EPOLL.DELETE, fd, this.#arena.address(this.#event));
  }

  /** @returns how many are ready; come() and data() tell of each */
  look(): number {
    return Math.max(0, this.#libc.epollWait(this.fd, this.#arena.address(this.#events), EVENTS, 0));
  }

  came(event: number): number {
    return this.#arena.words[(this.#events + event * EVENT_BYTES) >> 2] as number;
  }

  data(event: number): number {
    return this.#arena.words[(this.#events + event * EVENT_BYTES + DATA) >> 2] as number;
  }

  close(): void {
    this.#libc.close(this.fd);
  }
}

/**
 * The switch ports of an I/O thread. It may have a thousand, of which few have something at a time: they are watched
 * by epoll. One set is for what comes, and is not looked at while the ring is full; one for room at a switch that
 * takes no more.
 */
export class Ports {
  readonly #in: Watch;
  readonly #out: Watch;
  /** By session. */
  readonly #sides: (FrameSide | undefined)[] = [];
  /** Whose frames the switch does not take. */
  readonly #blocked = new Set<FrameSide>();
  readonly #lost = new Set<FrameSide>();

  constructor(libc: Libc) {
    this.#in = new Watch(libc);
    this.#out = new Watch(libc);
  }

  /** Readable when a port has something. */
  get inFd(): number {
    return this.#in.fd;
  }

  /** Readable when a port that was blocked takes something. */
  get outFd(): number {
    return this.#out.fd;
  }

  /** Whether frames wait for a switch, or for a port that is being opened. */
  get waits(): boolean {
    for (const side of this.#blocked) if (side.waits) return true;
    return false;
  }

  /** Watches a side's port, which is new. */
  add(side: FrameSide): void {
    this.#sides[side.session] = side;
    const { port, session } = side;
    if (port !== undefined) {
      this.#in.add(port.dataFd, POLL.IN, session * 2);
      if (port.controlFd >= 0) this.#in.add(port.controlFd, POLL.RDHUP, session * 2 + 1);
    }
    this.check(side);
  }

  /** Lets go of a side's port. */
  remove(side: FrameSide): void {
    this.#sides[side.session] = undefined;
    const { port } = side;
    if (port !== undefined) {
      this.#in.remove(port.dataFd);
      if (port.controlFd >= 0) this.#in.remove(port.controlFd);
    }
    this.#unblock(side);
    this.#lost.delete(side);
  }

  /** After a side was flushed: watches for room at its switch, if frames wait for it. */
  check(side: FrameSide): void {
    if (side.lost) this.#lost.add(side);
    if (!side.blocked) {
      this.#unblock(side);
    } else if (!this.#blocked.has(side)) {
      this.#blocked.add(side);
      if (side.port !== undefined) this.#out.add(side.port.dataFd, POLL.OUT, side.session * 2);
    }
  }

  #unblock(side: FrameSide): void {
    if (this.#blocked.delete(side) && side.port !== undefined) this.#out.remove(side.port.dataFd);
  }

  /**
   * Reads from ports that have something, while there is room in the ring.
   * @param room how many slots are free
   */
  read(room: () => number): void {
    const ready = this.#in.look();
    for (let i = 0; i < ready; i++) {
      const data = this.#in.data(i);
      const side = this.#sides[data >>> 1];
      if (side === undefined) continue;
      const came = this.#in.came(i);
      if ((data & 1) === 0 && (came & (POLL.IN | POLL.ERR)) !== 0 && room() > 0) side.read();
      if ((came & LOST) !== 0) side.lost = true;
      if (side.lost) this.#lost.add(side);
    }
  }

  /** Hands over what waited for room at a switch, and lets go of what has waited too long. */
  write(ready: boolean): void {
    for (let i = ready ? this.#out.look() - 1 : -1; i >= 0; i--) {
      const side = this.#sides[this.#out.data(i) >>> 1];
      if (side === undefined) continue;
      side.flush();
      this.check(side);
    }
    if (this.#blocked.size === 0) return;
    const now = performance.now();
    for (const side of this.#blocked) {
      side.expire(now);
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
    this.#in.close();
    this.#out.close();
  }
}

const NONE: readonly FrameSide[] = [];
