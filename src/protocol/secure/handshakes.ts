// The handshake of the secure cable: messages out, messages in, and the keypairs that come of them (secure.md §1).

import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { Random } from '../classic/session-key.js';
import { Race } from '../race.js';
import type { Rate } from '../rate-limit.js';
import { type Remote, sameWay } from '../remote.js';
import { Callers } from './callers.js';
import {
  EAGER_PART,
  EAGER_TIMEOUT,
  GUEST_TIME,
  IDENTIFIER,
  JITTER,
  KEY_BYTES,
  MESSAGE,
  REKEY_ATTEMPT_TIME,
  REKEY_TIMEOUT,
  UNFINISHED,
} from './constants.js';
import { Gate } from './gate.js';
import type { Keypairs } from './keypairs.js';
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
  authentic,
  begin,
  copyState,
  type KeyPair,
  keyPair,
  readResponse,
  type SymmetricState,
  split,
  wipeState,
  writeInitiation,
  writeResponse,
} from './noise.js';
import type { Outbox } from './outbox.js';
import type { Peer, PeerState } from './peer.js';
import type { Peers } from './peers.js';
import { Timestamps } from './tai64n.js';
import type { SecureOptions, Stranger } from './terms.js';

export class Handshakes {
  readonly #own: KeyPair;
  readonly #peers: Peers;
  readonly #keypairs: Keypairs;
  readonly #outbox: Outbox;
  readonly #random: Random;
  readonly #unixTime: () => number;
  readonly #finished: (now: number, peer: PeerState) => void;
  readonly #keyLog: SecureOptions['keyLog'];
  readonly #timestamps: Timestamps;
  readonly #gate: Gate;
  readonly #callers: Callers;
  readonly #calls: boolean;
  /** Whether no more initiations are answered. */
  #left = false;
  readonly #prologue = utf8ToBytes(IDENTIFIER);

  /**
   * @param options finished: a handshake that we began has keys, and nothing has confirmed them; calls: whether this end begins
   * handshakes at all
   */
  constructor(options: {
    readonly own: KeyPair;
    readonly peers: Peers;
    readonly keypairs: Keypairs;
    readonly outbox: Outbox;
    readonly random: Random;
    readonly unixTime: () => number;
    readonly finished: (now: number, peer: PeerState) => void;
    readonly keyLog: SecureOptions['keyLog'];
    readonly strangers?: Rate | undefined;
    readonly calls: boolean;
    /** Whether this end understands control records, and says so. */
    readonly controls: boolean;
  }) {
    const { own, peers, keypairs, outbox, random, unixTime, finished, strangers } = options;
    this.#own = own;
    this.#timestamps = new Timestamps(options.controls);
    this.#peers = peers;
    this.#keypairs = keypairs;
    this.#outbox = outbox;
    this.#random = random;
    this.#unixTime = unixTime;
    this.#finished = finished;
    this.#keyLog = options.keyLog;
    this.#calls = options.calls;
    this.#gate = new Gate(own.public, random);
    this.#callers = new Callers(own, peers, unixTime, (hint) => outbox.hint(hint), strangers);
  }

