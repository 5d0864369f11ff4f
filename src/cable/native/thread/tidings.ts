import type { Report } from './talk.js';

/** It is reported no more often, ms. */
const TELL_MS = 100;

/** What happens for each datagram, and is reported to the main thread now and then. */
export class Tidings {
  readonly #report: (report: Report) => void;
  /** By errno. */
  readonly #troubles = new Map<number, { readonly times: number; readonly lasts: boolean }>();
  readonly #large = new Set<number>();
  #told = 0;

  constructor(report: (report: Report) => void) {
    this.#report = report;
  }

  /** Whether there is something to tell. */
  get wait(): boolean {
    return this.#troubles.size + this.#large.size > 0;
  }

  /** The system refused something; see CableEvents.sendFailed. */
  trouble(error: number, times: number, lasts: boolean): void {
    const before = this.#troubles.get(error);
    this.#troubles.set(error, {
      times: times + (before?.times ?? 0),
      lasts: lasts || before?.lasts === true,
    });
  }

  /** A session has sent a datagram that a C program would cut. */
  large(session: number): void {
    this.#large.add(session);
  }

  tell(): void {
    if (!this.wait) return;
    const now = performance.now();
    if (now - this.#told < TELL_MS) return;
    this.#told = now;
    for (const [error, trouble] of this.#troubles) this.#report({ says: 'trouble', error, ...trouble });
    for (const session of this.#large) this.#report({ says: 'large', session });
    this.#troubles.clear();
    this.#large.clear();
  }
}
