import { concatBytes } from '@noble/hashes/utils.js';
import { Core } from '../core/core.js';
import { STATUS, type Status } from '../core/status.js';
import { FieldError, type Fields, Refused } from './fields.js';
import { Primitives } from './primitives.js';

/** What became of a slot of the ring; the bytes are a copy. */
export interface Slot {
  readonly status: Status;
  readonly bytes: Uint8Array;
  /** Whether it was sealed, or opened. */
  readonly sealed: boolean;
}

/** Frames as the stream of a plug has them: each behind its length, big-endian. */
export function inStream(frames: readonly Uint8Array[]): Uint8Array {
  return concatBytes(
    ...frames.flatMap((frame) => [Uint8Array.of(frame.length >> 8, frame.length & 255), frame]),
  );
}

/** The frames of a whole stream. */
export function framesIn(stream: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < stream.length; ) {
    const end = at + 2 + (stream[at] as number) * 256 + (stream[at + 1] as number);
    frames.push(stream.slice(at + 2, end));
    at = end;
  }
  return frames;
}

function only(slots: readonly Slot[]): Slot {
  const [slot, ...more] = slots;
  if (slot === undefined || more.length > 0)
    throw new RangeError(`${slots.length} slots where one was expected`);
  return slot;
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

  /** The counter of the next classic datagram sealed. */
  get nextCounter(): bigint {
    return this.#view.getBigUint64(this.core.layout.SEND_COUNTER, true) + 1n;
  }

  set nextCounter(counter: bigint) {
    this.#view.setBigUint64(this.core.layout.SEND_COUNTER, counter - 1n, true);
  }

  /** Sets the counter of the next message that a secure session's first keypair seals. */
  setTransportCounter(session: number, counter: bigint): void {
    const { SESSIONS, SESSION_BYTES, SESSION_KEYPAIRS, KEYPAIR_COUNTER } = this.core.layout;
    this.#view.setBigUint64(
      SESSIONS + session * SESSION_BYTES + SESSION_KEYPAIRS + KEYPAIR_COUNTER,
      counter,
      true,
    );
  }

  /** Not kept: the memory grows with its sessions. */
  get #view(): DataView {
    return new DataView(this.core.memory.buffer);
  }

  // What files hold may be longer than what the core has room for: its memory is written to only after a look.

  /** Has the core read a piece of a plug's stream. */
  read(session: number, piece: Uint8Array): void {
    if (piece.length > this.core.pieceMax || this.core.readStream(session, piece) < piece.length)
      throw new FieldError(
        `has frames of more than ${this.core.pieceMax} bytes, or more of them than can wait`,
      );
  }

  /** Puts a DATA, or a transport message, into the ring, to be opened. */
  push(session: number, datagram: Uint8Array, kind: 'data' | 'transport'): void {
    const { ring, datagramMax } = this.core;
    if (datagram.length > datagramMax)
      throw new FieldError(`has a datagram of more than ${datagramMax} bytes`);
    const pushed = kind === 'data' ? ring.push(session, datagram) : ring.pushTransport(session, datagram);
    if (!pushed) throw new FieldError(`has more than ${ring.slots} datagrams at once`);
  }

  /** Seals one frame. @throws Refused */
  seal(session: number, frame: Uint8Array): Uint8Array {
    this.read(session, inStream([frame]));
    const { status, bytes } = only(this.drain());
    if (status !== 'ok') throw new Refused(status);
    return bytes;
  }

  /** Opens one DATA, or one transport message. */
  open(session: number, datagram: Uint8Array, kind: 'data' | 'transport' = 'data'): Slot {
    this.push(session, datagram, kind);
    return only(this.drain());
  }

  /**
   * Has the core work on one batch of what was put into the ring.
   * @param look is told how many slots there are, before they are released
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
  drain(look?: (count: number) => void): Slot[] {
    const slots: Slot[] = [];
    for (let next = this.batch(look); next.length > 0; next = this.batch(look)) slots.push(...next);
    return slots;
  }
}

/**
 * Does what a test says.
 * @throws Refused where the program refuses what it gives, Differs where it comes to something else, FieldError
 */
export type Check = (fields: Fields, tools: Tools) => void;
