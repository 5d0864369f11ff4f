import type { Keying } from '../../core/terms.js';
import { sameBytes } from '../bytes.js';
import { RateLimit } from '../rate-limit.js';
import { type Remote, remoteKey } from '../remote.js';
import { SteadyClock } from '../steady-clock.js';
import {
  ANSWER_RATE,
  CHALLENGE_BYTES,
  CHALLENGE_LIFETIME,
  PEERS_MAX,
  RESPONSE_BYTES,
  SESSION_LIFETIME,
  SOURCES_MAX,
  STRANGER_RATE,
  UNPROVEN_MAX,
} from './constants.js';
import { authOk, challenge, classify, deny, loginId, type Message } from './messages.js';
import { keyingsFor, type Random, type Secret, wipe } from './session-key.js';

/**
 * Where the server is with a peer.
 * - unknown: no record is kept of such a peer
 * - challenged: CHALLENGE is sent
 * - up: frames flow
 * - rechallenged: it logs in again; frames flow until it has proved its key, and on if it does not,
 *   because a LOGIN is anybody's to forge
 */
export const PEER_STATES = ['unknown', 'challenged', 'up', 'rechallenged'] as const;
/** One of them. */
export type PeerState = (typeof PEER_STATES)[number];

/** Why a peer was refused. */
export type ServerRefusal =
  | 'no key'
  | 'wrong key'
  | 'not encrypted'
  | 'encrypted'
  | 'no cipher'
  | 'short key'
  | 'not logged in'
  | 'table full'
  | 'too many logins';

/** Why a client has no session any more: nothing has come from it for long, it has logged in from elsewhere, or this end has ended it. */
export type ClassicDown = 'expired' | 'moved' | 'disconnected';

/** What the host is to do, in order. */
export type ServerEffect =
  | { readonly do: 'send'; readonly to: Remote; readonly datagram: Uint8Array }
  /** A peer proved its key: give it a session and a switch port. The key stays the server's. */
  | { readonly do: 'plug'; readonly peer: Remote; readonly id: string; readonly keying: Keying }
  /** A peer that has both logged in again: key its session again. */
  | { readonly do: 'rekey'; readonly peer: Remote; readonly id: string; readonly keying: Keying }
  /** Take both away. */
  | { readonly do: 'unplug'; readonly peer: Remote; readonly why: ClassicDown }
  /** For the log: a peer was refused. */
  | { readonly do: 'refused'; readonly peer: Remote; readonly why: ServerRefusal };

/** The options of a server of the classic protocol. */
export interface ServerOptions {
  /** Draws its challenges. */
  readonly random: Random;
  /** The secret of a session id, as far as the server has it: the machine's own, which it wipes. */
  readonly keyFor: (id: string) => Secret | undefined;
  /** Whether a RESPONSE, its type byte included, answers a challenge. */
  readonly verifyResponse: (keying: Keying, response: Uint8Array, challenge: Uint8Array) => boolean;
  /** Peers with a session, at most; default: 4096. */
  readonly peersMax?: number;
  /** Peers that have not proved their key yet, at most; default: 1024 (classic.md §5.3). */
  readonly unprovenMax?: number;
}

interface Pending {
  readonly id: string;
  readonly secret: Secret;
  readonly challenge: Uint8Array;
  /** The one that its peer was sent before and has not answered either: a RESPONSE to it is late, and good (§2.3). */
  readonly earlier: Uint8Array | undefined;
  readonly expires: number;
}

interface Session {
  readonly id: string;
  readonly secret: Secret;
  readonly response: Uint8Array;
  /** The challenges that are done with: a RESPONSE to one of them is late, and proves nothing any more. */
  readonly challenges: readonly Uint8Array[];
}

interface Peer {
  /** As its last accepted RESPONSE named it: that says which of our addresses it asks. */
  remote: Remote;
  /** A challenge that it has not answered yet. */
  pending: Pending | undefined;
  /** What it has proved. */
  session: Session | undefined;
  /** When the session ends unless something is heard. */
  expires: number;
}

type Action = (server: Machine, now: number, from: Remote, datagram: Uint8Array) => void;

