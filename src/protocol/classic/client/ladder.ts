/** Which of the ways to use a key is tried (classic.md §3.6): one after the other, from the one on that worked last. */
export class Ladder {
  readonly #ways: number;
  #way = 0;
  /** The one that worked, or that the first try was made with: when it is reached again, all were denied. */
  #first = 0;

  /** @param ways how many there are */
  constructor(ways: number) {
    this.#ways = ways;
  }

  get way(): number {
    return this.#way;
  }

  /**
   * Goes on to the next way.
   * @returns false when all have been tried since one worked, or since this was last so
   */
  next(): boolean {
    this.#way = (this.#way + 1) % this.#ways;
    return this.#way !== this.#first;
  }

  /** This way works. */
  holds(): void {
    this.#first = this.#way;
  }
}
