import type { FrameSide } from './frames.js';

/** One link, as the I/O thread knows it. */
export interface Peer {
  readonly session: number;
  /** Whether its link is. */
  up: boolean;
  /** Its struct sockaddr, and where that stands; kept until it has another one, for what waits to be sent. */
  name: { readonly words: Uint32Array; readonly address: number } | undefined;
  /** Whether the socket is connected to it. */
  connected: boolean;
  /** Longest datagram that the path lets the kernel cut out of a piece. */
  segmentMax: number;
  side: FrameSide | undefined;
  /** Whether the main thread has its plug. */
  piped: boolean;
  /** Pieces of a piped plug's stream that found no room in the ring. */
  backlog: Uint8Array[];
  /** Frames opened in the batch at hand. */
  opened: number;
}
