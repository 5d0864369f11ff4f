import type { FrameCore } from '../../../core/frame-core.js';
import { FairShares } from '../../../protocol/fair-share.js';
import type { Peer } from './peer.js';

/** How long the thread works on what one receive gave before it looks at its ports, where there are other peers, ms. */
const TURN_MS = 1;
/** The same after work for a peer that brings few, so that its answer does not wait for the others. */
const SPARSE_TURN_MS = 0.1;

/**
 * How many datagrams of a peer are let into the ring, where there are others: of one whose switch takes nothing none, so that
 * no datagram is opened for nothing, and of one that brings more than there is time for its share.
 */
export class Admission {
  readonly #core: FrameCore;
  readonly #many: () => boolean;
  readonly #pump: () => void;
  readonly #shares = new FairShares();
  #began = 0;
  /** Whether this turn has had something of a peer that brings few. */
  #sparse = false;

  /**
   * @param many whether there is more than one peer
   * @param pump works through the ring
   */
  constructor(core: FrameCore, many: () => boolean, pump: () => void) {
    this.#core = core;
    this.#many = many;
    this.#pump = pump;
  }

  /** Whether more than one peer has been heard of late. */
  get crowded(): boolean {
    return this.#many() && this.#shares.crowded;
  }

  /** Datagrams were received, or are worked on again after a turn. @param late whether they have waited too long */
  received(late: boolean): void {
    this.#began = performance.now();
    this.#sparse = false;
    this.#shares.received(this.#began, late);
  }

  /** Whether it is the turn of the ports: what they bring must not wait until all that one peer sent is worked on. */
  get over(): boolean {
    if (!this.crowded) return false;
    return performance.now() - this.#began >= (this.#sparse ? SPARSE_TURN_MS : TURN_MS);
  }

  /** How many of a peer's go in, if the ring has room. With none the next one is lost, which is counted. */
  most({ session, side }: Peer): number {
    if (!this.#many()) return Number.POSITIVE_INFINITY;
    const shares = this.#shares;
    shares.hear(session);
    if (!shares.crowded) return Number.POSITIVE_INFINITY;
    const { ring, layout } = this.#core;
    if (ring.filled >= layout.RING_BATCH) this.#pump(); // what comes of it may be as much as waits at most
    const most = side?.full ? 0 : shares.left(session);
    if (most === 0) {
      shares.brings(session, 1, false);
      this.#core.overShare(session);
    }
    return most;
  }

  /** So many of them have gone in. */
  took({ session }: Peer, datagrams: number): void {
    if (!this.#many()) return;
    this.#shares.brings(session, datagrams, true);
    this.#sparse ||= this.#shares.isSparse(session);
  }
}
