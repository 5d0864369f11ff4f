import type { FrameCore } from '../../../core/frame-core.js';
import { type Arena, IOVEC_BYTES } from '../linux/arena.js';
import type { Libc } from '../linux/libc.js';
import type { Port } from '../ports/port.js';
import { CardReader } from './card-reader.js';
import type { Moderation } from './moderation.js';

/** Frames that one write takes at most: what a super-frame of 64 KiB is cut into, and those are short already. */
export const JOINED_MAX = 64;

/** Frames that wait: where they are in the memory, and how long they are. A power of two. */
interface Queue {
  readonly addresses: Int32Array;
  readonly lengths: Int32Array;
}

/**
 * Frames between taps, network cards and the ring, for the ports of a thread. What a tap gives may be a super-frame, which the core cuts (assembly/segment.ts);
 * what it is given, frames of one connection or flow that the core has joined: the kernel gathers them from the slots.
 */
export class TapFrames {
  readonly #libc: Libc;
  readonly #core: FrameCore;
  readonly #arena: Arena;
  readonly #iovecs: number;
  readonly #memoryAt: number;
  readonly #moderation: Moderation;
  readonly #cards: CardReader;
  /** The session whose super-frame is not wholly in the ring. */
  #unfinished: number | undefined;

  static arenaBytes(): number {
    return (1 + JOINED_MAX) * IOVEC_BYTES + CardReader.arenaBytes();
  }

  constructor(libc: Libc, core: FrameCore, arena: Arena, memoryAt: number, moderation: Moderation) {
    this.#libc = libc;
    this.#core = core;
    this.#arena = arena;
    this.#memoryAt = memoryAt;
    this.#moderation = moderation;
    this.#iovecs = arena.take((1 + JOINED_MAX) * IOVEC_BYTES);
    this.#cards = new CardReader(libc, arena, core.ring.bytes, memoryAt);
  }

  /**
   * Frames from a tap, or a network card, into the ring.
   * @param vnet bytes of the header before each frame
   * @param card whether it is a card
   * @param most slots to be filled, and one super-frame more
   * @returns the number of the error that ended it, if one did
   */
  read(session: number, fd: number, vnet: number, card: boolean, most: number): number {
    const { ring, layout } = this.#core;
    const { TAP_STAGE, TAP_STAGE_BYTES, TAP_FRAME, VNET_BYTES } = layout;
    const at = TAP_FRAME - vnet;
    if (vnet === 0) ring.bytes.fill(0, TAP_FRAME - VNET_BYTES, TAP_FRAME); // nothing to be done to a frame
    const until = Math.max(0, ring.room - most);
    for (let frames = 0; frames < most && ring.room > until && this.#unfinished === undefined; frames++) {
      const room = TAP_STAGE + TAP_STAGE_BYTES - at;
      const got = card
        ? this.#cards.read(fd, at, vnet, room)
        : this.#libc.read(fd, this.#memoryAt + at, room);
      if (got < 0) {
        const errno = this.#libc.errno();
        this.#core.endFrames(session);
        return errno;
      }
      this.#moderation.came(got - vnet);
      this.#core.beginFrame(got - vnet);
      if (!this.#core.cutFrame(session)) this.#unfinished = session;
    }
    this.#core.endFrames(session);
    return 0;
  }

  /** Puts more of a super-frame into the ring, which was full; returns whether there was any. */
  goOn(): boolean {
    const session = this.#unfinished;
    if (session === undefined) return false;
    if (this.#core.cutFrame(session)) this.#unfinished = undefined;
    this.#core.endFrames(session);
    return true;
  }

  /** Forgets the rest of a session's super-frame. */
  forget(session: number): void {
    if (this.#unfinished === session) this.#unfinished = undefined;
  }

  /**
   * Writes frames of a queue, as many as go as one.
   * @param queue addresses and lengths, places running round
   * @param head place of the first one
   * @param count of frames that there are; JOINED_MAX at most are looked at
   * @returns how many it was about, negative when the kernel did not take them
   */
  write(port: Port, vnet: number, queue: Queue, head: number, count: number): number {
    const { addresses, lengths } = queue;
    const mask = addresses.length - 1;
    const first = addresses[head] as number;
    const firstLength = lengths[head] as number;
    let frames = 1;
    let part = 0;
    if (vnet > 0) {
      const core = this.#core;
      const most = Math.min(count, JOINED_MAX);
      const at = (i: number) => (head + i) & mask;
      core.beginJoined(first, firstLength, port.joinsUdp === true);
      while (frames < most && core.join(addresses[at(frames)] as number, lengths[at(frames)] as number))
        frames++;
      const skip = core.endJoined();
      this.#part(part++, core.layout.TAP_HEADER, vnet);
      this.#part(part++, first, firstLength);
      for (let i = 1; i < frames; i++)
        this.#part(part++, (addresses[at(i)] as number) + skip, (lengths[at(i)] as number) - skip);
    } else {
      this.#part(part++, first, firstLength);
    }
    const written = this.#libc.writev(port.dataFd, this.#arena.address(this.#iovecs), part);
    return written < 0 ? -frames : frames;
  }

  #part(part: number, address: number, length: number): void {
    const at = this.#iovecs + part * IOVEC_BYTES;
    this.#arena.store64(at, this.#memoryAt + address);
    this.#arena.words[(at + 8) >> 2] = length;
  }
}
