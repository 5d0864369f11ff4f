// Programs: what their steps are, and what sessions they have.
import type { Suite } from './material.js';

/** What programs do: each is a method of World. */
export const OPERATIONS = [
  'open',
  'forge',
  'data',
  'fill',
  'process',
  'release',
  'giveBack',
  'secure',
  'host',
  'drop',
  'classic',
  'renew',
  'stream',
  'fetch',
  'tap',
  'control',
  'response',
  'tell',
] as const;
export type Operation = (typeof OPERATIONS)[number];

/** An operation and its numbers, each of which is taken for what it can be. */
export interface Step {
  readonly do: Operation;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

/** Those that wipe a session's record, or a part of it: then what was written where nothing belongs is gone as well. */
export const WIPING = new Set<Operation>(['secure', 'host', 'drop', 'classic', 'renew']);

export interface Session {
  readonly number: number;
  /** Of a secure session: whether it has been given a path or a keypair. */
  secure: boolean;
  suite: Suite | undefined;
  /** Whether a secure session is that of a host. */
  host: boolean;
  /** What its plug has said and nobody has read. */
  unread: Buffer;
}