  /** A datagram came that is no transport message. */
  receive(now: number, from: Remote, datagram: Uint8Array): void {
    switch (handshakeType(datagram)) {
      case MESSAGE.INITIATION:
        if (this.#left) return; // another server is to answer
        if (this.#admit(now, from, datagram)) this.#takeInitiation(now, from, datagram);
        break;
      case MESSAGE.RESPONSE:
        if (this.#admit(now, from, datagram)) this.#takeResponse(now, from, datagram);
        break;
      case MESSAGE.COOKIE:
        this.#takeCookie(now, from, datagram);
        break;
      default:
        this.#outbox.refuse(from, 'malformed');
    }
  }

  /** Who called and is not known, of the last ones. */
  get strangers(): readonly Stranger[] {
    return this.#callers.strangers;
  }

  /** Somebody may connect from now on, and may have called a moment ago. */
  answerWaiting(now: number, { publicKey }: Peer): void {
    const call = this.#callers.waiting(now, publicKey);
    if (call !== undefined && !this.#left) this.#takeInitiation(now, call.from, call.message);
  }

  /** The host has more to do than it can: handshakes need a cookie for a while. */
  overrun(now: number): void {
    this.#gate.overrun(now);
  }

  /** From now on no initiation is answered. */
  leave(): void {
    this.#left = true;
  }

  wipe(): void {
    this.#gate.wipe();
  }

  /** Between the last initiation to a peer and the next one, ms: the longer ago the peer went away, the longer. */
  pause({ leftAt, initiationSent }: PeerState): number {
    if (leftAt === undefined) return REKEY_TIMEOUT;
    return Math.min(Math.max(EAGER_TIMEOUT, (initiationSent - leftAt) / EAGER_PART), REKEY_TIMEOUT);
  }

  jitter(): number {
    const [a = 0, b = 0] = this.#random(2);
    return (a | (b << 8)) % JITTER;
  }

  /** Calls a peer, unless it was called just now. @param again whether a call without an answer is repeated, as its time has come */
  initiate(now: number, peer: PeerState, again: boolean): void {
    // The same sum as the timer's below: rounded, the difference `now - initiationSent` may be less than the pause, and no call would follow.
    if (!this.#calls || (!again && now < peer.initiationSent + this.pause(peer))) return;
    peer.attempts = peer.handshake === undefined ? 0 : peer.attempts + 1;
    const [to, ...others] = peer.whereabouts;
    if (to === undefined) return;
    if (!again) peer.giveUp = now + REKEY_ATTEMPT_TIME;
    peer.initiationSent = now;
    this.#keypairs.endHandshake(peer);
    const ephemeral = this.#draw(peer);
    const state = begin(this.#prologue, peer.publicKey);
    const timestamp = this.#timestamps.next(this.#unixTime());
    const parts = writeInitiation(state, this.#own, ephemeral, peer.publicKey, peer.staticShared, timestamp);
    const index = this.#keypairs.newIndex(peer);
    const datagram = initiation(index, parts);
    peer.cookie.sign(now, datagram);
    peer.handshake = { index, state, ephemeral, datagram, race: new Race(now, others) };
    this.#outbox.push({ do: 'send', to, datagram });
    peer.timers.retry = now + this.pause(peer) + this.jitter();
    peer.timers.keepalive = Infinity;
  }

  /** The ephemeral keys of a handshake. */
  #draw(peer: PeerState): KeyPair {
    const ephemeral = keyPair(this.#random(KEY_BYTES));
    const { secret: privateKey } = this.#own;
    const { publicKey, preshared: presharedKey } = peer;
    this.#keyLog?.({ privateKey, peer: publicKey, ephemeral: ephemeral.secret, presharedKey });
    return ephemeral;
  }

  #takeInitiation(now: number, from: Remote, message: Uint8Array): void {
    const state = begin(this.#prologue, this.#own.public);
    const peer = this.#callers.read(now, from, message, state);
    if (typeof peer === 'string') {
      wipeState(state);
      this.#outbox.refuse(from, peer);
      return;
    }
    if (peer.guest) peer.timers.guest = Math.min(peer.timers.guest, now + GUEST_TIME);
    this.hear(now, peer, from, true);
    this.#respond(now, peer, state, initiationParts(message).ephemeral, senderOf(message));
  }

  #respond(
    now: number,
    peer: PeerState,
    state: SymmetricState,
    initiatorEphemeral: Uint8Array,
    remote: number,
  ): void {
    const ephemeral = this.#draw(peer);
    const parts = writeResponse(
      state,
      ephemeral,
      peer.publicKey,
      initiatorEphemeral,
      peer.preshared,
      new Uint8Array(),
    );
    ephemeral.secret.fill(0);
    const local = this.#keypairs.newIndex(peer);
    const datagram = response(local, remote, parts);
    peer.cookie.sign(now, datagram);
    const [receive, send] = split(state);
    for (const old of [peer.next, peer.previous]) if (old !== undefined) this.#keypairs.drop(peer, old);
    peer.next = this.#keypairs.install(now, peer, { send, receive, local, remote }, false);
    this.#outbox.push({ do: 'send', to: peer.endpoint as Remote, datagram });
    peer.timers.keepalive = Infinity;
    if (++peer.unfinished >= UNFINISHED) this.#outbox.hint({ what: 'unfinished', peer });
  }

  #takeResponse(now: number, from: Remote, message: Uint8Array): void {
    const local = receiverOf(message);
    const peer = this.#keypairs.find(local)?.peer;
    const handshake = peer?.handshake;
    if (peer === undefined || handshake?.index !== local) {
      this.#outbox.refuse(from, 'unknown receiver index');
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
      this.#outbox.refuse(from, 'decrypt failed');
      this.#outbox.hint({ what: 'preshared key', peer }); // its mac1 is right: nothing was damaged on the way
      return;
    }
    const [send, receive] = split(state);
    peer.unfinished = 0;
    this.hear(now, peer, from);
    // If the peer began a handshake at the same time, its keypair stays, so that what comes under it is opened.
    const kept = peer.next ?? peer.current;
    for (const old of peer.keypairs) if (old !== kept) this.#keypairs.drop(peer, old);
    peer.crossed = peer.next ?? (peer.crossed === peer.current ? peer.current : undefined);
    peer.next = undefined;
    peer.previous = kept;
    peer.current = this.#keypairs.install(
      now,
      peer,
      { send, receive, local, remote: senderOf(message) },
      true,
    );
    this.#keypairs.endHandshake(peer);
    this.#keypairs.use(peer);
    this.#finished(now, peer);
  }

  #takeCookie(now: number, from: Remote, message: Uint8Array): void {
    const peer = this.#keypairs.find(firstIndexOf(message))?.peer;
    if (peer === undefined) this.#outbox.refuse(from, 'unknown receiver index');
    else if (!peer.cookie.take(now, message)) this.#outbox.refuse(from, 'decrypt failed');
  }

  /** Whether a handshake message should be looked at. */
  #admit(now: number, from: Remote, message: Uint8Array): boolean {
    const refusal = this.#gate.judge(now, from, message);
    if (refusal === undefined) return true;
    this.#outbox.refuse(from, refusal.why);
    if (refusal.answer !== undefined) this.#outbox.push({ do: 'send', to: from, datagram: refusal.answer });
    return false;
  }

  /**
   * Something authentic came of a peer.
   * @param calls whether it was an initiation. Who is called answers from the address that was asked, and goes on so;
   * who calls leaves the choice to the system, so that it follows changes of its routes at once
   */
  hear(now: number, peer: PeerState, from: Remote, calls = false): void {
    peer.timers.silence = Infinity;
    peer.liveness.heard();
    peer.heardAt = now;
    if (peer.enrolled) peer.timers.gone = now + this.#peers.forgetAfter;
    const { endpoint } = peer;
    const { address, port, local } = from;
    const to = calls || local === undefined || endpoint?.local !== undefined ? from : { address, port };
    if (endpoint !== undefined && sameWay(endpoint, to)) return;
    peer.endpoint = to;
    this.#outbox.push({ do: 'moved', peer, to });
  }
}
