// pcapng, as far as a capture needs it: blocks of little-endian words (draft-ietf-opsawg-pcapng). Without I/O.

/** What the packets of an interface are. */
export const LINK = { ethernet: 1, ip: 101 } as const;

const SECTION = 0x0a0d0d0a;
const INTERFACE = 1;
const STATISTICS = 5;
const PACKET = 6;
const ORDER = 0x1a2b3c4d;
/** No packet is cut. The same for all interfaces, as tcpdump wants it. */
const SNAP_LENGTH = 262_144;

const APPLICATION = 4;
const NAME = 2;
const DESCRIPTION = 3;
const FLAGS = 2;
const RECEIVED = 4;
const DROPPED = 5;

interface Option {
  readonly code: number;
  readonly bytes: Uint8Array;
}

const padded = (length: number) => (length + 3) & ~3;

function text(code: number, value: string): Option {
  return { code, bytes: new TextEncoder().encode(value) };
}

function words(code: number, ...values: readonly number[]): Option {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries()) view.setUint32(4 * i, value, true);
  return { code, bytes };
}

/** 64 bits, the lower half first. */
function count(code: number, value: number): Option {
  return words(code, value >>> 0, Math.floor(value / 2 ** 32));
}

/** A block: its fixed part, what is padded behind it, and options. */
function block(type: number, fixed: readonly number[], data: Uint8Array, options: readonly Option[]) {
  const used = options.filter(({ bytes }) => bytes.length > 0);
  const ofOptions = used.reduce((sum, { bytes }) => sum + 4 + padded(bytes.length), used.length > 0 ? 4 : 0);
  const length = 12 + 4 * fixed.length + padded(data.length) + ofOptions;
  const out = new Uint8Array(length);
  const view = new DataView(out.buffer);
  let at = 0;
  const put = (value: number) => {
    view.setUint32(at, value, true);
    at += 4;
  };
  put(type);
  put(length);
  for (const value of fixed) put(value);
  out.set(data, at);
  at += padded(data.length);
  for (const { code, bytes } of used) {
    put((code | (bytes.length << 16)) >>> 0);
    out.set(bytes, at);
    at += padded(bytes.length);
  }
  view.setUint32(length - 4, length, true); // what is before it is the end of the options, or of the data
  return out;
}

const NOTHING = new Uint8Array();

/** What a file begins with. */
export function sectionHeader(application: string): Uint8Array {
  // Version 1.0; the length of the section is not known.
  return block(SECTION, [ORDER, 1, 0xffffffff, 0xffffffff], NOTHING, [text(APPLICATION, application)]);
}

/** The next interface: the first one has number 0. */
export function interfaceDescription(link: number, name: string, description: string): Uint8Array {
  return block(INTERFACE, [link, SNAP_LENGTH], NOTHING, [text(NAME, name), text(DESCRIPTION, description)]);
}

/** Microseconds since 1970 as the two words that pcapng has. */
function timeWords(time: number): [number, number] {
  const micros = Math.round(time * 1000);
  return [Math.floor(micros / 2 ** 32), micros >>> 0];
}

/** @param time ms since 1970 */
export function packet(
  interfaceNumber: number,
  time: number,
  direction: 'in' | 'out',
  bytes: Uint8Array,
): Uint8Array {
  const { length } = bytes;
  const fixed = [interfaceNumber, ...timeWords(time), length, length];
  return block(PACKET, fixed, bytes, [words(FLAGS, direction === 'in' ? 1 : 2)]);
}

/** How many packets of an interface there were, those that were dropped among them. @param time ms since 1970 */
export function interfaceStatistics(
  interfaceNumber: number,
  time: number,
  received: number,
  dropped: number,
): Uint8Array {
  return block(STATISTICS, [interfaceNumber, ...timeWords(time)], NOTHING, [
    count(RECEIVED, received),
    count(DROPPED, dropped),
  ]);
}

/** Counts what passes in a stream of blocks, cut anywhere. */
export class BlockCounter {
  #head = new Uint8Array(8);
  #held = 0;
  /** Of the block at hand: bytes that are still to come; those of a statistics block, as far as they came. */
  #left = 0;
  #statistics: number[] | undefined;
  packets = 0;
  interfaces = 0;
  /** As the statistics blocks say. */
  dropped = 0;

  /** Whether the stream is at the end of a block. */
  get whole(): boolean {
    return this.#held === 0 && this.#left === 0;
  }

  /** @returns false when this is no pcapng */
  push(piece: Uint8Array): boolean {
    for (let at = 0; at < piece.length; ) {
      if (this.#left > 0) {
        const part = piece.subarray(at, at + this.#left);
        this.#statistics?.push(...part);
        this.#left -= part.length;
        at += part.length;
        if (this.#left === 0) this.#end();
        continue;
      }
      this.#head[this.#held++] = piece[at++] as number;
      if (this.#held === 8 && !this.#begin()) return false;
    }
    return true;
  }

  #begin(): boolean {
    const view = new DataView(this.#head.buffer);
    const [type, length] = [view.getUint32(0, true), view.getUint32(4, true)];
    if (![SECTION, INTERFACE, STATISTICS, PACKET].includes(type) || length < 12 || length % 4 > 0)
      return false;
    if (length > SNAP_LENGTH + 4_096) return false;
    this.#held = 0;
    this.#left = length - 8;
    this.#statistics = type === STATISTICS ? [] : undefined;
    if (type === PACKET) this.packets++;
    if (type === INTERFACE) this.interfaces++;
    return true;
  }

  #end(): void {
    if (this.#statistics === undefined) return;
    const view = new DataView(Uint8Array.from(this.#statistics).buffer);
    for (let at = 12; at + 12 <= view.byteLength; at += 4 + padded(view.getUint16(at + 2, true))) {
      if (view.getUint16(at, true) !== DROPPED) continue;
      this.dropped += view.getUint32(at + 4, true) + 2 ** 32 * view.getUint32(at + 8, true);
    }
    this.#statistics = undefined;
  }
}
