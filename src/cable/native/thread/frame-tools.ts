import type { FrameCore } from '../../../core/frame-core.js';
import { type Arena, Messages } from '../linux/arena.js';
import type { Libc } from '../linux/libc.js';
import type { VdeCalls } from '../ports/vde.js';
import type { Moderation } from './moderation.js';
import { TapFrames } from './tap-frames.js';

/** Frames moved by one call. */
export const BATCH = 64;

/** What the ports of a thread share. */
export class FrameTools {
  readonly libc: Libc;
  readonly core: FrameCore;
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

  static arenaBytes(core: FrameCore): number {
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
    core: FrameCore,
    arena: Arena,
    calls: VdeCalls | undefined,
    readonly wants: (session: number) => void,
    readonly moderation: Moderation,
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
    this.taps = new TapFrames(libc, core, arena, this.memoryAt, moderation);
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
