import type { Race } from '../race.js';
import { type Remote, remoteKey } from '../remote.js';
import { copyKey } from '../secret.js';
import { PLACES, REJECT_AFTER_TIME } from './constants.js';
import type { Introduction } from './control.js';
import { CookieHolder } from './cookie.js';
import { Liveness } from './liveness.js';
import type { KeyPair, SymmetricState } from './noise.js';

/** Somebody who may connect, for the host: the machine's own record, of which it shows this much. */
export interface Peer {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** For the log. */
  readonly name: string;
  /** Whether it is gone when it is silent (secure.md §3.4). */
  readonly enrolled: boolean;
  /** Whether it may enrol and no more (secure.md §8): it gets no port of the switch. */
  readonly guest: boolean;
  /** Where its last authentic datagram came from; before that, where it was said to be. */
  readonly endpoint: Remote | undefined;
  /** Where it may be: there, and at the other addresses of its name. */
  readonly whereabouts: readonly Remote[];
  /** The place of the keypair that seals; undefined while none does. */
  readonly sealing: number | undefined;
  /** What it says of itself; undefined before it has. */
  readonly hello: Hello | undefined;
  /** There and back, smoothed, ms; undefined before it was measured. */
  readonly roundTrip: number | undefined;
  /** The part of the last questions that was not answered, 0 to 1; undefined before one ended. */
  readonly loss: number | undefined;
  /** When something authentic came of it last, ms; undefined where nothing has. */
  readonly heardAt: number | undefined;
}

/** What an end says of itself once it is up. */
export interface Hello {
  /** Of what it says: 1. */
  readonly version: number;
  /** A bit each, CAPABILITY of control.ts. */
  readonly capabilities: number;
  /** Where it sees us; empty where it does not say. */
  readonly seenAt: string;
}

/** One handshake's keys, which are in a place of the peer's session in the core. */
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
  readonly datagram: Uint8Array;
  /** Addresses of the peer's that are sent the same message while none has answered. */
  readonly race: Race<Remote>;
}

export const TIMERS = ['retry', 'keepalive', 'silence', 'erase', 'gone', 'guest'] as const;
export type Timer = (typeof TIMERS)[number];

/** What the machine knows of a peer. */
export class PeerState implements Peer {
  endpoint: Remote | undefined;
  /** All that its name stands for. */
  addresses: readonly Remote[] = [];
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
    guest: Infinity,
  };
  up = false;
  /** When the handshake that is under way is given up. */
  giveUp = Infinity;
  initiationSent = -Infinity;
  /** Initiations sent before that one of the same handshake, without an answer. */
  attempts = 0;
  initiationTaken = -Infinity;
  resolved = -Infinity;
  /** And not before. */
  resolveFrom = -Infinity;
  /** Of the last initiation that was taken. */
  timestamp: Uint8Array = new Uint8Array(12);
  /** Initiations with older timestamps that have come since anything else did: since when, and the last one's. */
  older: { readonly since: number; timestamp: Uint8Array } | undefined;
  /** Initiations that were answered since a handshake was last finished. */
  unfinished = 0;
  /** Whether the current keypair's last seconds have made us begin a handshake. */
  lastMinute = false;
  /** The keypair of the peer's handshake, where it began one while ours was under way: it seals with that, and we with ours. */
  crossed: Keypair | undefined;
  hello: Hello | undefined;
  /** Whether its last initiation says that it understands control records. */
  speaks = false;
  /** HELLOs of ours since it is up, and when one without an answer is said again. */
  greetings = 0;
  greetAt = Infinity;
  readonly liveness = new Liveness();
  /** What we say to it of ourselves, as its guest, until it has answered. */
  introduction: Introduction | undefined;
  /** Questions whose answers somebody waits for. */
  readonly awaited = new Set<bigint>();
  heardAt: number | undefined;
  /** When a peer that this end calls went away; undefined where it is back, or was not there yet. */
  leftAt: number | undefined;
  /** When this end last told it to leave. */
  toldAt = -Infinity;

  constructor(
    readonly publicKey: Uint8Array,
    public name: string,
    readonly enrolled: boolean,
    readonly preshared: Uint8Array,
    readonly staticShared: Uint8Array,
    endpoint: Remote | undefined,
    readonly eager: boolean,
    readonly guest: boolean,
    introduction: Introduction | undefined,
  ) {
    if (introduction !== undefined)
      this.introduction = { ...introduction, presharedKey: copyKey(introduction.presharedKey) };
    this.cookie = new CookieHolder(publicKey);
    this.endpoint = endpoint;
  }

  /** It has answered, or is removed. */
  introduced(): void {
    this.introduction?.presharedKey.fill(0);
    this.introduction = undefined;
  }

  get sealing(): number | undefined {
    return this.current?.place;
  }

  get roundTrip(): number | undefined {
    return this.liveness.roundTrip;
  }

  get loss(): number | undefined {
    return this.liveness.loss;
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

  /** Where an initiation is to go, in this order; it begins with another one each time that none has answered. */
  get whereabouts(): Remote[] {
    const { endpoint } = this;
    if (endpoint === undefined) return [];
    const all = [endpoint, ...this.addresses.filter((one) => remoteKey(one) !== remoteKey(endpoint))];
    const first = this.attempts % all.length;
    return [...all.slice(first), ...all.slice(0, first)];
  }

  /** When the first of its timers is due, another of its addresses should be tried, or the first of its keypairs has to go. */
  get deadline(): number {
    return Math.min(
      ...Object.values(this.timers),
      this.handshake?.race.due ?? Infinity,
      ...this.keypairs.map(({ created }) => created + REJECT_AFTER_TIME),
    );
  }
}
