import { RELOGIN_INTERVAL, RESOLVE_WAIT } from '../constants.js';

/** What a client knows of its server's addresses, and how often it may go elsewhere (classic.md §2.7). */
export class Whereabouts {
  /** Addresses of the server that the host knows; 0 before it looked. */
  candidates = 0;
  /** How many of them nobody listened at, one after the other. */
  #unreachable = 0;
  #resolveWait: number = RESOLVE_WAIT.first;
  #elsewhereAt = -Infinity;

  /** How long to wait before a name without an address is looked up again, ms. */
  nextLook(): number {
    const wait = this.#resolveWait;
    this.#resolveWait = RESOLVE_WAIT.next;
    return wait;
  }

  /** Nobody listens at this one. Is there another that has not been tried? */
  tryOther(): boolean {
    return ++this.#unreachable < this.candidates;
  }

  /** The next one is the first to be tried. */
  restart(): void {
    this.#unreachable = 0;
  }

  /** Whether it may log in at another one that answers. */
  mayMove(now: number): boolean {
    if (now < this.#elsewhereAt + RELOGIN_INTERVAL) return false;
    this.#elsewhereAt = now;
    return true;
  }
}
