import type { Libc } from './libc.js';

/**
 * Memory for what the kernel reads and writes: structures and buffers, made once. It is shared memory, because
 * that never moves: addresses are taken once, and passed as numbers.
 */
export class Arena {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly halves: Uint16Array;
  readonly #base: number;
  #next = 0;

  constructor(libc: Libc, size: number) {
    const memory = new SharedArrayBuffer(size);
    this.bytes = new Uint8Array(memory);
    this.words = new Uint32Array(memory);
    this.halves = new Uint16Array(memory);
    this.#base = libc.address(this.bytes);
  }

  /** Takes room for a structure, aligned for any; returns where in the arena it is. */
  take(size: number): number {
    const at = this.#next;
    this.#next += (size + 15) & ~15;
    if (this.#next > this.bytes.length) throw new RangeError('the arena is too small');
    return at;
  }

  /** The address of a place in the arena. */
  address(at: number): number {
    return this.#base + at;
  }

  /** Writes 64 bits: an address, or a size. */
  store64(at: number, value: number): void {
    this.words[at >> 2] = value % 0x100000000;
    this.words[(at >> 2) + 1] = Math.floor(value / 0x100000000);
  }
}

// struct iovec, struct mmsghdr of 64-bit Linux.
export const IOVEC_BYTES = 16;
export const MMSGHDR_BYTES = 64;

/** Where the fields of a struct mmsghdr are. */
export const MMSGHDR = {
  name: 0,
  nameLength: 8,
  iovecs: 16,
  iovecCount: 24,
  control: 32,
  controlLength: 40,
  flags: 48,
  length: 56,
} as const;

/** An array of struct mmsghdr, each with this many iovecs of its own. */
export class Messages {
  readonly arena: Arena;
  readonly count: number;
  readonly #headers: number;
  readonly #iovecs: number;
  readonly #perMessage: number;

  constructor(arena: Arena, count: number, iovecsPerMessage: number) {
    this.arena = arena;
    this.count = count;
    this.#perMessage = iovecsPerMessage;
    this.#headers = arena.take(count * MMSGHDR_BYTES);
    this.#iovecs = arena.take(count * iovecsPerMessage * IOVEC_BYTES);
    for (let i = 0; i < count; i++) {
      arena.store64(this.at(i) + MMSGHDR.iovecs, arena.address(this.#iovec(i, 0)));
      arena.store64(this.at(i) + MMSGHDR.iovecCount, iovecsPerMessage);
    }
  }

  static bytes(count: number, iovecsPerMessage: number): number {
    return count * (MMSGHDR_BYTES + iovecsPerMessage * IOVEC_BYTES) + 32;
  }

  #iovec(message: number, part: number): number {
    return this.#iovecs + (message * this.#perMessage + part) * IOVEC_BYTES;
  }

  /** Where a header is in the arena. */
  at(message: number): number {
    return this.#headers + message * MMSGHDR_BYTES;
  }

  address(message: number): number {
    return this.arena.address(this.at(message));
  }

  /** Says where one part of a message is. */
  part(message: number, part: number, address: number, length: number): void {
    const at = this.#iovec(message, part);
    this.arena.store64(at, address);
    this.arena.words[(at + 8) >> 2] = length;
  }

  field(message: number, field: number): number {
    return this.arena.words[(this.at(message) + field) >> 2] as number;
  }

  setField(message: number, field: number, value: number): void {
    this.arena.words[(this.at(message) + field) >> 2] = value;
  }
}
