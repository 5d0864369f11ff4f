import { Core } from '../core/core.js';
import { STATUS, type Status } from '../core/status.js';
import type { Fields } from './fields.js';
import { Primitives } from './primitives.js';

/** What became of a slot of the ring; the bytes are a copy. */
export interface Slot {
  readonly status: Status;
  readonly bytes: Uint8Array;
  /** Whether it was sealed, or opened. */
  readonly sealed: boolean;
}

/** What vectors are made and checked with: the core, on a ring that nobody else uses. */
export class Tools {
  private constructor(
    readonly primitives: Primitives,
    readonly core: Core,
  ) {}

  static async load(): Promise<Tools> {
    return new Tools(await Primitives.load(), await Core.load());
  }

  /** Lends a session. */
  session<T>(work: (session: number) => T): T {
    const session = this.core.openSession();
    if (session === undefined) throw new RangeError('there is no memory for a session');
    try {
      return work(session);
    } finally {
      this.core.closeSession(session);
    }
  }

  /** The counter of the next datagram sealed. */
  setCounter(counter: bigint): void {
    new DataView(this.core.memory.buffer).setBigUint64(this.core.layout.SEND_COUNTER, counter - 1n, true);
  }

  /**
   * Has the core work on one batch of what was put into the ring.
   * @param look is shown the slots before they are released
   */
  batch(look: (count: number) => void = () => {}): Slot[] {
    const { ring } = this.core;
    const count = ring.process();
    const slots = Array.from({ length: count }, (_, i) => {
      const { status, address, length, sealed } = ring.processed(count - 1 - i);
      return { status: STATUS[status] as Status, bytes: ring.bytes.slice(address, address + length), sealed };
    });
    look(count);
    for (let back = count - 1; back >= 0; back--) ring.release(ring.processed(back).index);
    return slots;
  }

  /** Has the core work on all of it. */
  drain(): Slot[] {
    const slots: Slot[] = [];
    for (let next = this.batch(); next.length > 0; next = this.batch()) slots.push(...next);
    return slots;
  }
}

/**
 * Does what a test says.
 * @throws Refused where the program refuses what it gives, Differs where it comes to something else, FieldError
 */
export type Check = (fields: Fields, tools: Tools) => void;
