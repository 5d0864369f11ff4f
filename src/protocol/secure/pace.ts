// How many handshake messages are looked at at all, so that a flood of them leaves time for frames: a mac1 takes some
// microseconds, a cookie some tens of them. Those from where a link's other end is have a rate of their own: a cable
// that is up renews its keys while the flood lasts.
import { RateLimit } from '../rate-limit.js';
import { type Remote, remoteKey } from '../remote.js';
import { PACE } from './constants.js';

/** How long a list of remotes is good, ms. */
const LIST_LIFETIME = 250;
/** The limit is each kind's own. */
const ALL = { rate: 1e6, burst: 1e6 };

export class Pace {
  readonly #remotes: () => Iterable<Remote>;
  readonly #kinds = new RateLimit(PACE, ALL, 2);
  #known: ReadonlySet<string> = new Set();
  #listed = -Infinity;

  /** @param remotes returns where the other ends of all links are; called now and then */
  constructor(remotes: () => Iterable<Remote>) {
    this.#remotes = remotes;
  }

  /** Whether one more handshake message from there should be looked at. */
  allows(now: number, from: Remote): boolean {
    if (now - this.#listed >= LIST_LIFETIME) {
      this.#known = new Set(Array.from(this.#remotes(), remoteKey));
      this.#listed = now;
    }
    return this.#kinds.allow(now, this.#known.has(remoteKey(from)) ? 'known' : 'unknown');
  }
}
