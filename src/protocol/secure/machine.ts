import type { Remote } from '../remote.js';
import { copyKey } from '../secret.js';
import {
  GOODBYE_INTERVAL,
  KEEPALIVE_TIMEOUT,
  KEY_BYTES,
  REJECT_AFTER_TIME,
  REKEY_AFTER_MESSAGES,
  REKEY_AFTER_TIME,
  REKEY_ATTEMPT_TIME,
  RESOLVE_INTERVAL,
  RESOLVE_PATIENCE,
  SILENCE_TIMEOUT,
} from './constants.js';
import type { EnrolResult } from './control.js';
import { Conversation } from './conversation.js';
import { serverIndex } from './fleet.js';
import { Handshakes } from './handshakes.js';
import { Keypairs } from './keypairs.js';
import { firstIndexOf } from './messages.js';
import { type KeyPair, keyPair } from './noise.js';
import { Outbox } from './outbox.js';
import type { Peer, PeerState } from './peer.js';
import { Peers } from './peers.js';
import { later } from './tai64n.js';
import type {
  PeerOptions,
  SecureDown,
  SecureEffect,
  SecureGone,
  SecureOptions,
  SecureRefusal,
  Stranger,
} from './terms.js';

/**
 * One end of the secure cable, without I/O: the handshake, timers and cookies of WireGuard (secure.md §1). It is
 * the same for both ends; who has something to send, and no key, begins. It takes what happened and when, and `take`
 * returns what to do about it. Times are milliseconds of any clock that does not jump.
 *
 * Transport messages do not pass through it: the host asks `route` whose one is, has the core open it, and says
 * `opened` when it was authentic; and `sealed` when it has sent one.
 */
export class SecureMachine {
  readonly #own: KeyPair;
  readonly #outbox = new Outbox();
  readonly #peers: Peers;
  readonly #keypairs: Keypairs;
  readonly #handshakes: Handshakes;
  readonly #conversation: Conversation;
  /** Whether other servers have our key. */
  readonly #shares: boolean;
  /** Whether all peers are to go elsewhere. */
  #leaving = false;