const ignore: Action = () => {};
const logIn: Action = (server, now, from, datagram) => server.logIn(now, from, datagram);
const refuse: Action = (server, now, from, datagram) => server.refuse(now, from, datagram, 'not logged in');
const prove: Action = (server, now, from, datagram) => server.prove(now, from, datagram);
const hear: Action = (server, now, from) => server.hear(now, from);
const noCipher: Action = (server, _now, from) => server.noCipher(from);

/**
 * What each message does in each state of its sender, and what the passing of its time does. What only a
 * server sends is never answered: two servers would answer each other for ever.
 */
export const SERVER_TABLE: Readonly<Record<PeerState, Readonly<Record<Message | 'expiry', Action>>>> = {
  unknown: {
    login: logIn,
    challenge: ignore,
    response: refuse,
    authOk: ignore,
    deny: ignore,
    keepalive: refuse,
    data: refuse,
    empty: ignore,
    other: ignore,
    expiry: ignore,
  },
  challenged: {
    login: logIn,
    challenge: ignore,
    response: prove,
    authOk: ignore,
    deny: ignore,
    keepalive: refuse,
    data: refuse,
    empty: noCipher,
    other: ignore,
    expiry: (server, _now, from) => server.dropPending(from),
  },
  up: {
    login: logIn,
    challenge: ignore,
    response: (server, _now, from, datagram) => server.confirmAgain(from, datagram),
    authOk: ignore,
    deny: ignore,
    keepalive: hear,
    data: ignore, // the host opens it, and says heard() when it was authentic
    empty: ignore,
    other: ignore,
    expiry: (server, _now, from) => server.unplug(from, 'expired'),
  },
  rechallenged: {
    login: logIn,
    challenge: ignore,
    response: prove,
    authOk: ignore,
    deny: ignore,
    keepalive: hear,
    data: ignore,
    empty: noCipher,
    other: ignore,
    expiry: (server, now, from) => server.expire(now, from),
  },
};

/** What is wrong with a RESPONSE of this length, none of whose keyings held. */
function whyRefused(secret: Secret, length: number): ServerRefusal {
  if (secret === 'none') return length === RESPONSE_BYTES.plain ? 'wrong key' : 'encrypted';
  if (length === RESPONSE_BYTES.plain) return 'not encrypted';
  return length === RESPONSE_BYTES.chacha20 && keyingsFor(secret, length).length === 0
    ? 'short key'
    : 'wrong key';
}

class Machine {
  readonly effects: ServerEffect[] = [];
  readonly #options: ServerOptions;
  readonly #peers = new Map<string, Peer>();
  /** Those of #peers with a challenge, the oldest first. */
  readonly #pending = new Map<string, Peer>();
  readonly #challenges = new RateLimit(ANSWER_RATE.source, ANSWER_RATE.total, SOURCES_MAX);
  readonly #denials = new RateLimit(ANSWER_RATE.source, ANSWER_RATE.total, SOURCES_MAX);
  /** By address and port. */
  readonly #strangers = new RateLimit(STRANGER_RATE, ANSWER_RATE.total, SOURCES_MAX);

  constructor(options: ServerOptions) {
    this.#options = options;
  }

  stateOf(from: Remote): PeerState {
    const peer = this.#peers.get(remoteKey(from));
    if (peer === undefined) return 'unknown';
    if (peer.session === undefined) return 'challenged';
    return peer.pending === undefined ? 'up' : 'rechallenged';
  }

