// What the two ends say to each other besides frames: who they are, that one of them ends, and whether the other is there
// (secure.md §7).
import type { Remote } from '../remote.js';
import { ENROL_TRIES, GREETING_INTERVAL, GREETINGS } from './constants.js';
import {
  announce,
  CAPABILITY,
  type Control,
  type EnrolResult,
  echo,
  echoReply,
  enrol,
  enrolAnswer,
  goaway,
  hello,
  readControls,
} from './control.js';
import { questionOf } from './liveness.js';
import type { Peer, PeerState } from './peer.js';
import type { SecureEffect } from './terms.js';

/** What follows in the machine. */
export interface ConversationEvents {
  push(effect: SecureEffect): void;
  /** A payload was malformed. */
  malformed(peer: PeerState): void;
  /** The peer has said goodbye. */
  left(now: number, peer: PeerState): void;
  /** The peer does not answer. */
  dead(now: number, peer: PeerState): void;
}

/** Questions that somebody waits for; older ones are not waited for any more. */
const AWAITED_MAX = 64;

export class Conversation {
  readonly #speaks: boolean;
  readonly #own: Uint8Array;
  readonly #events: ConversationEvents;

  /**
   * @param speaks whether this end says anything: its host carries control payloads both ways
   * @param own the public key of this end
   */
  constructor(speaks: boolean, own: Uint8Array, events: ConversationEvents) {
    this.#speaks = speaks;
    this.#own = own;
    this.#events = events;
  }

