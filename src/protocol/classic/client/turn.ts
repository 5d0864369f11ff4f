/** The rounds begin with so many turns; each has twice as many as the one before. */
const FIRST_ROUND = 4;

/**
 * Which CHALLENGE of a LOGIN is answered, as only one can be (classic.md §2.8): the first one, unless somebody forges them. How many
 * forged ones come before the server's differs a little each time, so that the first few are tried again and again.
 */
export class Turn {
  #passedOver = 0;
  #round = FIRST_ROUND;

  /** How many are passed over before one is answered. */
  get passedOver(): number {
    return this.#passedOver;
  }

  /** The one that was answered was not the server's: next time the one after it. */
  next(): void {
    if (++this.#passedOver < this.#round) return;
    this.#passedOver = 0;
    this.#round *= 2;
  }

  /** Fewer come than were to be passed over, or the cable is up: next time the first one. */
  restart(): void {
    this.#passedOver = 0;
    this.#round = FIRST_ROUND;
  }
}
