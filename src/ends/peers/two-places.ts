// Two clients with one key take the cable from each other: each handshake, and each datagram, moves the peer to the other place.
import type { Peer } from '../../protocol/secure/peer.js';

/** So many times a peer has come back to where it was before, within that time, ms. A telephone between two networks does so less often. */
const RETURNS = 4;
const WITHIN_MS = 120_000;

interface Seen {
  readonly here: string;
  readonly before: string | undefined;
  /** When it came back. */
  readonly returns: readonly number[];
}

/** Where peers were, to notice one that is in two places in turn. */
export class TwoPlaces {
  readonly #seen = new WeakMap<Peer, Seen>();

  /**
   * A peer is somewhere else than before.
   * @returns what that means, for people, where it goes from one to the other and back again and again
   */
  moved(now: number, peer: Peer, to: string): string | undefined {
    const { here, before, returns = [] } = this.#seen.get(peer) ?? {};
    const back = to === before;
    const recent = back ? [...returns.filter((at) => now - at < WITHIN_MS), now] : [];
    this.#seen.set(peer, { here: to, before: here, returns: recent.slice(-RETURNS) });
    if (here === undefined || recent.length < RETURNS) return undefined;
    return `is in two places in turn, ${here} and ${to}: it seems that two clients have its key, and take the cable from each other; give one of them a key of its own`;
  }
}
