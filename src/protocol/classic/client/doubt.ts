// When a DENY is believed (classic.md §2.5).
import { DENY_WINDOW, DOUBT_TIME, HANDSHAKE_DOUBT_TIME, RELOGIN_INTERVAL } from '../constants.js';

/**
 * When the DENY of a LOGIN or RESPONSE is believed, unless the server contradicts it, ms; undefined when it comes so late that it is passed over.
 * @param askedAt when that was sent
 */
export function believedAt(askedAt: number, now: number): number | undefined {
  if (now > askedAt + DENY_WINDOW) return undefined;
  return Math.max(askedAt + HANDSHAKE_DOUBT_TIME, now + DOUBT_TIME);
}

/** A DENY of a cable that is up, which the server may contradict. */
export class Doubt {
  /** No DENY is looked at before, ms. */
  #from: number;
  #due = Infinity;

  /** @param loginAt when the LOGIN was sent */
  constructor(loginAt: number) {
    this.#from = loginAt + RELOGIN_INTERVAL;
  }

  /** When the DENY is believed, ms. */
  get due(): number {
    return this.#due;
  }

  /**
   * A DENY came.
   * @returns false when it is passed over, as a true one comes again
   */
  begin(now: number): boolean {
    if (now < this.#from) return false;
    this.#from = now + RELOGIN_INTERVAL;
    this.#due = now + DOUBT_TIME;
    return true;
  }

  /** The server gave a sign of life. */
  end(): void {
    this.#due = Infinity;
  }
}
