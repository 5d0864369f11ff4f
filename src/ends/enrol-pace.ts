/** Wait between two enrolments when the first got no answer, ms: doubled each time, from the first to the last. */
const WAIT_MS = { first: 30_000, last: 600_000 } as const;

/**
 * How often a client enrols: at once when its server, which has answered before, does so no more, since it may have been
 * restarted; ever more seldom when keys that are fresh get no answer, which more of them will hardly fix.
 */
export class EnrolPace {
  #wait: number = WAIT_MS.first;
  #next = -Infinity;

  due(now: number): boolean {
    return now >= this.#next;
  }

  begun(now: number): void {
    this.#next = now + this.#wait;
    this.#wait = Math.min(2 * this.#wait, WAIT_MS.last);
  }

  answered(): void {
    this.#wait = WAIT_MS.first;
    this.#next = -Infinity;
  }
}
