import type { Refusals } from '../../../protocol/send-refusals.js';
import type { FrameSide } from './frame-side.js';

/** One link, as the I/O thread knows it. */
export interface Peer {
  readonly session: number;
  /** Whether its link is. */
  up: boolean;
  /** Its struct sockaddr, and where that is; kept until it has another one, for what waits to be sent. */
  name: { readonly words: Uint32Array; readonly address: number } | undefined;
  /** Our address that its datagrams come to and ours leave from, LOCAL_WORDS; undefined: the system chooses. */
  local: Uint32Array | undefined;
  /** Until when that address should not be used, as this machine does not have it, ms; 0 when it is. */
  astray: number;
  /** Whether the socket is connected to it. */
  connected: boolean;
  /** Of its datagrams, by the system. */
  readonly refusals: Refusals;
  /** Longest datagram that the path lets the kernel cut out of a piece. */
  segmentMax: number;
  /** Undefined while it has no port; a link of the secure cable always has one, where frames wait for their port. */
  side: FrameSide | undefined;
  /** Whether the main thread has its plug. */
  piped: boolean;
  /** Whether frames of odd length get a zero byte more on the way there (OpenPlug.even). */
  even: boolean;
  /** Pieces of a piped plug's stream that found no room in the ring, or no key. */
  backlog: Uint8Array[];
  /** Datagrams opened in the batch at hand. */
  opened: number;
  /** Whether something should be done with what that batch brought it. */
  touched: boolean;
  secure: SecurePeer | undefined;
  /** Whether it is that of a host. */
  host: boolean;
}

/** What there is to know of a link of the secure cable besides. */
export interface SecurePeer {
  /** The receiver's index of each keypair, by place. */
  readonly indices: (number | undefined)[];
  /** With which index, and by which way, the last authentic message came that was reported to the main thread. */
  toldIndex: number | undefined;
  readonly toldFrom: Uint32Array;
}

/** The address of ours that a peer's datagrams leave from; undefined: the system chooses. */
export function localOf(peer: Peer): Uint32Array | undefined {
  if (peer.local === undefined || peer.connected) return undefined;
  if (peer.astray !== 0 && performance.now() < peer.astray) return undefined;
  peer.astray = 0;
  return peer.local;
}
