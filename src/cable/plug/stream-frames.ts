// Streams of frames, each behind its length, big-endian: 16 bits in a plug's, 32 in that of QEMU's `-netdev stream`.

/** Bytes of a length. */
export const LENGTH_BYTES = { plug: 2, qemu: 4 } as const;
const LENGTH = LENGTH_BYTES.plug;
const FRAME_MAX = 0xffff;
/** What QEMU itself takes and gives at most (NET_BUFSIZE): a longer one is no frame, and the stream is lost. */
const QEMU_MAX = 4_096 + 65_536;

/** A plug's whole frames, as QEMU reads them. */
export function toQemu(frames: Uint8Array): Uint8Array {
  const lengthAt = (at: number) => ((frames[at] as number) << 8) | (frames[at + 1] as number);
  let count = 0;
  for (let at = 0; at < frames.length; at += LENGTH + lengthAt(at)) count++;
  const more = LENGTH_BYTES.qemu - LENGTH;
  const stream = new Uint8Array(frames.length + count * more);
  for (let at = 0, to = 0; at < frames.length; ) {
    const end = at + LENGTH + lengthAt(at);
    stream.set(frames.subarray(at, end), to + more);
    to += more + end - at;
    at = end;
  }
  return stream;
}

/** Reads a stream, which may be cut anywhere. */
export class FrameReader {
  readonly #length: number;
  /** What came of a frame that is not whole. */
  #rest = new Uint8Array();

  constructor(kind: keyof typeof LENGTH_BYTES) {
    this.#length = LENGTH_BYTES[kind];
  }

  /**
   * @returns the whole frames that there are now, as a plug has them; those too long for it are left out
   * @throws RangeError when it is no such stream
   */
  read(piece: Uint8Array): Uint8Array {
    const bytes = this.#rest.length === 0 ? piece : new Uint8Array(this.#rest.length + piece.length);
    if (bytes !== piece) {
      bytes.set(this.#rest);
      bytes.set(piece, this.#rest.length);
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const frames = new Uint8Array(bytes.length);
    const header = this.#length;
    let to = 0;
    let at = 0;
    while (at + header <= bytes.length) {
      const length = header === LENGTH ? view.getUint16(at) : view.getUint32(at);
      if (length > QEMU_MAX) throw new RangeError(`a frame of ${length} bytes`);
      const end = at + header + length;
      if (end > bytes.length) break;
      if (length > 0 && length <= FRAME_MAX) {
        const from = at + header - LENGTH;
        frames.set(bytes.subarray(from, end), to);
        to += end - from;
      }
      at = end;
    }
    this.#rest = bytes.slice(at);
    return frames.subarray(0, to);
  }
}
