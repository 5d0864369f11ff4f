import { ASK_AFTER, ASK_INTERVAL, ASKS_MAX } from '../constants.js';

/** When a client that is up asks whether its server still knows it (classic.md §2.6). */
export class AskClock {
  #sentAt = -Infinity;
  /** Infinity when the server was heard after all that was sent. */
  #due = Infinity;
  #asked = 0;

  /** When to ask, ms. */
  get due(): number {
    return this.#due;
  }

  /** When something was sent last that a DENY can be the answer to, ms. */
  get sentAt(): number {
    return this.#sentAt;
  }

  /** DATA or KEEPALIVE was sent. */
  sent(now: number): void {
    this.#sentAt = now;
    if (this.#due === Infinity) this.#due = now + ASK_AFTER;
  }

  /** The server gave a sign of life. */
  heard(): void {
    this.#due = Infinity;
    this.#asked = 0;
  }

  /** The socket is bound anew: earlier questions may not have reached the server. */
  restart(): void {
    this.#asked = 0;
  }

  /**
   * A question is asked.
   * @returns false when it has been asked often enough
   */
  ask(now: number): boolean {
    if (this.#asked === ASKS_MAX) return false;
    this.#asked++;
    this.#due = now + ASK_INTERVAL;
    return true;
  }
}
