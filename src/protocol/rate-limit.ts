interface Bucket {
  tokens: number;
  /** When the tokens were counted, ms. */
  at: number;
}

/** Events per second, and how many may come at once. */
export interface Rate {
  /** A second. */
  readonly rate: number;
  /** At once, after a pause. */
  readonly burst: number;
}

/** Whether a bucket holds a token now. */
function holds(bucket: Bucket, { rate, burst }: Rate, now: number): boolean {
  bucket.tokens = Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) * rate) / 1000);
  bucket.at = now;
  return bucket.tokens >= 1;
}

/**
 * Token buckets: one for each source, in a table of bounded size, and one for all together
 * (classic.md §5.3). The oldest source is pushed out of a full table, and starts with a full bucket when
 * it comes again; the one for all holds then. That one is looked at first: a flood from forged addresses
 * costs no more than that, and leaves the table alone.
 */
export class RateLimit {
  readonly #source: Rate;
  readonly #total: Rate;
  readonly #sourcesMax: number;
  readonly #buckets = new Map<string, Bucket>();
  readonly #all: Bucket;

  constructor(source: Rate, total: Rate, sourcesMax: number) {
    this.#source = source;
    this.#total = total;
    this.#sourcesMax = sourcesMax;
    this.#all = { tokens: total.burst, at: 0 };
  }

  /** Whether one more event of this source may be. */
  allow(now: number, source: string): boolean {
    if (!holds(this.#all, this.#total, now)) return false;
    let bucket = this.#buckets.get(source);
    if (bucket === undefined) {
      bucket = { tokens: this.#source.burst, at: now };
      this.#buckets.set(source, bucket);
      if (this.#buckets.size > this.#sourcesMax) this.#forgetOldest();
    }
    if (!holds(bucket, this.#source, now)) return false;
    bucket.tokens -= 1;
    this.#all.tokens -= 1;
    return true;
  }

  #forgetOldest(): void {
    for (const oldest of this.#buckets.keys()) {
      this.#buckets.delete(oldest);
      return;
    }
  }
}
