import type { Keying } from '../../core/terms.js';
import type { CipherChoice, Random } from './session-key.js';

// What happens to a client of the classic protocol, and what it does then: the terms of client.ts.

/**
 * Where a client stands.
 * - closed: nothing is under way; the timer, if any, goes on
 * - resolving: the host looks for the server's address
 * - enrolling: the host carries the key to the server
 * - opening: LOGIN is sent
 * - loginDenied: a DENY came, which may be forged: a CHALLENGE still counts, until the timer rings
 * - waiting: RESPONSE is sent
 * - responseDenied: a DENY came, which may be forged: AUTH_OK still counts, until the timer rings
 * - up: frames flow
 */
export const CLIENT_STATES = [
  'closed',
  'resolving',
  'enrolling',
  'opening',
  'loginDenied',
  'waiting',
  'responseDenied',
  'up',
] as const;
/** One of them. */
export type ClientState = (typeof CLIENT_STATES)[number];

/** What can happen to a client besides a datagram of the server's. */
export const CLIENT_EVENTS = [
  'start',
  'resolved',
  'resolveFailed',
  'enrolled',
  'enrolFailed',
  /** The network says that nobody listens there. */
  'unreachable',
  /** Another of the server's addresses answers, and this one has not yet. */
  'elsewhere',
  /** The system could not send a datagram. */
  'sendFailed',
  /** A datagram of more than ORIGINAL_DATAGRAM_MAX bytes was sent. */
  'large',
  /** DATA was sent. */
  'sent',
  /** Authentic DATA came. */
  'heard',
  /** The time that `deadline` names has come. */
  'timer',
] as const;
/** One of them. */
export type ClientEvent = (typeof CLIENT_EVENTS)[number];

/** What a DENY most likely means. A DENY is anybody's to forge: it never ends a client. */
export type ClientDenial = 'no key at server' | 'wrong key' | 'wants encryption';

/** Why a client that has just started does not go on. */
export type ClientFailure = 'key not carried';

/** What the host is to do, in order. */
export type ClientEffect =
  | { readonly do: 'send'; readonly datagram: Uint8Array }
  /** Find the server's address, another one if there is; then say resolved or resolveFailed. */
  | { readonly do: 'resolve' }
  /** Carry this key to the server under this id, and wipe it; then say enrolled or enrolFailed. */
  | { readonly do: 'enrol'; readonly id: string; readonly key: Uint8Array }
  /**
   * The server has let this client in, and nothing is encrypted: key the session and let frames flow. It is not known yet whether the
   * server's come: `up` follows when it is, or `mute`.
   */
  | { readonly do: 'trial'; readonly keying: Keying }
  /** The cable is up: key its session, unless there was a trial. The key stays the client's. */
  | { readonly do: 'up'; readonly keying: Keying }
  /** The cable is down, the server does not know us or is silent: take the session's key away. */
  | { readonly do: 'down'; readonly why: 'unknown' | 'silent' }
  /** Bind the socket anew, to whatever address this end now has; then say resolved or resolveFailed. */
  | { readonly do: 'reconnect' }
  /** The server is a C program: it cuts datagrams at ORIGINAL_DATAGRAM_MAX bytes. */
  | { readonly do: 'cut' }
  /** In a trial: the server is a C program, and has sent no frame in time. It may be of the ChaCha generation (classic.md §7.2). */
  | { readonly do: 'mute' }
  /** The server said no, and did not take it back. It is tried again. */
  | { readonly do: 'denied'; readonly why: ClientDenial }
  /** The server denied the key as it was used, and did not take it back: the next way to use one is tried. */
  | { readonly do: 'tryNext'; readonly keying: Keying }
  /** The server denied the RESPONSE to one of several CHALLENGEs, of which somebody forges some: next time another one is answered (classic.md §2.8). */
  | { readonly do: 'contested' }
  /** The key could not be carried. It is tried again. */
  | { readonly do: 'notCarried' }
  /** A LOGIN stays without an answer. */
  | { readonly do: 'unanswered' }
  /** It is no use to try again. */
  | { readonly do: 'fail'; readonly why: ClientFailure };

/**
 * Where its key comes from.
 * - preshared: both ends have the key
 * - random: a new key for each attempt, carried by the host (§4.2)
 * - plain: no encryption; a key is carried only if the server asks for one (§4.3)
 */
export type ClientMode =
  | { readonly kind: 'preshared'; readonly key: Uint8Array }
  /** `carried`: a key that the server already has under this id. */
  | { readonly kind: 'random'; readonly carried?: { readonly id: string; readonly key: Uint8Array } }
  | { readonly kind: 'plain' };

/** What a client of the classic protocol is told at its start. */
export interface ClientOptions {
  /** Where its key comes from; a pre-shared one is the machine's from now on, which wipes it. */
  readonly mode: ClientMode;
  /** `auto` when undefined; of no account where nothing is encrypted. */
  readonly cipher?: CipherChoice;
  /** Send KEEPALIVEs (`-k`). */
  readonly keepalive: boolean;
  /** Draws its session ids, and its keys. */
  readonly random: Random;
  /** The RESPONSE to a challenge. */
  readonly sealResponse: (keying: Keying, challenge: Uint8Array) => Uint8Array;
}
