interface Bucket {
  tokens: number;
  /** When the tokens were counted, ms. */
  at: number;
}

/** Events per second, and how many may come at once. */
export interface Rate {
  readonly rate: number;
  readonly burst: number;
}

function take(bucket: Bucket, { rate, burst }: Rate, now: number): boolean {
  bucket.tokens = Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.at) * rate) / 1000);
  bucket.at = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

/**
 * Token buckets: one for each source, in a table of bounded size, and one for all together
 * (classic-protocol §5). A source that is pushed out of the table starts with a full bucket when it
 * comes again; the one for all holds then.
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
    let bucket = this.#buckets.get(source);
    if (bucket === undefined) {
      bucket = { tokens: this.#source.burst, at: now };
    } else {
      this.#buckets.delete(source);
    }
    this.#buckets.set(source, bucket); // the newest is last, so that the first is the one to give up
    if (this.#buckets.size > this.#sourcesMax) {
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    }
    return take(bucket, this.#source, now) && take(this.#all, this.#total, now);
  }
}
