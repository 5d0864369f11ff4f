/** Frames and datagrams that are no longer are small, bytes. */
const SMALL_BYTES = 512;
/** A round that brings fewer may be one side of a conversation, which must not wait; one that brings more needs no help. */
const FEW = 2;
const MANY = 48;
/** So many such rounds come first, each no later than this after the one before, ms. */
const ROUNDS = 16;
const NEXT_MS = 0.5;
/** How long it waits, µs; Linux adds as much (PR_SET_TIMERSLACK). A device's queue holds more than comes meanwhile. */
const WAIT_US = 50;

/**
 * What network cards do with their interrupts: while small frames come without a pause, a few at a time, the thread waits a moment between
 * its rounds, so that each carries more of them. A round costs as much as several small frames, and a wake costs whoever sends the frame.
 * Nothing waits where large ones pass: the acknowledgements of a transfer are small, too (docs/decisions/001).
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

  /** Something in this round must not wait for the next one: a switch's socket holds ten frames. */
  hurry(): void {
    this.#hurries = true;
  }

  /**
   * A round has ended.
   * @param crowded whether several peers bring something: then none waits for another one's frames
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
