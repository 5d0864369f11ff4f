// What the main thread and the I/O thread tell each other. Frames and datagrams of links that are up are not among
// it: they stay in the memory of the core.
import type { MessagePort } from 'node:worker_threads';
import type { VdePort } from './vde.js';

/** What the I/O thread starts with. */
export interface Start {
  readonly memory: WebAssembly.Memory;
  /** Int32Array of FLOW. */
  readonly flow: SharedArrayBuffer;
  readonly orders: MessagePort;
  readonly udp: number;
  /** An eventfd: written whenever there are orders. */
  readonly wake: number;
  readonly gso: boolean;
  /** Whether there is libvdeplug. */
  readonly vde: boolean;
  /** Whether copies of all datagrams are wanted. */
  readonly tapped: boolean;
}

/** What is under way to the main thread, so that nothing queues without bound. */
export const FLOW = { control: 0, tapped: 1, pieces: 2 } as const;
export const FLOW_BYTES = 12;
/** Datagrams that are not of any link; more are dropped, as a full socket drops them. */
export const CONTROL_MAX = 2_048;
/**
 * And so many of each kind a second: some four times what is answered. A flood must not make the main thread a heap
 * of messages; and one of forged DENYs must not crowd out the AUTH_OK that contradicts them.
 */
export const CONTROL_RATE = { rate: 2_000, burst: 100 } as const;
/** Copies for a tap; the I/O thread waits for the main thread. */
export const TAPPED_MAX = 512;
/** Bytes of frames for plugs that the main thread has; past that, they are dropped. */
export const PIECES_MAX = 4 << 20;
/** Bytes of frames from one such plug; past that, it waits. */
export const FEED_MAX = 256 << 10;

/** To the I/O thread. */
export type Order =
  | { readonly do: 'raise'; readonly session: number; readonly name: Uint8Array; readonly connected: boolean }
  | { readonly do: 'lower'; readonly session: number }
  /** The link's port is this one, or being opened; `number` tells it from the one before. */
  | {
      readonly do: 'plug';
      readonly session: number;
      readonly port: VdePort | undefined;
      readonly number: number;
    }
  /** The link's plug is on the main thread. */
  | { readonly do: 'pipe'; readonly session: number }
  | { readonly do: 'feed'; readonly session: number; readonly piece: Uint8Array }
  | { readonly do: 'resetStream'; readonly session: number }
  /** DATA of a link that was raised while it was under way to the main thread. */
  | { readonly do: 'open'; readonly session: number; readonly datagram: Uint8Array }
  /** Let go of the link's plug, and say so with this ticket. */
  | { readonly do: 'unplug'; readonly session: number; readonly ticket: number }
  | { readonly do: 'stop' };

/** To the main thread. */
export type Report =
  | { readonly says: 'ready' }
  | { readonly says: 'control'; readonly name: Uint8Array; readonly datagram: Uint8Array }
  | {
      readonly says: 'tapped';
      readonly direction: 'in' | 'out';
      readonly session: number;
      readonly datagram: Uint8Array;
    }
  | { readonly says: 'lost'; readonly session: number; readonly number: number }
  | { readonly says: 'piece'; readonly session: number; readonly piece: Uint8Array; readonly frames: number }
  | { readonly says: 'fed'; readonly session: number; readonly bytes: number }
  | { readonly says: 'unplugged'; readonly ticket: number }
  | { readonly says: 'large'; readonly session: number }
  | { readonly says: 'trouble'; readonly error: number; readonly times: number };
