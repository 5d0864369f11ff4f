import type { Remote } from '../remote.js';
import { PLACES, REJECT_AFTER_TIME } from './constants.js';
import { CookieHolder } from './cookie.js';
import type { KeyPair, SymmetricState } from './noise.js';

/** Somebody who may connect, for the host: the machine's own record, of which it shows this much. */
export interface Peer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** For the log. */
  readonly name: string;
  /** Whether it is gone when it is silent (secure-protocol §3). */
  readonly enrolled: boolean;
  /** Where its last authentic datagram came from; before that, where it was said to be. */
  readonly endpoint: Remote | undefined;
  /** The place of the keypair that seals; undefined while none does. */
  readonly sealing: number | undefined;
}

/** One handshake's keys, which stand in a place of the peer's session in the core. */
export interface Keypair {
  readonly place: number;
  /** Receiver's index of what comes under it. */
  readonly local: number;
  /** Whether we began the handshake: who began renews it. */
  readonly initiator: boolean;
  readonly created: number;
}

/** An initiation of ours that waits for its response. */
export interface Handshake {
  readonly index: number;
  readonly state: SymmetricState;
  readonly ephemeral: KeyPair;
}

export const TIMERS = ['retry', 'keepalive', 'silence', 'erase', 'gone'] as const;
export type Timer = (typeof TIMERS)[number];

/** What the machine knows of a peer. */
export class PeerState implements Peer {
  endpoint: Remote | undefined;
  readonly cookie: CookieHolder;
  handshake: Handshake | undefined;
  previous: Keypair | undefined;
  current: Keypair | undefined;
  /** A keypair of a handshake that the peer began: current when something authentic comes under it. */
  next: Keypair | undefined;
  /** When each is due, ms; Infinity when it is not set. */
  readonly timers: Record<Timer, number> = {
    retry: Infinity,
    keepalive: Infinity,
    silence: Infinity,
    erase: Infinity,
    gone: Infinity,
  };
  up = false;
  /** When the handshake that is under way is given up. */
  giveUp = Infinity;
  initiationSent = -Infinity;
  initiationTaken = -Infinity;
  resolved = -Infinity;
  /** Of the last initiation that was taken. */
  timestamp: Uint8Array = new Uint8Array(12);
  /** Whether the current keypair's last seconds have made us begin a handshake. */
  lastMinute = false;

  constructor(
    readonly publicKey: Uint8Array,
    readonly name: string,
    readonly enrolled: boolean,
    readonly preshared: Uint8Array,
    readonly staticShared: Uint8Array,
    endpoint: Remote | undefined,
  ) {
    this.cookie = new CookieHolder(publicKey);
    this.endpoint = endpoint;
  }

  get sealing(): number | undefined {
    return this.current?.place;
  }

  get keypairs(): Keypair[] {
    return [this.previous, this.current, this.next].filter((one) => one !== undefined);
  }

  /** A place without a keypair; one is always made free first. */
  freePlace(): number {
    const taken = this.keypairs.map(({ place }) => place);
    for (let place = 0; place < PLACES; place++) if (!taken.includes(place)) return place;
    throw new RangeError('all places are taken');
  }

  /** When the first of its timers is due, or the first of its keypairs has to go. */
  get deadline(): number {
    return Math.min(
      ...Object.values(this.timers),
      ...this.keypairs.map(({ created }) => created + REJECT_AFTER_TIME),
    );
  }
}
