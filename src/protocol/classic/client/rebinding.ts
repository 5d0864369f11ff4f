import { RELOGIN_INTERVAL } from '../constants.js';

/** When a client that is up binds its socket anew, because the system could not send (classic.md §2.7). */
export class Rebinding {
  #at = -Infinity;
  #due = Infinity;

  /** When to try again what has failed, ms. */
  get due(): number {
    return this.#due;
  }

  /** Whether it may be done now. */
  may(now: number): boolean {
    if (now < this.#at + RELOGIN_INTERVAL) return false;
    this.#at = now;
    this.#due = Infinity;
    return true;
  }

  /** There is no way to the server for now: until there is one, the socket sends to nobody. */
  failed(now: number): void {
    this.#due = now + RELOGIN_INTERVAL;
  }
}
