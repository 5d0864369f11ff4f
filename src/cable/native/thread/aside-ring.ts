import { Arena } from '../linux/arena.js';
import type { Libc } from '../linux/libc.js';

/** Room for the frames of one port, bytes: a thousand of the usual size. */
const ASIDE_BYTES = 1536 << 10;

/**
 * Frames that were copied out of the ring, the oldest first, as their switch takes nothing for now and others need the slots.
 * A queue of bytes that runs round; a frame is in one piece.
 */
export class Aside {
  readonly #arena: Arena;
  /** Where the oldest frame begins, and where the next one goes. */
  #from = 0;
  #to = 0;
  #frames = 0;

  constructor(libc: Libc) {
    this.#arena = new Arena(libc, ASIDE_BYTES);
  }

  /** @returns where the copy is; undefined when there is no room */
  put(frame: Uint8Array): number | undefined {
    if (this.#frames === 0) this.#from = this.#to = 0;
    const { length } = frame;
    const round = this.#to < this.#from || (this.#to === this.#from && this.#frames > 0);
    let at = this.#to;
    if (round) {
      if (at + length > this.#from) return undefined;
    } else if (at + length > ASIDE_BYTES) {
      if (length > this.#from) return undefined;
      at = 0;
    }
    this.#arena.bytes.set(frame, at);
    this.#to = at + length;
    this.#frames++;
    return at;
  }

  /** The oldest one, which is there, is needed no more. */
  free(at: number, length: number): void {
    this.#from = at + length;
    this.#frames--;
  }

  address(at: number): number {
    return this.#arena.address(at);
  }

  bytes(at: number, length: number): Uint8Array {
    return this.#arena.bytes.subarray(at, at + length);
  }
}
