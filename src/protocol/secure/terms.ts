// What the machine of the secure cable takes, and what it returns.

import type { TransportKeys } from '../../core/terms.js';
import type { Random } from '../classic/session-key.js';
import type { Rate } from '../rate-limit.js';
import type { Remote } from '../remote.js';
import type { EnrolAnswer, Introduction } from './control.js';
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
/** Why a datagram of the handshake, or a transport message of unknown senders, was dropped (secure.md §5.1). */
export type SecureRefusal = (typeof SECURE_REFUSALS)[number];

/**
 * What is behind a refusal or a silence, as far as this end can tell, for people to fix. None of it is certain, where
 * somebody on the way may forge, record and withhold messages.
 */
export type SecureHint =
  /** Somebody calls whose public key is not known, and has the private key to it. */
  | { readonly what: 'stranger'; readonly from: Remote; readonly publicKey: Uint8Array }
  /**
   * A peer's initiations are older than its last that was taken, by `behind` ms, the time since then included. `fromOurs` is
   * how much its clock differs from ours, ms, negative if it is behind.
   */
  | { readonly what: 'clock'; readonly peer: Peer; readonly behind: number; readonly fromOurs: number }
  /** A peer answers, and the answer does not open: it has another preshared key. */
  | { readonly what: 'preshared key'; readonly peer: Peer }
  /** A peer calls and is answered, again and again, and does not go on: another preshared key, or it does not hear us. */
  | { readonly what: 'unfinished'; readonly peer: Peer }
  /** Frames are sent to a peer, and it does not even answer questions: it is called again. */
  | { readonly what: 'dead'; readonly peer: Peer }
  /** A peer's large datagrams are lost on the way to us, its small ones are not: of so many frames the last fragment alone came. */
  | { readonly what: 'hole'; readonly peer: Peer; readonly frames: bigint };

/** Somebody who called, has the private key to a public key, and whose public key is not known here. */
export interface Stranger {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Where the first call came from. */
  readonly from: Remote;
  /** When the first call came, ms. */
  readonly first: number;
  /** When the last call came, ms. */
  readonly last: number;
  /** How many calls came. Only the first is sure to be this caller's: anybody can send it again. */
  readonly times: number;
}

/**
 * Why a peer is not up any more: nothing has come from it for long, it has said goodbye, it is at another server now (§4.4), it
 * may not connect any more, or its session was ended by this end.
 */
export type SecureDown = 'expired' | 'goodbye' | 'moved' | 'removed' | 'disconnected';

/**
 * Why a peer that has enrolled was removed: it was silent for too long, another one needed its place while it was away, or it
 * said goodbye: it ended, and its keys with it.
 */
export type SecureGone = 'silent' | 'no room' | 'goodbye';

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
  /** Seal and send a control payload. */
  | {
      readonly do: 'control';
      readonly peer: Peer;
      /** Its kind first (secure.md §7.1). */
      readonly payload: Uint8Array;
    }
  /** Send the announcements of who is behind the plug (announce.ts). */
  | { readonly do: 'announce'; readonly peer: Peer }
  /** If the peer was named by a host name: look it up again, and say setEndpoint. */
  | { readonly do: 'resolve'; readonly peer: Peer }
  /** Datagrams for the peer go there from now on. */
  | { readonly do: 'moved'; readonly peer: Peer; readonly to: Remote }
  /** Frames can flow; and no more. */
  | { readonly do: 'up'; readonly peer: Peer }
  | { readonly do: 'down'; readonly peer: Peer; readonly why: SecureDown }
  /** One of several servers with one key has met a peer: the others may say seen(). */
  | {
      readonly do: 'met';
      readonly peer: Peer;
      /** Of its last initiation, 12 bytes. */
      readonly timestamp: Uint8Array;
    }
  /** An enrolled peer has been removed. */
  | { readonly do: 'gone'; readonly peer: Peer; readonly why: SecureGone }
  /** A guest asks to be let in: say answer(), and wipe the preshared key. */
  | {
      readonly do: 'enrol';
      readonly peer: Peer;
      /** The peer that it wants to be. */
      readonly introduction: Introduction;
    }
  /** A peer has answered to the introduction. */
  | {
      readonly do: 'verdict';
      readonly peer: Peer;
      /** As it came. */
      readonly answer: EnrolAnswer;
    }
  /** A peer has answered a question of ask(), which took so many ms. */
  | {
      readonly do: 'answered';
      readonly peer: Peer;
      /** Its number. */
      readonly question: bigint;
      /** ms. */
      readonly took: number;
    }
  /** The peer does not answer; it is tried again when there is something to send. Drop what waits for it. */
  | { readonly do: 'unanswered'; readonly peer: Peer }
  /** For the log and the counts. */
  | { readonly do: 'refused'; readonly from: Remote; readonly why: SecureRefusal }
  /** For the log. */
  | { readonly do: 'hint'; readonly hint: SecureHint };

/** The keys of a handshake; they are wiped after the call. */
export interface HandshakeKeys {
  /** Of this end, 32 bytes. */
  readonly privateKey: Uint8Array;
  /** The peer's public key, 32 bytes. */
  readonly peer: Uint8Array;
  /** The ephemeral private key of this end, 32 bytes. */
  readonly ephemeral: Uint8Array;
  /** 32 bytes; zeros where there is none. */
  readonly presharedKey: Uint8Array;
}

/** The options of an end of the secure cable. */
export interface SecureOptions {
  /** Our private key, 32 bytes; the machine keeps a copy of it. */
  readonly privateKey: Uint8Array;
  /** Draws ephemeral keys, indices and cookies. */
  readonly random: Random;
  /** Makes a receiver's index for a peer of one that was drawn at random; that one itself when undefined. */
  readonly index?: (peer: Peer, drawn: number) => number;
  /**
   * Of one of several servers with one private key, 1 to 255: the top byte of each index that it gives out (§4.4). Such an end
   * calls nobody.
   */
  readonly serverId?: number | undefined;
  /** ms since 1970, for the timestamps of initiations. */
  readonly unixTime: () => number;
  /** Enrolled peers at a time, at most; default: 1024 (§3.4). */
  readonly enrolledMax?: number | undefined;
  /** For how long an enrolled peer may be silent before it is forgotten, ms; default: 30 days. */
  readonly forgetAfter?: number | undefined;
  /** Whether the host carries control payloads, both ways; without, this end says nothing but frames. */
  readonly controls?: boolean;
  /** Told the keys of each handshake, for those who look into their own cable; default: nobody. */
  readonly keyLog?: ((keys: HandshakeKeys) => void) | undefined;
  /** How many strangers' keys are looked at; default: few. */
  readonly strangers?: Rate | undefined;
}

/** Who may connect (secure.md §3). */
export interface PeerOptions {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 32 bytes. */
  readonly presharedKey?: Uint8Array;
  /** Where it is called; without, it calls. */
  readonly endpoint?: Remote;
  /** For people; default: the beginning of its public key. */
  readonly name?: string;
  /** Whether it is forgotten when nothing authentic comes of it for long (forgetAfter). */
  readonly enrolled?: boolean;
  /** For how long it has been silent already, ms. */
  readonly silent?: number;
  /** Whether it is tried every second for some minutes when it went away. */
  readonly eager?: boolean;
  /** Whether it may enrol and no more (§8). */
  readonly guest?: boolean;
  /** What is said to it to be let in, as its guest; the machine keeps a copy of the preshared key. */
  readonly introduction?: Introduction;
}
