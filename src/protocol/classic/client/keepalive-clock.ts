import { KEEPALIVE_INTERVAL } from '../constants.js';

/** When a client that is up says that it is alive (classic.md §2.4). */
export class KeepaliveClock {
  readonly #wanted: boolean;
  #due = Infinity;

  /** @param wanted false for never */
  constructor(wanted: boolean) {
    this.#wanted = wanted;
  }

  /** When, ms. */
  get due(): number {
    return this.#due;
  }

  /** Whether to say it now, at the beginning; the next time is counted from now on. */
  say(now: number): boolean {
    if (this.#wanted) this.#due = now + KEEPALIVE_INTERVAL;
    return this.#wanted;
  }
}
