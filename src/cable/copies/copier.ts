import type { Ring } from '../../core/ring.js';
import { type Copies, KIND } from './copies.js';

/** What should be copied. */
export interface CopyWish {
  /** Frames, as they go into the cable and come out of it. */
  readonly frames: boolean;
  /** Datagrams, as they are on the wire. */
  readonly wire: boolean;
}

/** Copies what passes a core's ring: frames before they are sealed and after they were opened, in place as they are. */
export class Copier {
  readonly #ring: Ring;
  readonly #copies: Copies;
  readonly wish: CopyWish;
  /** By slot: where its frame's copy is, plus one. */
  readonly #places: Int32Array;

  constructor(ring: Ring, copies: Copies, wish: CopyWish) {
    this.#ring = ring;
    this.#copies = copies;
    this.wish = wish;
    this.#places = new Int32Array(ring.slots);
  }

  /** What is about to be sealed; to be called before each Ring.process. */
  before(): void {
    if (!this.wish.frames) return;
    const ring = this.#ring;
    for (let i = 0; i < ring.upNext; i++) {
      const { index, session, sealed, transport, address, length } = ring.waiting(i);
      if (!sealed || length === 0 || length > ring.bodyMax || !this.#copies.wants(session)) continue;
      const kind = transport ? KIND.payload : KIND.frame;
      const place = this.#copies.put(kind, 'out', session, undefined, ring.bytes, address, length);
      if (place !== undefined) this.#places[index] = place + 1;
    }
  }

  /** What came of it. @param count as Ring.process returned it */
  after(count: number): void {
    const ring = this.#ring;
    for (let back = count - 1; back >= 0; back--) {
      const { index, session, sealed, transport, data, status, address, length } = ring.processed(back);
      const place = this.#places[index] as number;
      this.#places[index] = 0;
      if (status !== 0) {
        if (place > 0) this.#copies.retract(place - 1);
      } else if (this.#copies.wants(session)) {
        if (sealed && this.wish.wire)
          this.#copies.put(KIND.datagram, 'out', session, undefined, ring.bytes, address, length);
        if (!sealed && this.wish.frames && length > 0 && (data || !transport)) {
          const kind = transport ? KIND.payload : KIND.frame;
          this.#copies.put(kind, 'in', session, undefined, ring.bytes, address, length);
        }
      }
    }
    this.#copies.publish();
  }

  /** A link's datagram came, in the memory of the core. */
  arrives(session: number, way: Uint8Array, at: number, length: number): void {
    if (!this.wish.wire || !this.#copies.wants(session)) return;
    this.#copies.put(KIND.datagram, 'in', session, way, this.#ring.bytes, at, length);
    this.#copies.publish();
  }
}
