import { LOGIN_INTERVAL, RETRY_MAX } from '../constants.js';

/** How long a client waits before it carries a key again: ever longer, until the cable is up (classic.md §2.5). */
export class BackOff {
  #failures = 0;

  /** The cable is up. */
  reset(): void {
    this.#failures = 0;
  }

  /** Whether this failure is the first one, after which nobody waits. */
  first(): boolean {
    if (this.#failures > 0) return false;
    this.#failures = 1;
    return true;
  }

  /** How long to wait after this failure, ms. */
  wait(): number {
    return Math.min(LOGIN_INTERVAL * 2 ** this.#failures++, RETRY_MAX);
  }
}
