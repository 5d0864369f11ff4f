// What the machine of the secure cable is told, and what it tells.
import type { TransportKeys } from '../../core/core.js';
import type { Remote } from '../remote.js';
import type { Random } from '../session-key.js';
import type { Peer } from './peer.js';

/** All reasons for which the machine drops a datagram. */
export const SECURE_REFUSALS = [
  'malformed',
  'bad mac1',
  'no cookie',
  'too many handshakes',
  'decrypt failed',
  'unknown peer',
  'replayed',
  'unknown receiver index',
] as const;
/** Why a datagram of the handshake, or a transport message of nobody's, was dropped (secure-protocol §5). */
export type SecureRefusal = (typeof SECURE_REFUSALS)[number];

/** What the host is to do, in order. */
export type SecureEffect =
  /** Send a message of the handshake. */
  | { readonly do: 'send'; readonly to: Remote; readonly datagram: Uint8Array }
  /** Put a keypair into a place of the peer's session: what comes under it can be opened. Wipe the keys then. */
  | { readonly do: 'install'; readonly peer: Peer; readonly place: number; readonly keys: TransportKeys }
  /** Seal with this one from now on: what waited for a key can go. */
  | { readonly do: 'use'; readonly peer: Peer; readonly place: number }
  | { readonly do: 'drop'; readonly peer: Peer; readonly place: number }
  /** Seal and send an empty payload. */
  | { readonly do: 'keepalive'; readonly peer: Peer }
  /** If the peer was named by a host name: look it up again, and say setEndpoint. */
  | { readonly do: 'resolve'; readonly peer: Peer }
  /** Datagrams for the peer go there from now on. */
  | { readonly do: 'moved'; readonly peer: Peer; readonly to: Remote }
  /** Frames can flow; and no more. */
  | { readonly do: 'up'; readonly peer: Peer }
  | { readonly do: 'down'; readonly peer: Peer; readonly why: 'expired' | 'removed' }
  /** An enrolled peer has been silent for too long: it has been removed. */
  | { readonly do: 'gone'; readonly peer: Peer }
  /** The peer does not answer; it is tried again when there is something to send. Drop what waits for it. */
  | { readonly do: 'unanswered'; readonly peer: Peer }
  /** For the log and the counts. */
  | { readonly do: 'refused'; readonly from: Remote; readonly why: SecureRefusal };

/** What an end of the secure cable is told at its start. */
export interface SecureOptions {
  /** Our private key, 32 bytes; the machine keeps a copy of it. */
  readonly privateKey: Uint8Array;
  /** Draws ephemeral keys, indices and cookies. */
  readonly random: Random;
  /** Makes a receiver's index for a peer of one that was drawn at random; that one itself when undefined. */
  readonly index?: (peer: Peer, drawn: number) => number;
  /** ms since 1970, for the timestamps of initiations. */
  readonly unixTime: () => number;
}

/** Who may connect (secure-protocol §3). */
export interface PeerOptions {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes. */
  readonly presharedKey?: Uint8Array;
  /** Where it is called; without, it calls. */
  readonly endpoint?: Remote;
  /** For people; the beginning of its public key unless told. */
  readonly name?: string;
  /** Whether it goes when nothing authentic comes of it for ENROLLED_LIFETIME. */
  readonly enrolled?: boolean;
}