  /** Peers with a session. */
  get up(): number {
    let count = 0;
    for (const peer of this.#peers.values()) if (peer.session !== undefined) count++;
    return count;
  }

  /** Remotes of whom something has expired. */
  expired(now: number): Remote[] {
    const remotes: Remote[] = [];
    for (const { remote, session, expires, pending } of this.#peers.values()) {
      if ((session && now >= expires) || (pending && now >= pending.expires)) remotes.push(remote);
    }
    return remotes;
  }

  logIn(now: number, from: Remote, datagram: Uint8Array): void {
    if (!this.#challenges.allow(now, from.address)) {
      this.#refused(from, 'too many logins');
      return;
    }
    const id = loginId(datagram) as string;
    const secret = this.#secretOf(id);
    if (secret === undefined) {
      this.refuse(now, from, datagram, 'no key');
      return;
    }
    const key = remoteKey(from);
    let peer = this.#peers.get(key);
    // The same client again before it answered: the challenge, or its RESPONSE, was lost. Another
    // challenge would make the RESPONSE that is under way a wrong one.
    const standing = peer?.pending?.id === id ? peer.pending.challenge : undefined;
    const bytes = standing ?? this.#options.random(CHALLENGE_BYTES);
    if (peer === undefined) {
      peer = { remote: from, pending: undefined, session: undefined, expires: Infinity };
      this.#peers.set(key, peer);
    }
    const old = peer.pending;
    const earlier = standing === undefined ? old?.challenge : old?.earlier;
    peer.pending = { id, secret, challenge: bytes, earlier, expires: now + CHALLENGE_LIFETIME };
    this.#pending.delete(key);
    this.#pending.set(key, peer);
    if (old !== undefined) this.#wipeUnlessUsed(old.secret);
    this.#boundPending();
    this.effects.push({ do: 'send', to: from, datagram: challenge(bytes) });
  }

  prove(now: number, from: Remote, datagram: Uint8Array): void {
    const key = remoteKey(from);
    const peer = this.#peers.get(key) as Peer;
    const pending = peer.pending as Pending;
    // The RESPONSE that brought it up, once more and late: it is no answer to this challenge.
    if (peer.session !== undefined && sameBytes(peer.session.response, datagram)) return;
    const { id, secret } = pending;
    const challenges = pending.earlier ? [pending.challenge, pending.earlier] : [pending.challenge];
    const keying = this.#proven(secret, datagram, challenges);
    if (keying === undefined) {
      if (this.#isLate(peer, datagram)) return;
      this.dropPending(from);
      this.refuse(now, from, datagram, whyRefused(secret, datagram.length));
      return;
    }
    // A client whose address changed: what it had under the old one is nobody's now.
    for (const other of this.#peers.values()) {
      if (other !== peer && other.session?.id === pending.id) this.unplug(other.remote, 'moved');
    }
    const again = peer.session !== undefined;
    if (!again && this.up >= (this.#options.peersMax ?? PEERS_MAX)) {
      this.dropPending(from);
      this.refuse(now, from, datagram, 'table full');
      return;
    }
    const old = peer.session?.secret;
    peer.pending = undefined;
    peer.remote = from;
    this.#pending.delete(key);
    peer.session = { id, secret, response: datagram.slice(), challenges };
    if (old !== undefined) this.#wipeUnlessUsed(old);
    this.hear(now, from);
    this.effects.push({ do: again ? 'rekey' : 'plug', peer: from, id, keying });
    this.confirm(from);
  }

  /** A RESPONSE of a peer that is up: the AUTH_OK was lost, unless the peer has another key than its session (§2.3). */
  confirmAgain(from: Remote, datagram: Uint8Array): void {
    const peer = this.#peers.get(remoteKey(from)) as Peer;
    if (sameBytes((peer.session as Session).response, datagram) || this.#isLate(peer, datagram))
      this.confirm(from);
  }

  /** Whether a RESPONSE answers a challenge that is done with. */
  #isLate({ session }: Peer, response: Uint8Array): boolean {
    return session !== undefined && this.#proven(session.secret, response, session.challenges) !== undefined;
  }

  /** How a RESPONSE was sealed that answers one of these challenges; undefined when it answers none. */
  #proven(secret: Secret, response: Uint8Array, challenges: readonly Uint8Array[]): Keying | undefined {
    return keyingsFor(secret, response.length).find((keying) =>
      challenges.some((challenge) => this.#options.verifyResponse(keying, response, challenge)),
    );
  }

  /** Nothing in answer to a CHALLENGE: that is how a C program does whose OpenSSL has no Blowfish (§7.4). */
  noCipher(from: Remote): void {
    this.#refused(from, 'no cipher'); // and no DENY: it would be longer than what it answers
  }

  confirm(to: Remote): void {
    this.effects.push({ do: 'send', to, datagram: authOk() });
  }

  hear(now: number, from: Remote): void {
    const peer = this.#peers.get(remoteKey(from));
    if (peer !== undefined) peer.expires = now + SESSION_LIFETIME;
  }

  /** DENY: this is how the clients of a restarted server learn (§2.7). Never longer than what it answers. */
  refuse(now: number, from: Remote, datagram: Uint8Array, why: ServerRefusal): void {
    if (why === 'not logged in' && !this.#strangers.allow(now, remoteKey(from))) return;
    if (!this.#denials.allow(now, from.address)) return;
    this.#refused(from, why);
    this.effects.push({ do: 'send', to: from, datagram: deny(datagram.length) });
  }

  /** A peer with a challenge and a session: which of the two has run out? */
  expire(now: number, from: Remote): void {
    const peer = this.#peers.get(remoteKey(from)) as Peer;
    if (peer.pending && now >= peer.pending.expires) this.dropPending(from);
    if (now >= peer.expires) this.unplug(from, 'expired');
  }

  dropPending(from: Remote): void {
    const key = remoteKey(from);
    const peer = this.#peers.get(key) as Peer;
    this.#forgetPending(peer);
    if (peer.session === undefined) this.#peers.delete(key);
  }

  unplug(from: Remote, why: ClassicDown): void {
    const key = remoteKey(from);
    const peer = this.#peers.get(key) as Peer;
    this.#peers.delete(key);
    this.#forgetPending(peer);
    const secret = peer.session?.secret;
    peer.session = undefined;
    if (secret !== undefined) this.#wipeUnlessUsed(secret);
    this.effects.push({ do: 'unplug', peer: from, why });
  }

  /** Wipes all keys. */
  end(): void {
    for (const { session, pending } of this.#peers.values()) {
      if (session) wipe(session.secret);
      if (pending) wipe(pending.secret);
    }
    this.#peers.clear();
    this.#pending.clear();
  }

  #refused(peer: Remote, why: ServerRefusal): void {
    this.effects.push({ do: 'refused', peer, why });
  }

  /** The file of a key that came by scp is removed when the key has been proved (§4.2): after that, those who logged in have it. */
  #secretOf(id: string): Secret | undefined {
    for (const { session, pending } of this.#peers.values()) {
      if (session?.id === id) return session.secret;
      if (pending?.id === id) return pending.secret;
    }
    return this.#options.keyFor(id);
  }

  #forgetPending(peer: Peer): void {
    const pending = peer.pending;
    if (pending === undefined) return;
    peer.pending = undefined;
    this.#pending.delete(remoteKey(peer.remote));
    this.#wipeUnlessUsed(pending.secret);
  }

  #wipeUnlessUsed(secret: Secret): void {
    for (const { session, pending } of this.#peers.values()) {
      if (session?.secret === secret || pending?.secret === secret) return;
    }
    wipe(secret);
  }

  #boundPending(): void {
    if (this.#pending.size <= (this.#options.unprovenMax ?? UNPROVEN_MAX)) return;
    for (const oldest of this.#pending.values()) {
      this.dropPending(oldest.remote);
      break;
    }
  }
}

/**
 * The server's side of the 4-way handshake and its timers (classic.md §2.3), without I/O: it takes
 * what happened and when, and `take` returns what to do about it. Times are milliseconds of any clock; should it
 * jump, the cables come back by themselves.
 */
export class ClassicServer {
  readonly #machine: Machine;
  readonly #clock = new SteadyClock();

