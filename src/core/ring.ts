import type { Lock } from './lock.js';
import type { Layout, Wasm } from './wasm.js';

/** What a processed slot holds: a span of the ring's memory. */
export interface Slot {
  /** The slot's number, 0 to RING_SLOTS - 1: what release() takes. */
  index: number;
  /** Whose it is. */
  session: number;
  /** Whether it was sealed (its bytes are a datagram now) or opened (they are a frame, or the payload of a transport message). */
  sealed: boolean;
  /** Whether it is of the secure cable. */
  transport: boolean;
  /** Of a transport message that was opened: the place of its keypair. */
  keypair: number;
  /** Of a transport message: whether its payload is for the switch; a keepalive's and a control payload are not. */
  data: boolean;
  /** And how many whole frames lie in it, once Core.frames has been asked. */
  frames: number;
  /** Index into STATUS. */
  status: number;
  /** Where its bytes begin in `Ring.bytes`. */
  address: number;
  /** How many they are; 0 unless the status is 0. */
  length: number;
}

/**
 * The host's view of the shared ring (assembly/ring.ts says how it works and who writes which index).
 * This is the I/O side: it fills slots, and releases them when their bytes are needed no more.
 */
export class Ring {
  /** The whole memory as bytes. */
  readonly bytes: Uint8Array;
  readonly #layout: Layout;
  readonly #lock: Lock;
  readonly #functions: Wasm['functions'];
  readonly #words: Int32Array;
  readonly #released: Uint8Array;
  readonly #mask: number;
  readonly #slot: Slot = {
    index: 0,
    session: 0,
    sealed: false,
    transport: false,
    keypair: 0,
    data: false,
    frames: 0,
    status: 0,
    address: 0,
    length: 0,
  };

  /** @internal */
  constructor(wasm: Wasm, lock: Lock) {
    this.#layout = wasm.layout;
    this.#lock = lock;
    this.#functions = wasm.functions;
    this.bytes = new Uint8Array(wasm.memory.buffer);
    this.#words = new Int32Array(wasm.memory.buffer);
    this.#mask = wasm.layout.RING_SLOTS - 1;
    this.#released = new Uint8Array(wasm.layout.RING_SLOTS);
  }

  /** One of the indices. The core works on this thread, when it is told to: it needs no Atomics, which cost a call each. */
  #load(address: number): number {
    return (this.#words[address >> 2] as number) >>> 0;
  }

  /** How many slots there are. */
  get slots(): number {
    return this.#layout.RING_SLOTS;
  }

  /** How many slots can be filled now. */
  get room(): number {
    return (
      this.#layout.RING_SLOTS -
      ((this.#load(this.#layout.RING_HEAD) - this.#load(this.#layout.RING_TAIL)) >>> 0)
    );
  }

  /** How many slots wait to be processed. */
  get filled(): number {
    return (this.#load(this.#layout.RING_HEAD) - this.#load(this.#layout.RING_DONE)) >>> 0;
  }

  /**
   * Puts a datagram into the ring, to be opened.
   * @param datagram at most DATAGRAM_MAX bytes
   * @returns false when the ring is full
   * @throws RangeError for a longer one
   */
  push(session: number, datagram: Uint8Array): boolean {
    this.#check(datagram);
    if (this.room === 0) return false;
    const { SLOTS, SLOT_BYTES, SLOT_BODY, RING_HEAD, OP_OPEN } = this.#layout;
    const slot = this.#load(RING_HEAD) & this.#mask;
    this.bytes.set(datagram, SLOTS + slot * SLOT_BYTES + SLOT_BODY - 1);
    this.#functions.ringCommit(session, OP_OPEN, datagram.length);
    return true;
  }

  /** A longer one would lie in the next slot as well. */
  #check({ length }: Uint8Array): void {
    if (length > this.#layout.DATAGRAM_MAX)
      throw new RangeError(`a datagram has at most ${this.#layout.DATAGRAM_MAX} bytes`);
  }

  /** The slot that is filled next. */
  get next(): number {
    return this.#load(this.#layout.RING_HEAD) & this.#mask;
  }

  /** Where a frame is in its slot. */
  frameAt(slot: number): number {
    return this.#layout.SLOTS + slot * this.#layout.SLOT_BYTES + this.#layout.SLOT_BODY;
  }

  /** Hands the next slot to the core, whose frame somebody has put in place, to be sealed. */
  commit(session: number, length: number): void {
    this.#functions.ringCommit(session, this.#layout.OP_SEAL, length);
  }

  /**
   * Puts datagrams into the ring, to be opened, that came in one piece (assembly/ring.ts, ringFill).
   * @param transport whether they are transport messages with one receiver's index, or DATA
   * @param at where they are in the memory
   * @returns how many bytes were taken: up to one that is something else, or too long, or finds the ring full
   */
  fill(session: number, transport: boolean, at: number, length: number, segment: number): number {
    const op = transport ? this.#layout.OP_OPEN_TRANSPORT : this.#layout.OP_OPEN;
    return this.#functions.ringFill(session, op, at, length, segment);
  }

  /**
   * Puts a transport message of the secure cable into the ring, to be opened by the keypair whose index it bears.
   * @param datagram at most DATAGRAM_MAX bytes
   * @returns false when the ring is full
   * @throws RangeError for a longer one
   */
  pushTransport(session: number, datagram: Uint8Array): boolean {
    this.#check(datagram);
    if (this.room === 0) return false;
    const { SLOTS, SLOT_BYTES, SLOT_BODY, RING_HEAD, OP_OPEN_TRANSPORT, TRANSPORT_HEADER } = this.#layout;
    const slot = this.#load(RING_HEAD) & this.#mask;
    this.bytes.set(datagram, SLOTS + slot * SLOT_BYTES + SLOT_BODY - TRANSPORT_HEADER);
    this.#functions.ringCommit(session, OP_OPEN_TRANSPORT, datagram.length);
    return true;
  }

  /**
   * Has the core work on what was filled, RING_BATCH slots at most; returns how many.
   * @param now ms, of a clock that does not jump: of use where broadcasts are bounded
   */
  process(now = 0): number {
    if (this.#load(this.#layout.RING_HEAD) === this.#load(this.#layout.RING_DONE)) return 0;
    this.#lock.take();
    try {
      return this.#functions.ringProcess(now);
    } finally {
      this.#lock.give();
    }
  }

  /**
   * Shows one of the slots processed last. The object is the same each time, with new fields.
   * @param back how far before the last one: process() - 1 is the first of its batch, 0 the last
   */
  processed(back: number): Readonly<Slot> {
    return this.#show((this.#load(this.#layout.RING_DONE) - 1 - back) & this.#mask);
  }

  /** How many slots the next process() will work on. */
  get upNext(): number {
    return Math.min(this.filled, this.#layout.RING_BATCH);
  }

  /** Most bytes of a frame, or of a payload, that a slot holds. */
  get bodyMax(): number {
    return this.#layout.SLOT_BYTES - this.#layout.SLOT_BODY;
  }

  /** Shows one of the slots that process() will work on next, as processed() does; what it holds is a frame or payload where it is sealed. */
  waiting(ahead: number): Readonly<Slot> {
    return this.#show((this.#load(this.#layout.RING_DONE) + ahead) & this.#mask);
  }

  #show(index: number): Slot {
    const layout = this.#layout;
    const words = this.#words;
    const at = layout.DESCRIPTORS + index * layout.DESCRIPTOR_BYTES;
    const slot = this.#slot;
    slot.index = index;
    slot.session = words[(at + layout.DESCRIPTOR_SESSION) >> 2] as number;
    const op = words[(at + layout.DESCRIPTOR_OP) >> 2];
    slot.transport = op === layout.OP_SEAL_TRANSPORT || op === layout.OP_OPEN_TRANSPORT;
    slot.sealed = op === layout.OP_SEAL || op === layout.OP_SEAL_TRANSPORT;
    slot.keypair = words[(at + layout.DESCRIPTOR_KEYPAIR) >> 2] as number;
    slot.data = words[(at + layout.DESCRIPTOR_DATA) >> 2] === 1;
    slot.frames = words[(at + layout.DESCRIPTOR_FRAMES) >> 2] as number;
    slot.status = words[(at + layout.DESCRIPTOR_STATUS) >> 2] as number;
    slot.address = words[(at + layout.DESCRIPTOR_ADDRESS) >> 2] as number;
    slot.length = words[(at + layout.DESCRIPTOR_LENGTH) >> 2] as number;
    return slot;
  }

  /** Gives a slot back. In any order; the room grows as the oldest ones are given back. */
  release(index: number): void {
    this.#released[index] = 1;
    const { RING_DONE, RING_TAIL } = this.#layout;
    const done = this.#load(RING_DONE);
    let tail = this.#load(RING_TAIL);
    while (tail !== done && this.#released[tail & this.#mask] === 1) {
      this.#released[tail & this.#mask] = 0;
      tail = (tail + 1) >>> 0;
    }
    this.#words[RING_TAIL >> 2] = tail;
  }
}
