import type { Link } from '../cable/link.js';

/** Tells that a peer is up as soon as its frames can pass: its handshake is done, and its port of the switch is open. */
export class Passages {
  /** Those whose handshake is done and whose port is not open, and the function that reports them as up. */
  readonly #waiting = new Map<Link, () => void>();
  readonly #up = new Set<Link>();
  /** Whose port is open, and whose was lost or could not be opened. */
  readonly #open = new Set<Link>();
  readonly #missing = new Set<Link>();

  /** A link's handshake is done: tell() is called once, now or when its port is open. */
  agreed(link: Link, tell: () => void): void {
    if (this.#up.has(link)) return;
    if (link.port === undefined) {
      this.#waiting.set(link, tell);
      return;
    }
    this.#up.add(link);
    tell();
  }

  /**
   * A link's port is open.
   * @param back called when it was missing, before the link is reported as up
   */
  plugged(link: Link, back: () => void): void {
    this.#open.add(link);
    if (this.#missing.delete(link)) back();
    const tell = this.#waiting.get(link);
    if (tell === undefined) return;
    this.#waiting.delete(link);
    this.agreed(link, tell);
  }

  /**
   * A link's port was lost, or there is none.
   * @param tell called when that is new
   * @returns whether there was one
   */
  lost(link: Link, tell: () => void): boolean {
    const had = this.#open.delete(link);
    if (!this.#missing.has(link)) tell();
    this.#missing.add(link);
    return had;
  }

  /** A link's keys are gone. @returns whether it was reported as up */
  over(link: Link): boolean {
    this.#waiting.delete(link);
    return this.#up.delete(link);
  }

  /** A link has given its port back. */
  pulled(link: Link): void {
    this.#missing.delete(link);
    this.#open.delete(link);
  }
}
