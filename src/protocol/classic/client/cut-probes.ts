import { DENY_WINDOW, PROBES_MAX, RELOGIN_INTERVAL } from '../constants.js';

/** Finds out whether the server is a C program, which cuts datagrams (classic.md §7.2). */
export class CutProbes {
  #at = -Infinity;
  #count = 0;

  /**
   * Whether to send one. Just after a RESPONSE the answer to that one could be taken for the answer to the probe.
   * @param responseAt when the RESPONSE was sent last, ms
   */
  send(now: number, responseAt: number): boolean {
    if (this.#count >= PROBES_MAX || now < this.#at + RELOGIN_INTERVAL) return false;
    if (now <= responseAt + DENY_WINDOW) return false;
    this.#count++;
    this.#at = now;
    return true;
  }

  /** Whether an AUTH_OK can be the answer to a probe: one was sent after the last RESPONSE. */
  asked(responseAt: number): boolean {
    return this.#at > responseAt;
  }

  /** AUTH_OK came, which can be one. Is it, and the first? */
  answered(now: number): boolean {
    if (this.#count > PROBES_MAX || now > this.#at + DENY_WINDOW) return false;
    this.#count = PROBES_MAX + 1;
    return true;
  }
}
