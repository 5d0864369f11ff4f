// What is asked of a capture, and what begins one; it knows no cable, as the types of the library lead here.

/** What should be captured. */
export interface CaptureWish {
  /** Datagrams as they are on the wire, instead of frames. */
  readonly wire: boolean;
  /** One peer's alone: its name, public key or address. */
  readonly peer?: string | undefined;
}

/** Where a capture goes, or a log. */
export interface ByteSink {
  /** Bytes that were written and nobody has read yet. */
  readonly waiting: number;
  write(bytes: Uint8Array): void;
}

/** Begins captures of what passes a running end. */
export interface Capturing {
  /**
   * Begins a capture.
   * @param application the program, as the file names it
   * @param ended called when this end ends it
   * @returns what ends it
   * @throws CryptcabError when there is no such peer, or there are too many captures
   */
  begin(wish: CaptureWish, sink: ByteSink, application: string, ended: () => void): () => void;
  /** Ends all. */
  close(): void;
}
