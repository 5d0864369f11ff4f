// The frames in a payload of the secure cable (secure.md §2.3, §2.4), for a capture: what becomes of them at the switch is the core's.
import { isPacket } from '../../core/hosts.js';

const RECORDS = 0x01;
const FRAGMENT = 0x8000;
const FRAGMENT_HEADER = 4;
/** Incomplete frames that are kept, and for how long, ms (secure.md §2.4). */
const INCOMPLETE_MAX = 64;
const INCOMPLETE_MS = 1_000;
/** Smallest and largest frame (secure.md §2.3). */
const FRAME_MIN = 14;
const FRAME_MAX = 9_216;

interface Incomplete {
  readonly since: number;
  readonly count: number;
  readonly parts: (Uint8Array | undefined)[];
  missing: number;
}

/** A host's packet as a frame: which stations' it is the core knows alone, and what is not known is zero. */
function framed(packet: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_MIN + packet.length);
  frame.set((packet[0] as number) >> 4 === 4 ? [0x08, 0x00] : [0x86, 0xdd], 12);
  frame.set(packet, FRAME_MIN);
  return frame;
}

/** Reads the payloads of one direction of one link. */
export class FramesIn {
  readonly #incomplete = new Map<number, Incomplete>();

  /** @param now ms, for frames in fragments */
  read(payload: Uint8Array, now: number): Uint8Array[] {
    const frames: Uint8Array[] = [];
    if (isPacket(payload)) return [framed(payload)];
    if (payload[0] !== RECORDS) return frames;
    for (let at = 1; at + 2 <= payload.length; ) {
      const word = ((payload[at] as number) << 8) | (payload[at + 1] as number);
      const size = word & ~FRAGMENT;
      const from = at + 2 + (word >= FRAGMENT ? FRAGMENT_HEADER : 0);
      if (from + size > payload.length) break;
      const bytes = payload.subarray(from, from + size);
      const frame = word < FRAGMENT ? bytes : this.#fragment(payload.subarray(at + 2, from), bytes, now);
      if (frame !== undefined && frame.length >= FRAME_MIN && frame.length <= FRAME_MAX) frames.push(frame);
      at = from + size;
    }
    return frames;
  }

  /** @returns the frame that a fragment makes whole */
  #fragment(header: Uint8Array, bytes: Uint8Array, now: number): Uint8Array | undefined {
    const [high = 0, low = 0, index = 0, count = 0] = header;
    const id = (high << 8) | low;
    if (index >= count || bytes.length === 0) return undefined;
    let frame = this.#incomplete.get(id);
    const other = frame?.count !== count || frame.parts[index] !== undefined;
    if (frame === undefined || other || now - frame.since > INCOMPLETE_MS) {
      this.#incomplete.delete(id);
      frame = { since: now, count, parts: new Array(count).fill(undefined), missing: count };
      this.#makeRoom(now);
      this.#incomplete.set(id, frame);
    }
    frame.parts[index] = bytes.slice();
    if (--frame.missing > 0) return undefined;
    this.#incomplete.delete(id);
    const parts = frame.parts as Uint8Array[];
    const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  #makeRoom(now: number): void {
    for (const [id, { since }] of this.#incomplete) {
      if (now - since <= INCOMPLETE_MS && this.#incomplete.size < INCOMPLETE_MAX) return;
      this.#incomplete.delete(id);
    }
  }
}
