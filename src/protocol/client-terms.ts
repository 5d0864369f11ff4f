import type { Keying } from '../core/core.js';
import type { Cipher, Random } from './session-key.js';

// What a client of the classic protocol is told, and what it answers: the terms of classic-client.ts.

/**
 * Where a client stands.
 * - closed: nothing is under way; the timer, if any, goes on
 * - resolving: the host looks for the server's address
 * - enrolling: the host carries the key to the server
 * - opening: LOGIN is sent
 * - waiting: RESPONSE is sent
 * - up: frames flow
 */
export const CLIENT_STATES = ['closed', 'resolving', 'enrolling', 'opening', 'waiting', 'up'] as const;
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
  /** The system could not send a datagram. */
  'sendFailed',
  /** A datagram of more than ORIGINAL_DATAGRAM_MAX bytes was sent. */
  'large',
  /** The time that `deadline` names has come. */
  'timer',
] as const;
/** One of them. */
export type ClientEvent = (typeof CLIENT_EVENTS)[number];

/** Why a client does not come up. */
export type ClientFailure =
  | 'no such host'
  | 'key not carried'
  | 'no key at server'
  | 'wrong key'
  | 'wants encryption';

/** What the host is to do, in order. */
export type ClientEffect =
  | { readonly do: 'send'; readonly datagram: Uint8Array }
  /** Find the server's address, another one if there is; then say resolved or resolveFailed. */
  | { readonly do: 'resolve' }
  /** Carry this key to the server under this id, and wipe it; then say enrolled or enrolFailed. */
  | { readonly do: 'enrol'; readonly id: string; readonly key: Uint8Array }
  /** The cable is up: key its session. The key stays the client's. */
  | { readonly do: 'up'; readonly keying: Keying }
  /** The cable is down, the server does not know us or is silent: take the session's key away. */
  | { readonly do: 'down'; readonly why: 'unknown' | 'silent' }
  /** Bind the socket anew, to whatever address this end now has; then say resolved or resolveFailed. */
  | { readonly do: 'reconnect' }
  /** The server is a C program: it cuts datagrams at ORIGINAL_DATAGRAM_MAX bytes. */
  | { readonly do: 'cut' }
  /** The server said no. It is tried again, unless 'fail' follows. */
  | { readonly do: 'denied'; readonly why: ClientFailure }
  /** A LOGIN stays without an answer. */
  | { readonly do: 'unanswered' }
  /** It is no use to try again. */
  | { readonly do: 'fail'; readonly why: ClientFailure };

/**
 * Where its key comes from.
 * - preshared: both ends have the key
 * - random: a new key for each attempt, carried by the host (§4)
 * - plain: no encryption; a key is carried only if the server asks for one (§3)
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
  /** Blowfish when undefined; of no account where nothing is encrypted. */
  readonly cipher?: Cipher;
  /** Send KEEPALIVEs (`-k`). */
  readonly keepalive: boolean;
  /** Draws its session ids, and its keys. */
  readonly random: Random;
  /** The RESPONSE to a challenge. */
  readonly sealResponse: (keying: Keying, challenge: Uint8Array) => Uint8Array;
}
