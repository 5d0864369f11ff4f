import type { SessionCounts } from './core/core.js';
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
