// What the main thread and the I/O thread tell each other. Frames and datagrams of links that are up are not among
// it: they stay in the memory of the core.
import type { MessagePort } from 'node:worker_threads';
import type { KeptOfHost } from '../../../core/hosts.js';
import type { CopyWish } from '../../copies/copier.js';
import type { InfoFamily } from '../linux/cmsg.js';
import type { Port } from '../ports/port.js';

/** What the I/O thread starts with. */
export interface Start {
  readonly memory: WebAssembly.Memory;
  /** Int32Array of FLOW. */
  readonly flow: SharedArrayBuffer;
  readonly orders: MessagePort;
  readonly udp: number;
  /** An eventfd: written whenever there are orders. */
  readonly wake: number;
  /** The form in which our address of a datagram is reported. */
  readonly family: InfoFamily;
  readonly gso: boolean;
  /** Whether there is libvdeplug. */
  readonly vde: boolean;
  /** Whether copies of all datagrams are wanted. */
  readonly tapped: boolean;
  /** Whether the core has to know the time where it opens. */
  readonly timed: boolean;
  /** Whether it is a server's, which carries for many. */
  readonly serves: boolean;
}

/** What is under way to the main thread, so that nothing queues without bound. */
export const FLOW = { control: 0, tapped: 1, pieces: 2, opened: 3, said: 4, kept: 5 } as const;
export const FLOW_BYTES = 24;
/** Datagrams that are not of any link; more are dropped, as a full socket drops them. */
export const CONTROL_MAX = 2_048;
/** Copies for a tap; the I/O thread waits for the main thread. */
export const TAPPED_MAX = 512;
/** Bytes of frames for plugs that the main thread has; past that, they are dropped. */
export const PIECES_MAX = 4 << 20;
/** Senders and keys of secure links that are reported; past that, they are reported with a later message. */
export const OPENED_MAX = 1_024;
/** Control payloads that are under way to the main thread; past that, they are dropped. */
export const SAID_MAX = 1_024;
/** Frames and packets of hosts that are; past that, they are dropped. A multicast may be for a thousand of them. */
export const KEPT_MAX = 1_024;
/** Bytes of frames from one such plug; past that, it waits. */
export const FEED_MAX = 256 << 10;

/** To the I/O thread, about a link. */
export type LinkOrder =
  | { readonly do: 'raise'; readonly session: number; readonly way: Uint8Array; readonly connected: boolean }
  | { readonly do: 'lower'; readonly session: number }
  /** The link's port is this one, or being opened; `number` distinguishes it from the one before. */
  | {
      readonly do: 'plug';
      readonly session: number;
      readonly port: Port | undefined;
      readonly number: number;
    }
  /** The link's plug is on the main thread; `even` as OpenPlug has it. */
  | { readonly do: 'pipe'; readonly session: number; readonly even: boolean }
  | { readonly do: 'feed'; readonly session: number; readonly piece: Uint8Array }
  | { readonly do: 'resetStream'; readonly session: number }
  /** A datagram of a link that came up while it was under way to the main thread, and the way that it came by (sockaddr.ts). */
  | {
      readonly do: 'open';
      readonly session: number;
      readonly datagram: Uint8Array;
      readonly way: Uint8Array;
    }
  /** The session is one of the secure cable; `path` is the largest UDP payload to be sent. */
  | { readonly do: 'join'; readonly session: number; readonly path: number }
  /** The largest UDP payload to be sent for a secure link is another one. */
  | { readonly do: 'path'; readonly session: number; readonly path: number }
  /** Where a secure link's datagrams go to. */
  | { readonly do: 'address'; readonly session: number; readonly way: Uint8Array }
  /** Transport messages with this receiver's index are the link's, opened by the keypair at this place. */
  | { readonly do: 'install'; readonly session: number; readonly place: number; readonly index: number }
  | { readonly do: 'drop'; readonly session: number; readonly place: number }
  /** Whether the link has a key to seal with; its frames wait for one. */
  | { readonly do: 'seal'; readonly session: number; readonly can: boolean }
  /** The link is that of a host: its frames wait for no key. */
  | { readonly do: 'host'; readonly session: number }
  /** Hand a frame to the link's switch. */
  | { readonly do: 'inject'; readonly session: number; readonly frame: Uint8Array }
  /** Refuse what waits for a key. */
  | { readonly do: 'discard'; readonly session: number }
  /** Let go of a secure link's plug, and say so with this ticket. */
  | { readonly do: 'pull'; readonly session: number; readonly ticket: number }
  /** Let go of the link's plug, and say so with this ticket. */
  | { readonly do: 'unplug'; readonly session: number; readonly ticket: number };

/** To the I/O thread. */
export type Order =
  | LinkOrder
  /** Copy what is wished for from now on (capture/copies.ts); nothing without memory. */
  | { readonly do: 'copy'; readonly memory: SharedArrayBuffer | undefined; readonly wish: CopyWish }
  | { readonly do: 'stop' };

/** To the main thread. */
export type Report =
  /** It has begun; `lacks` is what the system refused, and can be done without. */
  | { readonly says: 'ready'; readonly lacks: readonly string[] }
  | { readonly says: 'control'; readonly way: Uint8Array; readonly datagram: Uint8Array }
  | {
      readonly says: 'tapped';
      readonly direction: 'in' | 'out';
      readonly session: number;
      /** By which a secure link's datagram came. */
      readonly way: Uint8Array | undefined;
      readonly datagram: Uint8Array;
    }
  /** An authentic message of a secure link, from another sender or with another index than the last one reported. */
  | {
      readonly says: 'opened';
      readonly session: number;
      readonly index: number;
      readonly way: Uint8Array;
      readonly data: boolean;
    }
  /** A control payload came on a secure link. */
  | {
      readonly says: 'said';
      readonly session: number;
      readonly index: number;
      readonly payload: Uint8Array;
    }
  /** See SecureEvents.kept. */
  | {
      readonly says: 'kept';
      readonly session: number;
      readonly from: KeptOfHost['from'];
      readonly bytes: Uint8Array;
    }
  /** A secure link has frames, and no key. */
  | { readonly says: 'wanted'; readonly session: number }
  | { readonly says: 'lost'; readonly session: number; readonly number: number }
  | { readonly says: 'piece'; readonly session: number; readonly piece: Uint8Array }
  | { readonly says: 'fed'; readonly session: number; readonly bytes: number }
  /** Done with 'pull' or 'unplug'. */
  | { readonly says: 'unplugged'; readonly ticket: number }
  | { readonly says: 'large'; readonly session: number }
  /** See CableEvents.sendFailed. */
  | {
      readonly says: 'trouble';
      readonly error: number;
      readonly times: number;
      readonly lasts: boolean;
    };
