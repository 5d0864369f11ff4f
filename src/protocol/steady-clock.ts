/**
 * Turns a clock that jumps into one that never goes back: time inside goes on from where it was. A jump
 * ahead is let through, because it looks like a long sleep; all that was due in between is due at once.
 */
export class SteadyClock {
  #behind = 0;
  #last = -Infinity;

  /** The time inside, ms, when the clock outside shows `now`. */
  inside(now: number): number {
    this.#behind = Math.max(this.#behind, this.#last - now);
    this.#last = now + this.#behind;
    return this.#last;
  }

  /** The last time inside that was asked for, ms. */
  get latest(): number {
    return this.#last;
  }

  /** What the clock outside will show at a time inside, unless it jumps again. */
  outside(time: number): number {
    return time - this.#behind;
  }
}
