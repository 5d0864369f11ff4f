import { SHARE_MIN } from '../../../protocol/fair-share.js';

/** Nobody's session: what is no datagram of a link that is up. */
export const NOBODY = -1;

/**
 * In which order what one receive gave is worked on: as it came, or, when it has waited, that of sessions which brought few
 * datagrams before that of the others. A session's own messages stay in their order.
 */
export class ArrivalOrder {
  readonly #order: Uint8Array;
  /** By message. */
  readonly #sessions: Int32Array;
  /** Datagrams, by session. */
  readonly #brought: number[] = [];
  #count = 0;
  #changed = false;

  /** @param most messages that one receive gives */
  constructor(most: number) {
    this.#order = new Uint8Array(most);
    this.#sessions = new Int32Array(most);
  }

  /** Other messages were received. */
  begin(): void {
    for (let i = 0; i < this.#count; i++) {
      const session = this.#sessions[i] as number;
      if (session !== NOBODY) this.#brought[session] = 0;
    }
    this.#count = 0;
    this.#changed = false;
  }

  /** The next message is of that session, and has so many datagrams. */
  note(session: number, datagrams: number): void {
    this.#sessions[this.#count++] = session;
    if (session !== NOBODY) this.#brought[session] = (this.#brought[session] ?? 0) + datagrams;
  }

  /** Has those go first whose sessions brought few. All messages have been noted. */
  arrange(): void {
    let place = 0;
    for (const first of [true, false])
      for (let message = 0; message < this.#count; message++)
        if (this.#few(this.#sessions[message] as number) === first) this.#order[place++] = message;
    this.#changed = true;
  }

  #few(session: number): boolean {
    return session !== NOBODY && (this.#brought[session] as number) <= SHARE_MIN;
  }

  /** Whether they are in another order than they came: they have waited. */
  get arranged(): boolean {
    return this.#changed;
  }

  /** Which message has this place. */
  at(place: number): number {
    return this.#changed ? (this.#order[place] as number) : place;
  }
}
