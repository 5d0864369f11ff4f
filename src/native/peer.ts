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
  /** Undefined while it has no port; a link of the secure cable always has one, where frames wait for their port. */
  side: FrameSide | undefined;
  /** Whether the main thread has its plug. */
  piped: boolean;
  /** Pieces of a piped plug's stream that found no room in the ring, or no key. */
  backlog: Uint8Array[];
  /** Datagrams opened in the batch at hand. */
  opened: number;
  /** Whether something is to be done with what that batch brought it. */
  touched: boolean;
  secure: SecurePeer | undefined;
}

/** What there is to know of a link of the secure cable besides. */
export interface SecurePeer {
  /** The receiver's index of each keypair, by place. */
  readonly indices: (number | undefined)[];
  /** With which index, and from whom, the last authentic message came that the main thread was told of. */
  toldIndex: number | undefined;
  readonly toldFrom: Uint32Array;
}