  /** Whether a peer is there is watched where it answers questions. */
  #answers(peer: PeerState): boolean {
    return peer.current !== undefined && ((peer.hello?.capabilities ?? 0) & CAPABILITY.ECHO) !== 0;
  }

  deadline(peer: PeerState): number {
    return this.#answers(peer) ? Math.min(peer.greetAt, peer.liveness.deadline) : peer.greetAt;
  }

  /**
   * We have finished a handshake that we began: a guest says at once who it is.
   * @returns whether something was said, which confirms the keys
   */
  begin(now: number, peer: PeerState): boolean {
    if (!this.#speaks || peer.introduction === undefined) return false;
    peer.greetings++;
    this.#say(peer, enrol(peer.introduction));
    peer.greetAt = now + GREETING_INTERVAL;
    return true;
  }

  /**
   * A handshake that the peer began is finished: who was called says hello first, since it knows by the timestamp whether
   * the caller understands it.
   */
  confirmed(now: number, peer: PeerState): void {
    if (!this.#speaks || !peer.speaks || peer.guest) return;
    if (peer.hello === undefined && peer.greetings >= GREETINGS) return;
    this.#greet(peer);
    peer.greetAt = now + GREETING_INTERVAL;
  }

  /** Whether this end, which has called, says hello first: both have called at once, and one has to. */
  greets({ crossed, publicKey }: PeerState): boolean {
    return crossed !== undefined && isGreater(this.#own, publicKey);
  }

  /** A peer may have come from another server: switches are to learn where those are who are behind it. */
  came(peer: PeerState): void {
    if (this.#speaks && peer.speaks && !peer.guest) this.#say(peer, announce());
  }

  #greet(peer: PeerState): void {
    peer.greetings++;
    this.#say(peer, hello(peer.endpoint as Remote));
  }

  /** Frames were sent. */
  sent(now: number, peer: PeerState): void {
    if (this.#answers(peer)) peer.liveness.sent(now);
  }

  /** @returns whether the peer was asked to answer */
  ask(now: number, peer: PeerState): boolean {
    return this.#ask(now, peer) !== undefined;
  }

  /**
   * Asks a peer for somebody who waits for the answer.
   * @returns the number of the question; undefined where the peer answers none
   */
  question(now: number, peer: PeerState): bigint | undefined {
    const question = this.#ask(now, peer);
    const { awaited } = peer;
    if (question !== undefined) awaited.add(question);
    for (const oldest of awaited) if (awaited.size > AWAITED_MAX) awaited.delete(oldest);
    return question;
  }

  #ask(now: number, peer: PeerState): bigint | undefined {
    if (!this.#answers(peer)) return undefined;
    peer.liveness.sent(now);
    const token = peer.liveness.ask(now);
    this.#say(peer, echo(token));
    return questionOf(token);
  }

  /** This end ends the session of a peer; of one that has been greeted and whose answer is under way, too. */
  leave(peer: PeerState): void {
    const { hello: said, greetings, current } = peer;
    const understands = said === undefined ? greetings > 0 : (said.capabilities & CAPABILITY.GOAWAY) !== 0;
    if (understands && current !== undefined) this.#say(peer, goaway());
  }

  /** The session of a peer has ended. */
  end(peer: PeerState): void {
    peer.hello = undefined;
    peer.greetings = 0;
    peer.greetAt = Infinity;
    peer.liveness.heard();
  }

  /** Time has passed. */
  due(now: number, peer: PeerState): void {
    if (now >= peer.greetAt) {
      peer.greetAt = Infinity;
      const { current, hello, introduction, greetings } = peer;
      // Who has the same line may have taken the session over.
      if (introduction !== undefined && greetings % ENROL_TRIES === 0) this.#events.dead(now, peer);
      else if (current !== undefined && introduction !== undefined) this.begin(now, peer);
      else if (current !== undefined && hello === undefined) this.confirmed(now, peer);
    }
    if (!this.#answers(peer)) return;
    const due = peer.liveness.due(now);
    if (due === 'dead') this.#events.dead(now, peer);
    else if (due !== undefined) this.#say(peer, echo(due.ask));
  }

  /**
   * A control payload came.
   * @param place of the keypair that opened it
   */
  receive(now: number, peer: PeerState, place: number, payload: Uint8Array): void {
    if (!this.#speaks) return;
    const { controls, malformed } = readControls(payload);
    if (malformed) this.#events.malformed(peer);
    for (const control of controls) this.#take(now, peer, place, control);
  }

  #take(now: number, peer: PeerState, place: number, control: Control): void {
    const { current } = peer;
    if (control.what === 'enrol' && !(peer.guest && current?.place === place)) control.presharedKey.fill(0);
    // What was said in an earlier session comes late: it is of no use now.
    const crossed = peer.crossed === peer.previous ? peer.crossed : undefined;
    if (current === undefined || (place !== current.place && place !== crossed?.place)) return;
    if (peer.guest || peer.introduction !== undefined) {
      if (control.what === 'goaway') this.#events.left(now, peer);
      else if (peer.guest && control.what === 'enrol') {
        const { publicKey, presharedKey, name } = control;
        peer.greetings++; // it gets a goodbye as well
        this.#events.push({ do: 'enrol', peer, introduction: { publicKey, presharedKey, name } });
      } else if (!peer.guest && control.what === 'enrol answer') {
        peer.greetAt = Infinity;
        peer.introduced();
        this.#events.push({ do: 'verdict', peer, answer: { result: control.result, time: control.time } });
      }
      return;
    }
    switch (control.what) {
      case 'hello': {
        const { version, capabilities, seenAt } = control;
        peer.hello = { version, capabilities, seenAt };
        peer.greetAt = Infinity;
        if (current.initiator && (place === current.place || !this.greets(peer))) this.#greet(peer);
        break;
      }
      case 'goaway':
        this.#events.left(now, peer);
        break;
      case 'announce':
        this.#events.push({ do: 'announce', peer });
        break;
      case 'echo':
        this.#say(peer, echoReply(control.token));
        break;
      case 'echo reply':
        this.#answered(now, peer, control.token);
        break;
    }
  }

  /** Answers a guest. @param time s since 1970 */
  answer(peer: PeerState, result: EnrolResult, time: number): void {
    if (peer.current !== undefined) this.#say(peer, enrolAnswer(result, time));
  }

  #answered(now: number, peer: PeerState, token: Uint8Array): void {
    const took = peer.liveness.answer(now, token);
    const question = questionOf(token);
    if (peer.awaited.delete(question) && took !== undefined)
      this.#events.push({ do: 'answered', peer, question, took });
  }

  #say(peer: Peer, payload: Uint8Array): void {
    this.#events.push({ do: 'control', peer, payload });
  }
}

/** Which of two keys comes later, byte by byte. */
function isGreater(one: Uint8Array, other: Uint8Array): boolean {
  const at = one.findIndex((byte, i) => byte !== other[i]);
  return at >= 0 && (one[at] as number) > (other[at] as number);
}
