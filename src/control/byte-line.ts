import { secretRoom } from '../protocol/secret.js';

const LINE_FEED = 10;

/** Gathers a line that may hold a key. What comes is wiped when it is copied; the reader wipes the line. */
export class ByteLine {
  readonly #room: Uint8Array;
  #length = 0;
  /** Whether its end has come. */
  ended = false;
  /** Whether it has more bytes than may be, its end included. */
  long = false;

  /** @param most bytes, the line feed included */
  constructor(most: number) {
    this.#room = secretRoom(most);
  }

  /** What came of it so far, without its end; the same memory each time. */
  get bytes(): Uint8Array {
    return this.#room.subarray(0, this.#length);
  }

  /** Takes a piece, which is wiped. What follows the line is passed over. */
  push(piece: Uint8Array): void {
    const at = piece.indexOf(LINE_FEED);
    const part = at < 0 ? piece : piece.subarray(0, at);
    if (!this.ended && !this.long) {
      this.long = this.#length + part.length + (at < 0 ? 0 : 1) > this.#room.length;
      if (!this.long) {
        this.#room.set(part, this.#length);
        this.#length += part.length;
        this.ended = at >= 0;
      }
    }
    piece.fill(0);
  }
}
