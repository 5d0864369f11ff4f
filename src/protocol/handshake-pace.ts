// How many datagrams that are no link's are looked at, by either path, so that a flood of them leaves time for frames: a mac1 takes
// some microseconds, a cookie some tens of them. Those from where a link's other end is have a rate of their own: a cable
// that is up renews its keys while the flood lasts.
import { RateLimit } from './rate-limit.js';
import { type Remote, remoteKey } from './remote.js';
import { PACE } from './secure/constants.js';

/** How long a list of remotes is good, ms. */
const LIST_LIFETIME = 250;
/** For each first byte of a datagram, from somebody known or not, a rate of its own: forged DENYs must not crowd out the AUTH_OK that contradicts them. */
const KINDS = Array.from({ length: 512 }, (_, kind) => String(kind));
const ALL = { rate: 1e6, burst: 1e6 };

export class Pace {
  readonly #kinds = new RateLimit(PACE, ALL, KINDS.length);

  /**
   * Whether one more is to be looked at.
   * @param type its first byte
   * @param known whether a link's other end is where it comes from
   */
  allows(now: number, type: number, known: boolean): boolean {
    return this.#kinds.allow(now, KINDS[2 * type + (known ? 1 : 0)] as string);
  }
}

/** Where the other ends of links are, by a list that is made anew now and then. */
export class KnownRemotes {
  readonly #remotes: () => Iterable<Remote>;
  #known: ReadonlySet<string> = new Set();
  #listed = -Infinity;

  /** @param remotes all of them */
  constructor(remotes: () => Iterable<Remote>) {
    this.#remotes = remotes;
  }

  has(now: number, remote: Remote): boolean {
    if (now - this.#listed >= LIST_LIFETIME) {
      this.#known = new Set(Array.from(this.#remotes(), remoteKey));
      this.#listed = now;
    }
    return this.#known.has(remoteKey(remote));
  }
}
