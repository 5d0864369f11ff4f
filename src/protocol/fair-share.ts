// What one peer may have of the thread that all share, when there is not time for all that they bring. Who brings more loses
// its own datagrams, before any work is done for them; others lose nothing.
//
// The time is shared in rounds. In each, every session may bring the same number of datagrams, and who brings fewer leaves
// the rest to the others (max-min fairness). That number is without bound as long as nothing waits too long. When datagrams
// have been late for a round it becomes what there was time for; then it falls while they are late, but not at once below a
// fair share of most of that time, and grows while they are not, until nobody brings as much.

/** A queue that has been too long for so long stands, ms. */
const ROUND_MS = 2;
/** What the share is multiplied by after a round in which the queue stood. */
const STEP = 0.75;
/** What it is divided by after any other one. */
const GROWTH = 0.9;
/** The share does not fall below a fair share of this much of the time. */
const FLOOR = 2 / 3;
/** What one round had time for says this much of what the next one has. */
const MEMORY = 0.95;
/** The smallest share: datagrams of a session in a round. Who brings no more is served before others. */
export const SHARE_MIN = 8;
/** Who was not heard for so long does not count, ms. */
const ALONE_MS = 10_000;

/**
 * The largest share of which all get as much as they want, or that.
 * @param wants ascending
 * @returns Infinity when there is enough for all
 */
export function fairShare(wants: readonly number[], all: number): number {
  let left = all;
  for (const [i, want] of wants.entries()) {
    const share = left / (wants.length - i);
    if (want > share) return share;
    left -= want;
  }
  return Number.POSITIVE_INFINITY;
}

/** The shares of a thread's sessions. Sessions are small numbers, as the core gives them. */
export class FairShares {
  // Who was heard last and when, and when somebody else was, ms.
  #last = -1;
  #lastAt = Number.NEGATIVE_INFINITY;
  #otherAt = Number.NEGATIVE_INFINITY;
  #now = 0;
  // The round: whether the queue has stood all the time, what each session brought, and how much there was time for.
  #since = 0;
  #stood = false;
  readonly #brought: number[] = [];
  readonly #sessions: number[] = [];
  #done = 0;
  /** What a round had time for, of late. */
  #capacity = 0;
  #share = Number.POSITIVE_INFINITY;

  /**
   * Datagrams were received.
   * @param now ms, of a clock that does not jump
   * @param late whether they have waited too long
   */
  received(now: number, late: boolean): void {
    this.#now = now;
    if (this.#bounded || this.#stood) {
      if (!late) this.#stood = false;
      if (now - this.#since < ROUND_MS) return;
      this.#settle(now);
    } else if (!late) {
      return; // the usual case
    }
    this.#begin(); // also after a round that was broken off
    this.#since = now;
    this.#stood = late;
  }

  #begin(): void {
    for (const session of this.#sessions) this.#brought[session] = 0;
    this.#sessions.length = 0;
    this.#done = 0;
  }

  get #bounded(): boolean {
    return this.#share !== Number.POSITIVE_INFINITY;
  }

  /** A round ends. */
  #settle(now: number): void {
    const wants = this.#sessions.map((session) => this.#brought[session] as number).sort((a, b) => a - b);
    // The thread may have been away, or a round may have been long.
    const timely = (this.#done * ROUND_MS) / (now - this.#since);
    this.#capacity = Math.max(timely, MEMORY * this.#capacity);
    if (!this.#stood) this.#share /= GROWTH;
    else if (this.#bounded)
      this.#share = Math.max(STEP * this.#share, fairShare(wants, FLOOR * this.#capacity));
    else if (wants.length > 1 || this.crowded) this.#share = fairShare(wants, STEP * this.#done);
    this.#share = Math.max(SHARE_MIN, this.#share);
    const alone = wants.length < 2 && !this.crowded;
    if (alone || this.#share > (wants.at(-1) ?? 0)) this.#share = Number.POSITIVE_INFINITY;
  }

  /** A session is heard, in what was received last. */
  hear(session: number): void {
    if (session !== this.#last) {
      this.#otherAt = this.#lastAt;
      this.#last = session;
    }
    this.#lastAt = this.#now;
  }

  /** Whether more than one session has been heard of late. */
  get crowded(): boolean {
    return this.#now - this.#otherAt < ALONE_MS;
  }

  /** How many datagrams of a session may be worked on in this round, still. */
  left(session: number): number {
    if (!this.#bounded) return this.#share;
    return Math.max(0, Math.ceil(this.#share) - (this.#brought[session] ?? 0));
  }

  /** Whether datagrams wait, and a session has brought few of them in this round. */
  isSparse(session: number): boolean {
    return (this.#bounded || this.#stood) && (this.#brought[session] ?? 0) <= SHARE_MIN;
  }

  /** So many of its datagrams came. @param done whether they are worked on */
  brings(session: number, datagrams: number, done: boolean): void {
    if (!this.#bounded && !this.#stood) return;
    const before = this.#brought[session] ?? 0;
    if (before === 0) this.#sessions.push(session);
    this.#brought[session] = before + datagrams;
    if (done) this.#done += datagrams;
  }
}
