import type { SessionCounts } from '../core/terms.js';
import type { CryptcabError } from '../error.js';
import type { Remote } from '../protocol/remote.js';
import type { EnrolAnswer, Introduction } from '../protocol/secure/control.js';
import type { Peer } from '../protocol/secure/peer.js';
import type { SecureDown, SecureGone } from '../protocol/secure/terms.js';

/** What the owner of a secure side does about its peers. */
export interface SecureHandlers {
  /** The handshake is done: with a port of the switch, frames can pass. */
  up(peer: Peer): void;
  down(peer: Peer, why: SecureDown): void;
  /** A stock WireGuard device has been asleep for so long that its port should be given back. */
  slept?(peer: Peer): void;
  /** A peer that is up is somewhere else now. */
  moved?(peer: Peer): void;
  /** Somebody calls whose public key is not known. Told once for each key. */
  stranger?(publicKey: Uint8Array, from: Remote): void;
  /** Handshakes came for another public key than this end's. Called seldom, however many come. */
  misdirected?(from: Remote, times: number): void;
  /** A handshake has come to new keys. */
  keyed?(): void;
  /** A peer is not known any more. @param counts what its link has carried, if it had one */
  left?(peer: Peer, counts: SessionCounts | undefined): void;
  /** A guest asks to be let in: to be answered, and its preshared key to be wiped. */
  enrol?(guest: Peer, introduction: Introduction): void;
  /** A peer has answered to an introduction. */
  verdict?(peer: Peer, answer: EnrolAnswer): void;
  /** One of several servers with one key has met a peer. @param timestamp of its last initiation, 12 bytes */
  met?(peer: Peer, timestamp: Uint8Array): void;
  /** An enrolled peer is removed. */
  gone?(peer: Peer, why: SecureGone): void;
  /** A call was sent, or refused by the system. @param refused why; undefined when it was sent */
  called?(to: Remote, refused: string | undefined): void;
  /** No answer for some seconds from one that is called; tried on. */
  noAnswer?(peer: Peer): void;
  /** Its address is one that no datagram of ours can go to. */
  noWay?(peer: Peer, error: CryptcabError): void;
  /** No answer for long; not tried any more until something wants it. */
  unanswered?(peer: Peer): void;
}
