// TAI64N: 8 bytes of seconds from 2^62 + 10 on, 4 of nanoseconds, big-endian: bytes compare as times do (secure.md §1.2).

const BYTES = 12;
const EPOCH = 0x400000000000000an;
/** A timestamp gives the time in steps of so many nanoseconds, and not finer: WireGuard's do the same (whitepaper §5.1). */
const STEP_NS = 1 << 24;
/** Steps that begin within a second. */
const STEPS = Math.ceil(1e9 / STEP_NS);
/** What an end that understands control records has below the steps, where WireGuard has zeros. */
export const MARK = 0x0cab1e;

/** Timestamps of initiations: each later than the one before, though the clock may be set back. */
export class Timestamps {
  readonly #mark: number;
  /** The last one, in steps since 1970. */
  #last = -1;

  /** @param marked whether its timestamps say that this end understands control records */
  constructor(marked: boolean) {
    this.#mark = marked ? MARK : 0;
  }

  /** @param unixTime ms since 1970 */
  next(unixTime: number): Uint8Array {
    const ms = Math.trunc(unixTime);
    const seconds = Math.floor(ms / 1_000);
    const step = Math.floor(((ms - seconds * 1_000) * 1e6) / STEP_NS);
    this.#last = Math.max(seconds * STEPS + step, this.#last + 1);
    const bytes = new Uint8Array(BYTES);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, EPOCH + BigInt(Math.floor(this.#last / STEPS)));
    view.setUint32(8, (this.#last % STEPS) * STEP_NS + this.#mark);
    return bytes;
  }
}

/** Whether a timestamp says that its sender understands control records. */
export function isMarked(timestamp: Uint8Array): boolean {
  const view = new DataView(timestamp.buffer, timestamp.byteOffset, BYTES);
  return view.getUint32(8) % STEP_NS === MARK;
}

/** The time of a timestamp, ms since 1970. */
export function timeOf(timestamp: Uint8Array): number {
  const view = new DataView(timestamp.buffer, timestamp.byteOffset, BYTES);
  return Number(view.getBigUint64(0) - EPOCH) * 1_000 + view.getUint32(8) / 1e6;
}

/** Whether a timestamp is later than another. */
export function later(one: Uint8Array, other: Uint8Array): boolean {
  for (let i = 0; i < BYTES; i++) {
    const difference = (one[i] as number) - (other[i] as number);
    if (difference !== 0) return difference > 0;
  }
  return false;
}
