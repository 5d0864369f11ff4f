/** Wait before a lost plug is tried again: doubled each time, from the first to the last. */
const BACK_OFF_MS = { first: 100, last: 3_000 };
/** A plug that lived this long counts as well: the next wait is the first again. */
const HEALTHY_MS = 5_000;

/** How long to wait before a lost plug is tried again. */
export class BackOff {
  #next = BACK_OFF_MS.first;

  /** @param lived how long the plug was in, ms; 0 when it never was */
  after(lived: number): number {
    if (lived >= HEALTHY_MS) this.#next = BACK_OFF_MS.first;
    const wait = this.#next;
    this.#next = Math.min(2 * wait, BACK_OFF_MS.last);
    return wait;
  }
}
