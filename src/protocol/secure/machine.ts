import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { TransportKeys } from '../../core/core.js';
import { type Remote, remoteKey } from '../remote.js';
import type { Random } from '../session-key.js';
import {
  ENROLLED_LIFETIME,
  ERASE_AFTER_TIME,
  IDENTIFIER,
  INITIATION_INTERVAL,
  JITTER,
  KEEPALIVE_TIMEOUT,
  KEY_BYTES,
  MESSAGE,
  REJECT_AFTER_TIME,
  REKEY_AFTER_MESSAGES,
  REKEY_AFTER_TIME,
  REKEY_ATTEMPT_TIME,
  REKEY_TIMEOUT,
  RESOLVE_INTERVAL,
  SILENCE_TIMEOUT,
} from './constants.js';
import { Gate } from './gate.js';
import {
  firstIndexOf,
  handshakeType,
  initiation,
  initiationParts,
  receiverOf,
  response,
  responseParts,
  senderOf,
} from './messages.js';
import {
  agree,
  begin,
  copyState,
  type KeyPair,
  keyPair,
  readInitiator,
  readPayload,
  readResponse,
  type SymmetricState,
  split,
  wipeState,
  writeInitiation,
  writeResponse,
} from './noise.js';
import { type Keypair, type Peer, PeerState } from './peer.js';
import { later, Timestamps } from './tai64n.js';
import type { PeerOptions, SecureEffect, SecureOptions, SecureRefusal } from './terms.js';

/** An index that we gave out: of an initiation that waits, or of a keypair. */
interface Index {
  readonly peer: PeerState;
  keypair: Keypair | undefined;
}

/** What a reader returns; undefined where it throws, as it does for what is not authentic. */
function authentic(read: () => Uint8Array): Uint8Array | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/**
 * One end of the secure cable, without I/O: the handshake, timers and cookies of WireGuard (secure-protocol §1). It is
 * the same for both ends; who has something to send, and no key, begins. It is told what happened and when, and `take`
 * tells what to do about it. Times are milliseconds of any clock that does not jump.
 *
 * Transport messages do not pass through it: the host asks `route` whose one is, has the core open it, and says
 * `opened` when it was authentic; and `sealed` when it has sent one.
 */
export class SecureMachine {
  readonly #own: KeyPair;
  readonly #random: Random;
  readonly #index: (peer: Peer, drawn: number) => number;
  readonly #unixTime: () => number;
  readonly #timestamps = new Timestamps();
  readonly #gate: Gate;
  readonly #prologue = utf8ToBytes(IDENTIFIER);
  readonly #peers = new Map<string, PeerState>();
  readonly #indices = new Map<number, Index>();
  readonly #refused = new Map<SecureRefusal, bigint>();
  #effects: SecureEffect[] = [];

  /** @throws RangeError for a private key that has not 32 bytes */
  constructor({ privateKey, random, index, unixTime }: SecureOptions) {
    if (privateKey.length !== KEY_BYTES) throw new RangeError('a private key has 32 bytes');
    this.#own = keyPair(privateKey.slice());
    this.#random = random;
    this.#index = index ?? ((_peer, drawn) => drawn);
    this.#unixTime = unixTime;
    this.#gate = new Gate(this.#own.public, random);
  }

  /** Of this end, 32 bytes. */
  get publicKey(): Uint8Array {
    return this.#own.public;
  }

