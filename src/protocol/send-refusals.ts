/** Refused datagrams are trouble when so many were refused, over so many ms, and none was sent meanwhile. */
export const TROUBLE = { count: 3, after: 1_000 } as const;

/**
 * What the system refuses to send for one destination: a firewall's EPERM, ENOBUFS, a route that is away for an instant.
 * Such a datagram is lost, as it may be lost on the way. It is trouble only when it goes on while nothing is sent.
 */
export class Refusals {
  #count = 0;
  #since = 0;

  /** A datagram was sent. */
  sent(): void {
    this.#count = 0;
  }

  /**
   * Datagrams were refused.
   * @param now ms
   * @returns whether that is trouble
   */
  refused(now: number, times = 1): boolean {
    if (this.#count === 0) this.#since = now;
    this.#count += times;
    return this.lasting(now);
  }

  /** Whether refusals have gone on for so long that they are trouble. */
  lasting(now: number): boolean {
    return this.#count >= TROUBLE.count && now - this.#since >= TROUBLE.after;
  }
}
