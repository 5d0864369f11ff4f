// A ring of bytes by which copies come to the main thread, from an I/O thread or from the cable on the same one. Who writes never
// waits: what finds no room is counted, and lost to the capture alone.

/** What a record holds. */
export const KIND = { none: 0, frame: 1, payload: 2, datagram: 3 } as const;
/** Of a capture's packet, seen from this end. */
export type Direction = 'in' | 'out';

const RING_BYTES = 8 << 20;
/** Words before the ring: HEAD is written by who writes, TAIL by who reads. They run freely, modulo 2^32. */
const HEAD = 0;
const TAIL = 1;
const HEADER_BYTES = 64;
/** length, kind and direction and bytes of the way, session, not used, time in 64 bits. */
const RECORD_BYTES = 24;
/** Instead of a length: the ring goes on at its beginning. */
const ROUND = 0xffffffff;

/** A copy as it is read. */
export interface Record {
  readonly kind: number;
  readonly direction: Direction;
  readonly session: number;
  /** ms since 1970, of the clock of who wrote it. */
  readonly time: number;
  /** By which a datagram came (native/sockaddr.ts); empty where that is not told. */
  readonly way: Uint8Array;
  readonly bytes: Uint8Array;
}

const SECTIONS = (sessions: number) => {
  const lost = HEADER_BYTES + RING_BYTES;
  const skip = lost + 4 * sessions;
  return { lost, skip, end: skip + sessions };
};

/** One writer, one reader; both have an object of their own on the same memory. */
export class Copies {
  readonly memory: SharedArrayBuffer;
  readonly #words: Uint32Array;
  readonly #indices: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #times: Float64Array;
  readonly #lost: Int32Array;
  readonly #skip: Uint8Array;
  /** Where the next record goes; the reader knows of it when it is published. */
  #next = 0;

  /** @param sessions how many there can be */
  constructor(sessions: number, memory = new SharedArrayBuffer(SECTIONS((sessions + 7) & ~7).end)) {
    const { lost, skip, end } = SECTIONS((sessions + 7) & ~7);
    this.memory = memory;
    this.#indices = new Int32Array(memory, 0, 2);
    this.#words = new Uint32Array(memory, HEADER_BYTES, RING_BYTES / 4);
    this.#bytes = new Uint8Array(memory, HEADER_BYTES, RING_BYTES);
    this.#times = new Float64Array(memory, HEADER_BYTES, RING_BYTES / 8);
    this.#lost = new Int32Array(memory, lost, (skip - lost) / 4);
    this.#skip = new Uint8Array(memory, skip, end - skip);
    this.#next = Atomics.load(this.#indices, HEAD) >>> 0;
  }

  /** Has nothing of a session copied, or all of it again. Reader. */
  skip(session: number, yes: boolean): void {
    this.#skip[session] = yes ? 1 : 0;
  }

  /** Whether a session's copies are wanted. Writer. */
  wants(session: number): boolean {
    return this.#skip[session] === 0;
  }

  /**
   * Writes a record, which is not published yet. Writer.
   * @param from the memory that the bytes are in, and where
   * @returns where it is, for retract(); undefined when there was no room
   */
  put(
    kind: number,
    direction: Direction,
    session: number,
    way: Uint8Array | undefined,
    from: Uint8Array,
    at: number,
    length: number,
  ): number | undefined {
    const ways = way?.length ?? 0;
    const size = (RECORD_BYTES + ways + length + 7) & ~7;
    let place = this.#next % RING_BYTES;
    const rest = RING_BYTES - place;
    const skipped = size > rest ? rest : 0;
    const used = (this.#next - (Atomics.load(this.#indices, TAIL) >>> 0)) >>> 0;
    if (used + skipped + size > RING_BYTES) {
      Atomics.add(this.#lost, session, 1);
      return undefined;
    }
    if (skipped > 0) {
      this.#words[place >> 2] = ROUND;
      this.#next = (this.#next + skipped) >>> 0;
      place = 0;
    }
    const word = place >> 2;
    this.#words[word] = length;
    this.#words[word + 1] = kind | (direction === 'in' ? 0x100 : 0) | (ways << 16);
    this.#words[word + 2] = session;
    this.#times[(place >> 3) + 2] = performance.timeOrigin + performance.now();
    if (way !== undefined) this.#bytes.set(way, place + RECORD_BYTES);
    this.#bytes.set(from.subarray(at, at + length), place + RECORD_BYTES + ways);
    this.#next = (this.#next + size) >>> 0;
    return place;
  }

  /** Takes a record back that is not published: what it is a copy of was refused. Writer. */
  retract(place: number): void {
    const word = (place >> 2) + 1;
    this.#words[word] = (this.#words[word] as number) & ~0xff;
  }

  /** Shows the reader what was written. Writer. */
  publish(): void {
    Atomics.store(this.#indices, HEAD, this.#next | 0);
  }

  /** What was published since the last time, the bytes copied. Reader. */
  take(): Record[] {
    const head = Atomics.load(this.#indices, HEAD) >>> 0;
    let tail = Atomics.load(this.#indices, TAIL) >>> 0;
    const records: Record[] = [];
    while (tail !== head) {
      const place = tail % RING_BYTES;
      const word = place >> 2;
      const length = this.#words[word] as number;
      if (length === ROUND) {
        tail = (tail + RING_BYTES - place) >>> 0;
        continue;
      }
      const flags = this.#words[word + 1] as number;
      const ways = flags >>> 16;
      const at = place + RECORD_BYTES;
      if ((flags & 0xff) !== KIND.none) {
        records.push({
          kind: flags & 0xff,
          direction: (flags & 0x100) === 0 ? 'out' : 'in',
          session: this.#words[word + 2] as number,
          time: this.#times[(place >> 3) + 2] as number,
          way: this.#bytes.slice(at, at + ways),
          bytes: this.#bytes.slice(at + ways, at + ways + length),
        });
      }
      tail = (tail + ((RECORD_BYTES + ways + length + 7) & ~7)) >>> 0;
    }
    Atomics.store(this.#indices, TAIL, tail | 0);
    return records;
  }

  /** How many of a session's found no room since this was asked last. Reader. */
  takeLost(session: number): number {
    return Atomics.exchange(this.#lost, session, 0);
  }
}
