import type { Remote } from '../../protocol/remote.js';
import type { Link } from '../link.js';
import type { CopyWish } from './copier.js';
import { Copies, type Direction, KIND } from './copies.js';
import { FramesIn } from './frames-in.js';

/** Bytes of datagrams of the main thread's that wait to be fetched; more are lost to the capture. */
const QUEUE_BYTES = 8 << 20;

/** A copy of a frame, or of a datagram. */
export interface Copied {
  readonly what: 'frame' | 'datagram';
  readonly direction: Direction;
  /** Whose it is; undefined for a datagram of which that is not known. */
  readonly link: Link | undefined;
  /** Where a datagram came from, or went. */
  readonly remote: Remote;
  /** ms since 1970. */
  readonly time: number;
  readonly bytes: Uint8Array;
}

/** What a cable has for its captures. */
export interface CopiesHost {
  readonly sessionsMax: number;
  linkOf(session: number): Link | undefined;
  /** The remote of a way (native/sockaddr.ts). */
  decode?(way: Uint8Array): Remote;
  /** Who moves the frames copies them from now on; nothing, when there is no wish. */
  copy(copies: Copies | undefined, wish: CopyWish): void;
}

/** The copies that a cable makes for captures, in the order in which things happened. */
export class CableCopies {
  readonly #host: CopiesHost;
  #copies: Copies | undefined;
  #wish: CopyWish = { frames: false, wire: false };
  #wanted: (link: Link) => boolean = () => true;
  /** What the clock is ahead of the one that copies are stamped by, ms. */
  #ahead = 0;
  #queue: Copied[] = [];
  #queued = 0;
  #lost = 0;
  /** What it takes to read payloads, by session; gone when another link gets its number. */
  readonly #readers = new Map<number, Readonly<Record<Direction, FramesIn>>>();
  /** Sessions that were asked for. */
  readonly #known = new Set<number>();

  constructor(host: CopiesHost) {
    this.#host = host;
  }

  /**
   * Has everything copied from now on that is wished for; nothing when both are false.
   * @param wanted whether a link's copies are of interest
   */
  start(wish: CopyWish, wanted: (link: Link) => boolean): void {
    this.#wish = wish;
    this.#wanted = wanted;
    this.#known.clear();
    this.#readers.clear();
    this.#queue = [];
    this.#queued = 0;
    this.#lost = 0;
    const any = wish.frames || wish.wire;
    this.#copies = any ? new Copies(this.#host.sessionsMax) : undefined;
    this.#ahead = Date.now() - (performance.timeOrigin + performance.now());
    this.#host.copy(this.#copies, wish);
  }

  /** A session has another link than before. */
  renew(session: number): void {
    this.#readers.delete(session);
    this.#known.delete(session);
    this.#copies?.skip(session, false);
  }

  /** A datagram that the main thread sends, or gets to see. */
  datagram(direction: Direction, remote: Remote, bytes: Uint8Array, link?: Link): void {
    if (!this.#wish.wire) return;
    if (this.#queued + bytes.length > QUEUE_BYTES) {
      this.#lost++;
      return;
    }
    this.#queued += bytes.length;
    const time = performance.timeOrigin + performance.now() + this.#ahead;
    this.#queue.push({ what: 'datagram', direction, link, remote, time, bytes: bytes.slice() });
  }

  /** What was copied since the last time. */
  take(): Copied[] {
    const copied = this.#queue;
    this.#queue = [];
    this.#queued = 0;
    for (const { kind, direction, session, time: stamp, way, bytes } of this.#copies?.take() ?? []) {
      const link = this.#host.linkOf(session);
      if (link === undefined || !this.#wants(session, link)) continue;
      const time = stamp + this.#ahead;
      const remote = way.length === 0 ? link.remote : (this.#host.decode?.(way) ?? link.remote);
      const what = kind === KIND.datagram ? 'datagram' : 'frame';
      const all = kind === KIND.payload ? this.#read(session, direction, bytes, time) : [bytes];
      for (const one of all) copied.push({ what, direction, link, remote, time, bytes: one });
    }
    return copied.sort((one, other) => one.time - other.time);
  }

  #read(session: number, direction: Direction, payload: Uint8Array, time: number): Uint8Array[] {
    const readers = this.#readers.get(session) ?? { in: new FramesIn(), out: new FramesIn() };
    this.#readers.set(session, readers);
    return readers[direction].read(payload, time);
  }

  #wants(session: number, link: Link): boolean {
    const wanted = this.#wanted(link);
    if (!this.#known.has(session)) this.#copies?.skip(session, !wanted);
    this.#known.add(session);
    return wanted;
  }

  /** How many copies found no room since the last time, by the link that they are of, or of none. */
  takeLost(): { readonly link: Link | undefined; readonly count: number }[] {
    const lost = [{ link: undefined as Link | undefined, count: this.#lost }];
    this.#lost = 0;
    for (const session of this.#known) {
      const link = this.#host.linkOf(session);
      const count = this.#copies?.takeLost(session) ?? 0;
      if (link !== undefined) lost.push({ link, count });
    }
    return lost.filter(({ count }) => count > 0);
  }
}
