// TAI64N: 8 bytes of seconds from 2^62 + 10 on, 4 of nanoseconds, big-endian: bytes compare as times do.

const BYTES = 12;
const EPOCH = 0x400000000000000an;
/** A step of the clock that is told: WireGuard gives no finer time away (whitepaper §5.1). */
const STEP_NS = 1n << 24n;

/** Timestamps of initiations: each later than the one before, though the clock may be set back. */
export class Timestamps {
  #last = -1n;

  /** @param unixTime ms since 1970 */
  next(unixTime: number): Uint8Array {
    const told = (BigInt(Math.trunc(unixTime)) * 1_000_000n) / STEP_NS;
    this.#last = told > this.#last ? told : this.#last + 1n;
    const ns = this.#last * STEP_NS;
    const bytes = new Uint8Array(BYTES);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, EPOCH + ns / 1_000_000_000n);
    view.setUint32(8, Number(ns % 1_000_000_000n));
    return bytes;
  }
}

/** What a timestamp tells, ms since 1970. */
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