  constructor(options: ServerOptions) {
    this.#machine = new Machine(options);
  }

  /** What the server knows of the sender of a datagram. */
  stateOf(from: Remote): PeerState {
    return this.#machine.stateOf(from);
  }

  /** A datagram came. */
  receive(now: number, from: Remote, datagram: Uint8Array): void {
    const inside = this.#clock.inside(now);
    SERVER_TABLE[this.stateOf(from)][classify(datagram)](this.#machine, inside, from, datagram);
  }

  /** Authentic DATA came from a peer that is up. */
  heard(now: number, from: Remote): void {
    this.#machine.hear(this.#clock.inside(now), from);
  }

  /** Time has passed: to be said every second or so. */
  tick(now: number): void {
    const inside = this.#clock.inside(now);
    for (const remote of this.#machine.expired(inside)) {
      SERVER_TABLE[this.stateOf(remote)].expiry(this.#machine, inside, remote, new Uint8Array());
    }
  }

  /** Ends the session of a client that is up; it may log in again. */
  disconnect(client: Remote): void {
    if (['up', 'rechallenged'].includes(this.stateOf(client))) this.#machine.unplug(client, 'disconnected');
  }

  /** What to do now. */
  take(): ServerEffect[] {
    return this.#machine.effects.splice(0);
  }

  /** Ends it and wipes all keys. */
  end(): void {
    this.#machine.end();
  }
}
