import type { PeerIdentity } from '../cable/plug/plug.js';
import type { Capturing } from '../control/capture-terms.js';
import type { EndReport } from '../control/status.js';
import type { Keying, SessionCounts } from '../core/terms.js';
import type { Remote } from '../protocol/remote.js';
import type { SecureRefusal } from '../protocol/secure/terms.js';

/** A cable end that runs. */
export interface Running {
  readonly local: Remote;
  /** How it moves frames and datagrams, for people. */
  readonly io: string;
  /**
   * Resolves when its plug and socket are known to work, or with what is waited for: a switch that does not answer yet.
   * Rejects with a CryptcabError when they cannot work.
   */
  readonly ready: Promise<string | undefined>;
  /** Why it is not up, as far as that is known: one line. */
  trouble(): string | undefined;
  /** Rejects with a CryptcabError when it cannot go on; resolves after close(). */
  readonly ended: Promise<void>;
  /** What each peer that is up has carried. */
  statistics(): PeerStatistics[];
  /** What its secure side has dropped of handshakes and of strangers' datagrams, by reason. */
  refusals(): ReadonlyMap<SecureRefusal, bigint>;
  /** Copies of what passes, for people to look at. */
  readonly captures: Capturing;
  /** All that it can say of itself now. */
  report(): EndReport;
  /**
   * Asks a peer of the secure cable whether it is there.
   * @param publicKey 44 characters
   * @returns how long the answer took, ms; undefined when none came for long
   * @throws CryptcabError for one that is not up, or answers no questions
   */
  ping(publicKey: string): Promise<number | undefined>;
  /** Takes everything down: plugs, keys, socket. */
  close(): Promise<void>;
}

export interface RunningClient extends Running {
  /** Resolves when the cable is up for the first time. */
  readonly up: Promise<void>;
}

export interface PeerStatistics extends SessionCounts, PeerIdentity {
  /** Of a secure peer: where it is. */
  readonly address?: string;
  /** What it is plugged into: the device of a tap, or `open`; undefined while its port of the switch is missing. */
  readonly port: string | undefined;
  /** What it may do on the network, as its line has it; undefined where nothing is limited. */
  readonly policy?: string;
  /** And how many of its frames that has refused, by reason, as it was last looked: every ten seconds. */
  readonly refusedByPolicy?: Readonly<Record<string, number>>;
  /** Of a secure peer of this program's kind: there and back, ms; undefined before it was measured. */
  readonly roundTrip?: number | undefined;
  /** And the part of the last questions to it that had no answer, 0 to 1. */
  readonly loss?: number | undefined;
}

/** A peer that is up. */
export interface PeerUp extends PeerIdentity {
  /** Where it is, as `192.0.2.1:7667` or `[2001:db8::1]:7667`. */
  readonly address: string;
  /** What its frames are sealed with; `plain`: with nothing. */
  readonly cipher: Keying['suite'] | 'secure';
  /** What it is plugged into, where that has a name of its own: a tap's device. */
  readonly device?: string;
}

/**
 * Why a peer is not up any more.
 * - `unknown`: the server has forgotten this client, which logs in again (classic.md §2.7)
 * - `silent`: nothing comes from the server any more; it is looked up again
 * - `expired`: nothing has come from the peer for long, and its session, or its keys, have run out
 * - `goodbye`: it has ended, and said so (secure.md §7)
 * - `moved`: the client has logged in from another address, or is at another server with the same key (secure.md §4.4)
 * - `removed`: it may not connect any more (secure.md §3)
 * - `disconnected`: this server has ended its session
 */
export type PeerDown = 'unknown' | 'silent' | 'expired' | 'goodbye' | 'moved' | 'removed' | 'disconnected';

/** Told what becomes of a cable, as it happens. */
export interface Watcher {
  /** Frames can pass: the handshake is done, and the port of the switch is open. */
  up(peer: PeerUp): void;
  down(peer: PeerIdentity, why: PeerDown): void;
  /** A peer's port of the switch was lost, or there is none for it; it is tried again. */
  unplugged(peer: PeerIdentity, why: string): void;
  plugged(peer: PeerIdentity): void;
}
