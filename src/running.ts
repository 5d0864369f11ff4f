import type { Keying, SessionCounts } from './core/core.js';
import type { Remote } from './protocol/remote.js';
import type { SecureRefusal } from './protocol/secure/terms.js';

/** A cable end that runs. */
export interface Running {
  readonly local: Remote;
  /** How it moves frames and datagrams, for people. */
  readonly io: string;
  /** Resolves when its plug and socket are known to work; rejects with a CryptcabError otherwise. */
  readonly ready: Promise<void>;
  /** Rejects with a CryptcabError when it cannot go on; resolves after close(). */
  readonly ended: Promise<void>;
  /** What each peer that is up has carried. */
  statistics(): PeerStatistics[];
  /** What its secure side has dropped of handshakes and of strangers' datagrams, by reason. */
  refusals(): ReadonlyMap<SecureRefusal, bigint>;
  /** Takes everything down: plugs, keys, socket. */
  close(): Promise<void>;
}

export interface RunningClient extends Running {
  /** Resolves when the cable is up for the first time. */
  readonly up: Promise<void>;
}

export interface PeerStatistics extends SessionCounts {
  /** Its address; of a secure peer its name and the beginning of its public key. */
  readonly peer: string;
  /** Of a secure peer: where it is. */
  readonly address?: string;
}

/** A peer that is up. */
export interface PeerUp {
  /** As in its statistics: its address; of a secure peer its name and the beginning of its public key. */
  readonly peer: string;
  /** Where it is, as `192.0.2.1:7667` or `[2001:db8::1]:7667`. */
  readonly address: string;
  /** What its frames are sealed with; `plain`: with nothing. */
  readonly cipher: Keying['suite'] | 'secure';
}

/**
 * Why a peer is not up any more.
 * - `unknown`: the server has forgotten this client, which logs in again (classic-protocol §2)
 * - `silent`: nothing comes from the server any more; it is looked up again
 * - `expired`: nothing has come from the peer for long, and its session, or its keys, have run out
 * - `moved`: the client has logged in from another address
 * - `removed`: it may not connect any more (secure-protocol §3)
 */
export type PeerDown = 'unknown' | 'silent' | 'expired' | 'moved' | 'removed';

/** Told what becomes of a cable, as it happens. */
export interface Watcher {
  /** Frames can flow. */
  up(peer: PeerUp): void;
  down(peer: string, why: PeerDown): void;
  /** A peer's port of the switch was lost, and is tried again. */
  unplugged(peer: string, why: string): void;
  plugged(peer: string): void;
}

/** A promise, and what settles it. Rejected without anybody waiting, it is no unhandled rejection. */
export function deferred(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve = () => {};
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
