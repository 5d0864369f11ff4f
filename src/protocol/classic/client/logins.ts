import { LOGIN_INTERVAL } from '../constants.js';

/** The LOGINs of a client under one id: when one may be repeated, and what it says that one was denied. */
export class Logins {
  /** When the last one was sent, ms. */
  #at = -Infinity;
  /** How many were, since the id was new, the cable was up, or one was seen to be no repetition. */
  #count = 0;
  /** A LOGIN under an id that was denied is tried again once. */
  #triedAgain = false;

  /** When the next one may be sent, ms. */
  get due(): number {
    return this.#count === 0 ? -Infinity : this.#at + LOGIN_INTERVAL;
  }

  /** One is sent. */
  send(now: number): void {
    this.#at = now;
    this.#count++;
  }

  /** Nobody there got one: the next is no repetition. */
  unheard(): void {
    this.#count = 0;
  }

  /** The id is new, or the cable is up. */
  reset(): void {
    this.#count = 0;
    this.#triedAgain = false;
  }

  /** One was denied. Is the same id worth another one? Once, as a C server denies what it gets twice. */
  worthAnother(): boolean {
    if (this.#count <= 1 || this.#triedAgain) return false;
    this.#triedAgain = true;
    return true;
  }
}
