/** The length of a small frame or datagram at most, bytes. */
const SMALL_BYTES = 512;
/** How many small frames a round brings, at least and at most, for the thread to wait: one alone may be a question, and many need no help. */
const FEW = 2;
const MANY = 48;
/** How many such rounds come before the thread waits, and the longest time between two of them, ms. */
const ROUNDS = 16;
const NEXT_MS = 0.5;
/** How long the thread waits, µs. Linux adds as much (PR_SET_TIMERSLACK). The queue of a tap holds what comes meanwhile. */
const WAIT_US = 50;

/**
 * While small frames come without a pause, a few at a time, the thread waits a moment between its rounds, and each round carries more of
 * them. A round costs as much as several small frames, and each wake costs the sender. Network cards moderate their interrupts in this way.
 * The thread does not wait while large frames pass, because the acknowledgements of a transfer are small (docs/decisions/001).
 */
export class Moderation {
  readonly #sleep: (microseconds: number) => unknown;
  /** What this round brought. */
  #small = 0;
  #hurries = false;
  /** Rounds in a row that brought a few small ones. */
  #rounds = 0;
  #last = 0;

  constructor(sleep: (microseconds: number) => unknown) {
    this.#sleep = sleep;
  }

  /** A frame or datagram came. */
  came(bytes: number): void {
    if (bytes > SMALL_BYTES) this.#hurries = true;
    else this.#small++;
  }

  /** The next round must not wait. A switch has something to do with this one, and its socket holds ten frames. */
  hurry(): void {
    this.#hurries = true;
  }

  /**
   * A round has ended.
   * @param crowded whether several peers send: the frames of one must not delay those of another
   * @param now ms
   */
  pause(crowded: boolean, now: () => number): void {
    const small = this.#hurries || crowded ? 0 : this.#small;
    this.#small = 0;
    this.#hurries = false;
    if (small < FEW) {
      this.#rounds = 0;
      return;
    }
    const time = now();
    this.#rounds = this.#rounds > 0 && time - this.#last < NEXT_MS ? this.#rounds + 1 : 1;
    this.#last = time;
    if (this.#rounds > ROUNDS && small <= MANY) this.#sleep(WAIT_US);
  }
}