  /** Who may connect. */
  get peers(): readonly Peer[] {
    return [...this.#peers.values()];
  }

  /** Datagrams dropped, by reason. */
  get refused(): ReadonlyMap<SecureRefusal, bigint> {
    return this.#refused;
  }

  /** When tick() has something to do at the earliest, ms; Infinity when nothing is due. */
  get deadline(): number {
    return Math.min(Infinity, ...[...this.#peers.values()].map((peer) => peer.deadline));
  }

  /**
   * From now on this one may connect.
   * @throws RangeError for keys of another length, a public key that is none, our own, or one that is there already
   */
  addPeer(now: number, options: PeerOptions): Peer {
    const { publicKey, presharedKey, endpoint, name, enrolled = false } = options;
    if (publicKey.length !== KEY_BYTES) throw new RangeError('a public key has 32 bytes');
    if (presharedKey !== undefined && presharedKey.length !== KEY_BYTES)
      throw new RangeError('a preshared key has 32 bytes');
    const id = bytesToHex(publicKey);
    if (id === bytesToHex(this.#own.public)) throw new RangeError('this public key is our own');
    if (this.#peers.has(id)) throw new RangeError('this public key is there already');
    let shared: Uint8Array;
    try {
      shared = agree(this.#own.secret, publicKey);
    } catch {
      throw new RangeError('this is no public key');
    }
    const peer = new PeerState(
      publicKey.slice(),
      name ?? id.slice(0, 8),
      enrolled,
      presharedKey?.slice() ?? new Uint8Array(KEY_BYTES),
      shared,
      endpoint,
    );
    if (enrolled) peer.timers.gone = now + ENROLLED_LIFETIME; // also if it never comes
    this.#peers.set(id, peer);
    return peer;
  }

  /** This one may not connect any more: it is cut off at once. */
  removePeer(peer: Peer): void {
    const state = peer as PeerState;
    if (!this.#knows(peer)) return;
    this.#peers.delete(bytesToHex(state.publicKey));
    this.#erase(state);
    for (const keypair of state.keypairs) this.#drop(state, keypair);
    state.preshared.fill(0);
    state.staticShared.fill(0);
    this.#goDown(state, 'removed');
  }

  /** Where a peer is said to be; what comes of it authentically says more. */
  setEndpoint(peer: Peer, endpoint: Remote): void {
    (peer as PeerState).endpoint = endpoint;
  }

  /** Whose transport message this is; the refusal is counted if nobody's. Nothing is authentic yet. */
  route(from: Remote, datagram: Uint8Array): { readonly peer: Peer; readonly place: number } | undefined {
    const index = this.#indices.get(firstIndexOf(datagram));
    if (index?.keypair !== undefined) return { peer: index.peer, place: index.keypair.place };
    this.#refuse(from, 'unknown receiver index');
    return undefined;
  }

  /** A datagram came that is no transport message. */
  receive(now: number, from: Remote, datagram: Uint8Array): void {
    switch (handshakeType(datagram)) {
      case MESSAGE.INITIATION:
        if (this.#admit(now, from, datagram)) this.#takeInitiation(now, from, datagram);
        break;
      case MESSAGE.RESPONSE:
        if (this.#admit(now, from, datagram)) this.#takeResponse(now, from, datagram);
        break;
      case MESSAGE.COOKIE:
        this.#takeCookie(now, from, datagram);
        break;
      default:
        this.#refuse(from, 'malformed');
    }
  }

  /** The host has more to do than it can: handshakes need a cookie for a while. */
  overrun(now: number): void {
    this.#gate.overrun(now);
  }

  /** There is something to send to a peer: a handshake begins if there is no key. */
  wanted(now: number, peer: Peer): void {
    if (this.#knows(peer) && peer.sealing === undefined) this.#initiate(now, peer as PeerState, false);
  }

  /**
   * An authentic transport message came.
   * @param place of the keypair that opened it
   * @param data whether it had a payload
   */
  opened(now: number, peer: Peer, place: number, from: Remote, data: boolean): void {
    if (!this.#knows(peer)) return;
    const state = peer as PeerState;
    if (state.next?.place === place) this.#confirm(state);
    this.#hear(now, state, from);
    const { timers, current } = state;
    if (data) timers.keepalive = Math.min(timers.keepalive, now + KEEPALIVE_TIMEOUT);
    // Nothing may be sent for a long time: so who began renews the keys before they can be used no more.
    const lastMinute = REJECT_AFTER_TIME - SILENCE_TIMEOUT;
    if (current?.initiator && now - current.created >= lastMinute && !state.lastMinute) {
      state.lastMinute = true;
      this.#initiate(now, state, false);
    }
  }

  /**
   * A transport message was sealed and sent.
   * @param data whether it had a payload
   * @param count how many the keypair has sealed
   */
  sealed(now: number, peer: Peer, data: boolean, count: bigint): void {
    if (!this.#knows(peer)) return;
    const state = peer as PeerState;
    const { timers, current } = state;
    timers.keepalive = Infinity;
    if (data && timers.silence === Infinity) timers.silence = now + SILENCE_TIMEOUT + this.#jitter();
    if (current === undefined) return;
    const old = current.initiator && now - current.created >= REKEY_AFTER_TIME;
    if (old || count > REKEY_AFTER_MESSAGES) this.#initiate(now, state, false);
  }

  /** Time has passed: to be said when the deadline has come. */
  tick(now: number): void {
    for (const peer of [...this.#peers.values()]) if (now >= peer.deadline) this.#due(now, peer);
  }

  /** What is to be done now. */
  take(): SecureEffect[] {
    return this.#effects.splice(0);
  }

  /** Ends it and wipes all keys. */
  end(): void {
    for (const peer of this.peers) this.removePeer(peer);
    this.#own.secret.fill(0);
    this.#gate.wipe();
    this.#effects = [];
  }

  /** Whether a peer has not been removed. */
  #knows(peer: Peer): boolean {
    return this.#peers.get(bytesToHex(peer.publicKey)) === peer;
  }

  // What time does.

  #due(now: number, peer: PeerState): void {
    const { timers } = peer;
    for (const keypair of peer.keypairs) {
      if (now < keypair.created + REJECT_AFTER_TIME) continue;
      this.#drop(peer, keypair);
      if (peer.current === undefined) this.#goDown(peer, 'expired');
    }
    if (now >= timers.retry) this.#retry(now, peer);
    if (now >= timers.keepalive) {
      timers.keepalive = Infinity;
      if (peer.current !== undefined) this.#effects.push({ do: 'keepalive', peer });
    }
    if (now >= timers.silence) {
      timers.silence = Infinity;
      this.#initiate(now, peer, false);
    }
    if (now >= timers.erase) {
      // A handshake that is under way is none of what is left of others: it has keys of its own, and an end.
      if (timers.retry === Infinity) this.#erase(peer);
      else timers.erase = now + REKEY_ATTEMPT_TIME;
    }
    if (now >= timers.gone) {
      this.removePeer(peer);
      this.#effects.push({ do: 'gone', peer });
    }
  }

  #retry(now: number, peer: PeerState): void {
    peer.timers.retry = Infinity;
    if (now >= peer.giveUp) {
      this.#endHandshake(peer);
      this.#effects.push({ do: 'unanswered', peer });
      return;
    }
    if (now - peer.resolved >= RESOLVE_INTERVAL) {
      peer.resolved = now;
      this.#effects.push({ do: 'resolve', peer });
    }
    this.#initiate(now, peer, true);
  }

  /** Forgets what is left of handshakes. */
  #erase(peer: PeerState): void {
    peer.timers.erase = Infinity;
    peer.timers.retry = Infinity;
    this.#endHandshake(peer);
    peer.cookie.wipe();
  }

  // The handshake.

  #initiate(now: number, peer: PeerState, again: boolean): void {
    if (peer.endpoint === undefined || now - peer.initiationSent < REKEY_TIMEOUT) return;
    if (!again) peer.giveUp = now + REKEY_ATTEMPT_TIME;
    peer.initiationSent = now;
    this.#endHandshake(peer);
    const ephemeral = keyPair(this.#random(KEY_BYTES));
    const state = begin(this.#prologue, peer.publicKey);
    const timestamp = this.#timestamps.next(this.#unixTime());
    const parts = writeInitiation(state, this.#own, ephemeral, peer.publicKey, peer.staticShared, timestamp);
    const index = this.#newIndex(peer);
    peer.handshake = { index, state, ephemeral };
    const datagram = initiation(index, parts);
    peer.cookie.sign(now, datagram);
    this.#effects.push({ do: 'send', to: peer.endpoint, datagram });
    peer.timers.retry = now + REKEY_TIMEOUT + this.#jitter();
    peer.timers.keepalive = Infinity;
  }

  #takeInitiation(now: number, from: Remote, message: Uint8Array): void {
    const state = begin(this.#prologue, this.#own.public);
    const peer = this.#readInitiation(now, message, state);
    if (typeof peer === 'string') {
      wipeState(state);
      this.#refuse(from, peer);
      return;
    }
    this.#hear(now, peer, from);
    this.#respond(now, peer, state, initiationParts(message).ephemeral, senderOf(message));
  }

  /** Whose initiation this is, if it is to be answered. */
  #readInitiation(now: number, message: Uint8Array, state: SymmetricState): PeerState | SecureRefusal {
    const parts = initiationParts(message);
    const initiator = authentic(() => readInitiator(state, this.#own, parts));
    if (initiator === undefined) return 'decrypt failed';
    const peer = this.#peers.get(bytesToHex(initiator));
    if (peer === undefined) return 'unknown peer';
    const timestamp = authentic(() => readPayload(state, peer.staticShared, parts));
    if (timestamp === undefined) return 'decrypt failed';
    if (!later(timestamp, peer.timestamp)) return 'replayed';
    if (now - peer.initiationTaken < INITIATION_INTERVAL) return 'too many handshakes';
    peer.timestamp = timestamp;
    peer.initiationTaken = now;
    return peer;
  }

  #respond(
    now: number,
    peer: PeerState,
    state: SymmetricState,
    initiatorEphemeral: Uint8Array,
    remote: number,
  ): void {
    const ephemeral = keyPair(this.#random(KEY_BYTES));
    const parts = writeResponse(
      state,
      ephemeral,
      peer.publicKey,
      initiatorEphemeral,
      peer.preshared,
      new Uint8Array(),
    );
    ephemeral.secret.fill(0);
    const local = this.#newIndex(peer);
    const datagram = response(local, remote, parts);
    peer.cookie.sign(now, datagram);
    const [receive, send] = split(state);
    for (const old of [peer.next, peer.previous]) if (old !== undefined) this.#drop(peer, old);
    peer.next = this.#install(now, peer, { send, receive, local, remote }, false);
    this.#effects.push({ do: 'send', to: peer.endpoint as Remote, datagram });
    peer.timers.keepalive = Infinity;
  }

  #takeResponse(now: number, from: Remote, message: Uint8Array): void {
    const local = receiverOf(message);
    const peer = this.#indices.get(local)?.peer;
    const handshake = peer?.handshake;
    if (peer === undefined || handshake?.index !== local) {
      this.#refuse(from, 'unknown receiver index');
      return;
    }
    // A copy: what is not authentic leaves the handshake as it is.
    const state = copyState(handshake.state);
    const { ephemeral } = handshake;
    const empty = authentic(() =>
      readResponse(state, this.#own, ephemeral, peer.preshared, responseParts(message)),
    );
    if (empty === undefined) {
      wipeState(state);
      this.#refuse(from, 'decrypt failed');
      return;
    }
    const [send, receive] = split(state);
    this.#hear(now, peer, from);
    // If the peer began a handshake at the same time, its keypair stays, so that what comes under it is opened.
    const kept = peer.next ?? peer.current;
    for (const old of peer.keypairs) if (old !== kept) this.#drop(peer, old);
    peer.next = undefined;
    peer.previous = kept;
    peer.current = this.#install(now, peer, { send, receive, local, remote: senderOf(message) }, true);
    this.#endHandshake(peer);
    this.#useCurrent(peer);
    this.#effects.push({ do: 'keepalive', peer }); // it confirms the keys, should nothing else be waiting
  }

  #takeCookie(now: number, from: Remote, message: Uint8Array): void {
    const peer = this.#indices.get(firstIndexOf(message))?.peer;
    if (peer === undefined) this.#refuse(from, 'unknown receiver index');
    else if (!peer.cookie.take(now, message)) this.#refuse(from, 'decrypt failed');
  }

  /** Whether a handshake message is to be looked at. */
  #admit(now: number, from: Remote, message: Uint8Array): boolean {
    const refusal = this.#gate.judge(now, from, message);
    if (refusal === undefined) return true;
    this.#refuse(from, refusal.why);
    if (refusal.answer !== undefined) this.#effects.push({ do: 'send', to: from, datagram: refusal.answer });
    return false;
  }

  // Keypairs.

  #install(now: number, peer: PeerState, keys: TransportKeys, initiator: boolean): Keypair {
    const keypair = { place: peer.freePlace(), local: keys.local, initiator, created: now };
    this.#indices.set(keys.local, { peer, keypair });
    this.#effects.push({ do: 'install', peer, place: keypair.place, keys });
    peer.timers.erase = now + ERASE_AFTER_TIME;
    return keypair;
  }

  /** The peer has shown that it has the keys of the handshake that it began. */
  #confirm(peer: PeerState): void {
    if (peer.previous !== undefined) this.#drop(peer, peer.previous);
    peer.previous = peer.current;
    peer.current = peer.next;
    peer.next = undefined;
    this.#useCurrent(peer);
  }

  #useCurrent(peer: PeerState): void {
    peer.timers.retry = Infinity;
    peer.lastMinute = false;
    this.#effects.push({ do: 'use', peer, place: peer.sealing as number });
    if (!peer.up) this.#effects.push({ do: 'up', peer });
    peer.up = true;
  }

  #drop(peer: PeerState, keypair: Keypair): void {
    for (const role of ['previous', 'current', 'next'] as const)
      if (peer[role] === keypair) peer[role] = undefined;
    this.#indices.delete(keypair.local);
    this.#effects.push({ do: 'drop', peer, place: keypair.place });
  }

  #goDown(peer: PeerState, why: 'expired' | 'removed'): void {
    if (peer.up) this.#effects.push({ do: 'down', peer, why });
    peer.up = false;
  }

  #endHandshake(peer: PeerState): void {
    const { handshake } = peer;
    if (handshake === undefined) return;
    peer.handshake = undefined;
    if (this.#indices.get(handshake.index)?.keypair === undefined) this.#indices.delete(handshake.index);
    wipeState(handshake.state);
    handshake.ephemeral.secret.fill(0);
  }

  #newIndex(peer: PeerState): number {
    for (;;) {
      const [a = 0, b = 0, c = 0, d = 0] = this.#random(4);
      const index = this.#index(peer, (a | (b << 8) | (c << 16) | (d << 24)) >>> 0);
      if (this.#indices.has(index)) continue;
      this.#indices.set(index, { peer, keypair: undefined });
      return index;
    }
  }

  /** Something authentic came of a peer. */
  #hear(now: number, peer: PeerState, from: Remote): void {
    peer.timers.silence = Infinity;
    if (peer.enrolled) peer.timers.gone = now + ENROLLED_LIFETIME;
    if (peer.endpoint !== undefined && remoteKey(peer.endpoint) === remoteKey(from)) return;
    peer.endpoint = from;
    this.#effects.push({ do: 'moved', peer, to: from });
  }

  #jitter(): number {
    const [a = 0, b = 0] = this.#random(2);
    return (a | (b << 8)) % JITTER;
  }

  #refuse(from: Remote, why: SecureRefusal): void {
    this.#refused.set(why, (this.#refused.get(why) ?? 0n) + 1n);
    this.#effects.push({ do: 'refused', from, why });
  }
}
