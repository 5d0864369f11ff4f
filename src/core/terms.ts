// What is said of sessions: types and words, which need neither the module nor a memory.
import type { Refusal } from './status.js';

/** What a session has carried so far, since it was made; 64 bits each. */
export interface SessionCounts {
  /** Frames sealed for the peer. */
  readonly sealed: bigint;
  /** Their bytes. */
  readonly sealedBytes: bigint;
  /** Frames of the peer that were opened. */
  readonly opened: bigint;
  /** Their bytes. */
  readonly openedBytes: bigint;
  /** Frames and datagrams that were refused, by reason, in both directions. */
  readonly refused: Readonly<Partial<Record<Refusal, bigint>>>;
  /** Frames dropped because the switch did not take them. */
  readonly droppedBySwitch: bigint;
  /** Datagrams dropped because the ring was full, or because they were longer than any frame sealed. */
  readonly droppedUnopened: bigint;
}

/**
 * How a session seals (classic.md §3): not at all (`-x`), Blowfish with the 24 bytes of a key file, or
 * ChaCha20 with the first 32 of one, from the block of key stream on that the C program's build begins with.
 */
export type Keying =
  | { readonly suite: 'plain' }
  | { readonly suite: 'blowfish'; readonly key: Uint8Array }
  | { readonly suite: 'chacha20'; readonly key: Uint8Array; readonly block: 0 | 12 };

/** The keys of one keypair of the secure cable, 32 bytes each, and the indices that its datagrams bear and that ours bear. */
export interface TransportKeys {
  /** Seals what this end sends. */
  readonly send: Uint8Array;
  /** Opens what comes. */
  readonly receive: Uint8Array;
  /** The receiver's index that the peer's datagrams bear, 32 bits. */
  readonly local: number;
  /** The one that ours bear. */
  readonly remote: number;
}

/** Messages of the secure cable that were opened, or sealed. */
export interface SessionNews {
  /** Whether they were sealed; they were opened else. */
  readonly sealed: boolean;
  /** Whether one of them had a payload. */
  readonly data: boolean;
}

/** What became of the fragments of the peer's frames, since the session was made; 64 bits each. */
export interface FragmentCounts {
  /** Fragments that came, and were not the last of their frame: the datagrams of these are as large as any. */
  readonly leading: bigint;
  /** Frames of which a fragment did not come; also among SessionCounts.refused. */
  readonly incomplete: bigint;
}

/** A source address of frames that came from a peer. */
export interface SeenAddress {
  /** 6 bytes. */
  readonly address: Uint8Array;
  /** How long ago it was seen last, ms. */
  readonly ago: number;
}

/** A keying's name, for people. */
export function keyingText(keying: Keying): string {
  if (keying.suite === 'plain') return 'none';
  return keying.suite === 'blowfish' ? 'blowfish' : `chacha20, block counter ${keying.block}`;
}