  /** @throws RangeError for a private key that has not 32 bytes, or a bound that is no whole number from 0 on */
  constructor(options: SecureOptions) {
    const {
      privateKey,
      random,
      index,
      unixTime,
      enrolledMax,
      forgetAfter,
      controls = false,
      keyLog,
      strangers,
      serverId,
    } = options;
    if (privateKey.length !== KEY_BYTES) throw new RangeError('a private key has 32 bytes');
    const own = keyPair(copyKey(privateKey));
    const outbox = this.#outbox;
    this.#own = own;
    this.#peers = new Peers(own, enrolledMax, forgetAfter);
    const ofServer = (drawn: number) => (serverId === undefined ? drawn : serverIndex(drawn, serverId));
    const draw = (peer: Peer, drawn: number) => ofServer(index?.(peer, drawn) ?? drawn);
    const calls = serverId === undefined;
    this.#shares = !calls;
    this.#keypairs = new Keypairs(random, draw, (effect) => outbox.push(effect));
    this.#conversation = new Conversation(controls, own.public, {
      push: (effect) => outbox.push(effect),
      malformed: (peer) => outbox.refuse(peer.endpoint as Remote, 'malformed'),
      left: (now, peer) => this.#left(now, peer),
      dead: (now, peer) => {
        outbox.hint({ what: 'dead', peer });
        if (!calls) return this.#cutOff(peer, 'expired'); // it may be at another server by now (secure.md §4.4)
        this.#callAgain(now, peer);
      },
    });
    const finished = (now: number, peer: PeerState) => {
      // One of them confirms the keys, should nothing else be waiting.
      if (!this.#conversation.begin(now, peer)) outbox.push({ do: 'keepalive', peer });
      if (this.#conversation.greets(peer)) this.#conversation.confirmed(now, peer);
    };
    this.#handshakes = new Handshakes({
      ...{ own, outbox, random, unixTime, finished, keyLog, calls },
      ...{ peers: this.#peers, keypairs: this.#keypairs, strangers, controls },
    });
  }

  /** Of this end, 32 bytes. */
  get publicKey(): Uint8Array {
    return this.#own.public;
  }

  /** Who may connect. */
  get peers(): readonly Peer[] {
    return this.#peers.all;
  }

  /** Datagrams dropped, by reason. */
  get refused(): ReadonlyMap<SecureRefusal, bigint> {
    return this.#outbox.refused;
  }

  /** Who called and may not connect, of the last ones. */
  get strangers(): readonly Stranger[] {
    return this.#handshakes.strangers;
  }

  /** When tick() has something to do at the earliest, ms; Infinity when nothing is due. */
  get deadline(): number {
    return this.#peers.all.reduce((first, peer) => Math.min(first, this.#deadline(peer)), Infinity);
  }

  /**
   * From now on this one may connect. Where as many have enrolled as may, the one that has been away the longest is forgotten.
   * @throws RangeError for keys of another length, a public key that is none, our own, or one that is there already; and
   * for one more that enrols where all are up
   */
  addPeer(now: number, options: PeerOptions): Peer {
    const { peer, forgotten } = this.#peers.add(now, options);
    if (forgotten !== undefined) this.#forget(forgotten, 'no room');
    return peer;
  }

  /** Answers a peer that called a moment before it was added; its host knows it by now. */
  answerWaiting(now: number, peer: Peer): void {
    if (this.#peers.has(peer)) this.#handshakes.answerWaiting(now, peer);
  }

  /** This one may not connect any more: it is cut off at once. */
  removePeer(peer: Peer): void {
    const state = peer as PeerState;
    if (!this.#peers.has(peer)) return;
    this.#peers.remove(peer);
    this.#cutOff(state, 'removed');
    state.preshared.fill(0);
    state.introduced();
    state.staticShared.fill(0);
  }

  /** Ends a peer's session. It may connect again, and is not called before there is something to send. */
  disconnect(peer: Peer): void {
    if (this.#peers.has(peer)) this.#cutOff(peer as PeerState, 'disconnected');
  }

  /**
   * Where a peer is said to be; what comes of it authentically says more.
   * @param addresses all that its name stands for: where the endpoint is silent the others are asked as well (RFC 8305)
   */
  setEndpoint(peer: Peer, endpoint: Remote, addresses: readonly Remote[] = []): void {
    (peer as PeerState).endpoint = endpoint;
    (peer as PeerState).addresses = addresses;
  }

  /** Whose transport message this is; the refusal is counted if nobody's. Nothing is authentic yet. */
  route(from: Remote, datagram: Uint8Array): { readonly peer: Peer; readonly place: number } | undefined {
    const index = this.#keypairs.find(firstIndexOf(datagram));
    if (index?.keypair !== undefined) return { peer: index.peer, place: index.keypair.place };
    this.#outbox.refuse(from, 'unknown receiver index');
    return undefined;
  }

  /** A datagram came that is no transport message. */
  receive(now: number, from: Remote, datagram: Uint8Array): void {
    this.#handshakes.receive(now, from, datagram);
  }

  /** The host has more to do than it can: handshakes need a cookie for a while. */
  overrun(now: number): void {
    this.#handshakes.overrun(now);
  }

  /** There is something to send to a peer: a handshake begins if there is no key. */
  wanted(now: number, peer: Peer): void {
    if (this.#peers.has(peer) && peer.sealing === undefined)
      this.#handshakes.initiate(now, peer as PeerState, false);
  }

  /**
   * An authentic transport message came.
   * @param place of the keypair that opened it
   * @param data whether it had a payload
   */
  opened(now: number, peer: Peer, place: number, from: Remote, data: boolean): void {
    if (!this.#peers.has(peer)) return;
    const state = peer as PeerState;
    const confirms = state.next?.place === place;
    if (confirms) this.#keypairs.confirm(state);
    if (confirms && this.#shares) this.#outbox.push({ do: 'met', peer, timestamp: state.timestamp });
    state.unfinished = 0;
    state.older = undefined;
    this.#handshakes.hear(now, state, from);
    if (this.#leaving && now - state.toldAt >= GOODBYE_INTERVAL) this.#tellToLeave(now, state);
    if (confirms) this.#conversation.confirmed(now, state);
    const { timers, current } = state;
    if (data) timers.keepalive = Math.min(timers.keepalive, now + KEEPALIVE_TIMEOUT);
    // Nothing may be sent for a long time: so who began renews the keys before they can be used no more.
    const lastMinute = REJECT_AFTER_TIME - SILENCE_TIMEOUT;
    if (current?.initiator && now - current.created >= lastMinute && !state.lastMinute) {
      state.lastMinute = true;
      this.#handshakes.initiate(now, state, false);
    }
  }

  /**
   * A control payload came, in a message of which opened() was said.
   * @param place of the keypair that opened it
   * @param payload its kind first
   */
  control(now: number, peer: Peer, place: number, payload: Uint8Array): void {
    if (this.#peers.has(peer)) this.#conversation.receive(now, peer as PeerState, place, payload);
  }

  /**
   * Answers a guest that has asked to be let in.
   * @param time when the invite was used, or was over, s since 1970
   */
  answer(peer: Peer, result: EnrolResult, time = 0): void {
    if (this.#peers.has(peer)) this.#conversation.answer(peer as PeerState, result, time);
  }

  /** Something should be sent to a peer, so that a quiet way stays; where it answers questions, one, so that it is watched. */
  keepalive(now: number, peer: Peer): void {
    if (!this.#peers.has(peer)) return;
    if (peer.sealing === undefined) this.wanted(now, peer);
    else if (!this.#conversation.ask(now, peer as PeerState)) this.#outbox.push({ do: 'keepalive', peer });
  }

  /**
   * Asks a peer whether it is there; an effect brings the answer.
   * @returns the question's number; undefined for a peer that is not up, or answers no questions
   */
  ask(now: number, peer: Peer): bigint | undefined {
    return this.#peers.has(peer) ? this.#conversation.question(now, peer as PeerState) : undefined;
  }

  /** From now on people call a peer by this name. */
  rename(peer: Peer, name: string): void {
    if (this.#peers.has(peer)) (peer as PeerState).name = name;
  }

  /**
   * A transport message was sealed and sent.
   * @param data whether it had a payload
   * @param count how many the keypair has sealed
   */
  sealed(now: number, peer: Peer, data: boolean, count: bigint): void {
    if (!this.#peers.has(peer)) return;
    const state = peer as PeerState;
    const { timers, current } = state;
    timers.keepalive = Infinity;
    if (data) this.#conversation.sent(now, state);
    if (data && timers.silence === Infinity)
      timers.silence = now + SILENCE_TIMEOUT + this.#handshakes.jitter();
    if (current === undefined) return;
    const old = current.initiator && now - current.created >= REKEY_AFTER_TIME;
    if (old || count > REKEY_AFTER_MESSAGES) this.#handshakes.initiate(now, state, false);
  }

  /** Time has passed: to be said when the deadline has come. */
  tick(now: number): void {
    for (const peer of this.#peers.all) if (now >= this.#deadline(peer)) this.#due(now, peer);
  }

  /**
   * Some server with our key has met a peer: initiations that are not later are not answered any more, and where it was another
   * server, and later than here, the peer is there now.
   * @param timestamp of the peer's initiation, 12 bytes
   */
  seen(peer: Peer, timestamp: Uint8Array, elsewhere: boolean): void {
    const state = peer as PeerState;
    if (!this.#peers.has(peer) || !later(timestamp, state.timestamp)) return;
    state.timestamp = timestamp.slice();
    if (elsewhere) this.#cutOff(state, 'moved');
  }

  /** A peer has come up and has its port of the switch: where other servers have our key, it may have come from one of them. */
  came(peer: Peer): void {
    if (this.#shares && this.#peers.has(peer)) this.#conversation.came(peer as PeerState);
  }

  /** Sends all peers elsewhere, and answers no call any more. What comes from them, and goes to them, still passes. */
  leave(now: number): void {
    this.#leaving = true;
    this.#handshakes.leave();
    for (const peer of this.#peers.all) this.#tellToLeave(now, peer);
  }

  /** Whether nothing more comes from any peer that is up, since it was sent elsewhere. */
  left(now: number): boolean {
    return this.#peers.all.every(({ up, toldAt, heardAt = -Infinity }) => {
      const since = Math.max(toldAt, heardAt);
      return !up || now - since >= 2 * GOODBYE_INTERVAL;
    });
  }

  /** What to do now. */
  take(): SecureEffect[] {
    return this.#outbox.take();
  }

  /** Ends it and wipes all keys. */
  end(): void {
    for (const peer of this.peers) this.removePeer(peer);
    this.#own.secret.fill(0);
    this.#handshakes.wipe();
    this.#outbox.take();
  }

  // What time does.

  #deadline(peer: PeerState): number {
    return Math.min(peer.deadline, this.#conversation.deadline(peer));
  }

  #due(now: number, peer: PeerState): void {
    const { timers } = peer;
    for (const keypair of peer.keypairs) {
      if (now < keypair.created + REJECT_AFTER_TIME) continue;
      this.#keypairs.drop(peer, keypair);
      if (peer.current === undefined) this.#goDown(peer, 'expired');
    }
    this.#conversation.due(now, peer);
    if (now >= timers.retry) this.#retry(now, peer);
    else this.#keypairs.askElsewhere(now, peer);
    if (now >= timers.keepalive) {
      timers.keepalive = Infinity;
      if (peer.current !== undefined) this.#outbox.push({ do: 'keepalive', peer });
    }
    if (now >= timers.silence) {
      timers.silence = Infinity;
      this.#handshakes.initiate(now, peer, false);
    }
    if (now >= timers.erase) {
      // A handshake that is under way is none of what is left of others: it has keys of its own, and an end.
      if (timers.retry === Infinity) this.#erase(peer);
      else timers.erase = now + REKEY_ATTEMPT_TIME;
    }
    if (now >= timers.guest) this.#cutOff(peer, 'disconnected');
    if (now >= timers.gone) this.#forget(peer, 'silent');
  }

  #forget(peer: PeerState, why: SecureGone): void {
    this.removePeer(peer);
    this.#outbox.push({ do: 'gone', peer, why });
  }

  #retry(now: number, peer: PeerState): void {
    peer.timers.retry = Infinity;
    if (now >= peer.giveUp) {
      this.#keypairs.endHandshake(peer);
      this.#outbox.push({ do: 'unanswered', peer });
      return;
    }
    if (now >= peer.resolveFrom && now - peer.resolved >= RESOLVE_INTERVAL) {
      peer.resolved = now;
      this.#outbox.push({ do: 'resolve', peer });
    }
    this.#handshakes.initiate(now, peer, true);
  }

  #left(now: number, peer: PeerState): void {
    this.#cutOff(peer, 'goodbye');
    if (peer.eager) this.#callAgain(now, peer);
    else if (peer.enrolled) this.#forget(peer, 'goodbye'); // its keys are gone with it
  }

  /** Calls a peer that has just gone: at once, or if the last handshake has just begun, soon. */
  #callAgain(now: number, peer: PeerState): void {
    if (peer.eager) peer.leftAt = now;
    peer.resolveFrom = now + RESOLVE_PATIENCE; // it was there just now: nobody looks for it elsewhere yet
    this.#handshakes.initiate(now, peer, false);
    if (peer.timers.retry === Infinity && peer.endpoint !== undefined) {
      peer.giveUp = now + REKEY_ATTEMPT_TIME;
      peer.timers.retry = peer.initiationSent + this.#handshakes.pause(peer);
    }
  }

  #tellToLeave(now: number, peer: PeerState): void {
    peer.toldAt = now;
    this.#conversation.leave(peer);
  }

  #goDown(peer: PeerState, why: SecureDown): void {
    this.#conversation.end(peer);
    this.#keypairs.goDown(peer, why);
  }

  #cutOff(peer: PeerState, why: SecureDown): void {
    if (why !== 'goodbye' && why !== 'moved') this.#conversation.leave(peer);
    this.#erase(peer);
    peer.timers.keepalive = Infinity;
    peer.timers.silence = Infinity;
    for (const keypair of peer.keypairs) this.#keypairs.drop(peer, keypair);
    this.#goDown(peer, why);
    if (!peer.guest) return;
    peer.timers.guest = Infinity;
    peer.timestamp = new Uint8Array(peer.timestamp.length); // another holder's clock may be behind
  }

  /** Forgets what is left of handshakes. */
  #erase(peer: PeerState): void {
    peer.timers.erase = Infinity;
    peer.timers.retry = Infinity;
    this.#keypairs.endHandshake(peer);
    peer.cookie.wipe();
  }
}
