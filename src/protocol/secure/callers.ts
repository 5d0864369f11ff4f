// Who sent an initiation, and whether it is answered (WireGuard whitepaper §5.1, §5.4.2). If it is not, the log says
// what people can fix: a key that nobody has entered, a clock that went back.
import { bytesToHex } from '@noble/hashes/utils.js';
import { type Rate, RateLimit } from '../rate-limit.js';
import type { Remote } from '../remote.js';
import { INITIATION_INTERVAL, REKEY_TIMEOUT, STRANGER_RATE, STRANGERS_MAX } from './constants.js';
import { initiationParts } from './messages.js';
import { agree, authentic, type KeyPair, readInitiator, readPayload, type SymmetricState } from './noise.js';
import type { PeerState } from './peer.js';
import type { Peers } from './peers.js';
import { isMarked, later, timeOf } from './tai64n.js';
import type { SecureHint, SecureRefusal, Stranger } from './terms.js';

/** A stranger, and the call that has shown the private key. */
interface Met extends Stranger {
  readonly message: Uint8Array;
}

export class Callers {
  readonly #own: KeyPair;
  readonly #peers: Peers;
  readonly #unixTime: () => number;
  readonly #hint: (hint: SecureHint) => void;
  /** Those that were reported, by their public keys; the oldest first. */
  readonly #strangers = new Map<string, Met>();
  readonly #strangerPace: RateLimit;

  /** @param strangers how many are looked at */
  constructor(
    own: KeyPair,
    peers: Peers,
    unixTime: () => number,
    hint: (hint: SecureHint) => void,
    strangers: Rate = STRANGER_RATE,
  ) {
    this.#strangerPace = new RateLimit(strangers, strangers, 1);
    this.#own = own;
    this.#peers = peers;
    this.#unixTime = unixTime;
    this.#hint = hint;
  }

  /** Who called and is not known, of the last ones. */
  get strangers(): readonly Stranger[] {
    return [...this.#strangers.values()]
      .filter(({ publicKey }) => this.#peers.find(publicKey) === undefined)
      .map(({ message: _, ...stranger }) => stranger);
  }

  /** The call of somebody who was not known when it came, while the caller may still wait for its answer. */
  waiting(now: number, publicKey: Uint8Array): { from: Remote; message: Uint8Array } | undefined {
    const id = bytesToHex(publicKey);
    const met = this.#strangers.get(id);
    this.#strangers.delete(id);
    return met !== undefined && now - met.first < REKEY_TIMEOUT ? met : undefined;
  }

  /**
   * Whose initiation this is, if it should be answered.
   * @param state as it is before the message; it takes part in the answer
   */
  read(now: number, from: Remote, message: Uint8Array, state: SymmetricState): PeerState | SecureRefusal {
    const parts = initiationParts(message);
    const initiator = authentic(() => readInitiator(state, this.#own, parts));
    if (initiator === undefined) return 'decrypt failed';
    const peer = this.#peers.find(initiator);
    if (peer === undefined) {
      this.#meet(now, from, initiator, state, message);
      return 'unknown peer';
    }
    const timestamp = authentic(() => readPayload(state, peer.staticShared, parts));
    if (timestamp === undefined) return 'decrypt failed';
    if (!later(timestamp, peer.timestamp)) {
      this.#older(now, peer, timestamp);
      return 'replayed';
    }
    if (now - peer.initiationTaken < INITIATION_INTERVAL) return 'too many handshakes';
    peer.timestamp = timestamp;
    peer.speaks = isMarked(timestamp);
    peer.initiationTaken = now;
    peer.older = undefined;
    return peer;
  }

  /**
   * Reports the key of a stranger, once. Everybody who knows our public key can put any key into an initiation's first half; the
   * second half shows that the caller has the private key to it.
   */
  #meet(now: number, from: Remote, publicKey: Uint8Array, state: SymmetricState, message: Uint8Array): void {
    const id = bytesToHex(publicKey);
    if (id === bytesToHex(this.#own.public)) return;
    const met = this.#strangers.get(id);
    if (met !== undefined) {
      this.#strangers.set(id, { ...met, last: now, times: met.times + 1 });
      return;
    }
    if (!this.#strangerPace.allow(now, '')) return; // what follows takes milliseconds
    const shown = authentic(() => {
      const shared = agree(this.#own.secret, publicKey);
      try {
        return readPayload(state, shared, initiationParts(message));
      } finally {
        shared.fill(0);
      }
    });
    if (shown === undefined) return;
    const call = { from, message: message.slice() };
    this.#strangers.set(id, { publicKey, ...call, first: now, last: now, times: 1 });
    for (const oldest of this.#strangers.keys()) {
      if (this.#strangers.size <= STRANGERS_MAX) break;
      this.#strangers.delete(oldest);
    }
    this.#hint({ what: 'stranger', from, publicKey });
  }

  /**
   * An initiation is not later than the last that was taken. One message again, or one that was overtaken, is the
   * network's business, or an attacker's. But where they get later and later for a while in which nothing else comes of
   * the peer, its clock is probably behind what it was. It is not certain: somebody may have recorded several.
   */
  #older(now: number, peer: PeerState, timestamp: Uint8Array): void {
    const { older } = peer;
    if (!later(peer.timestamp, timestamp)) return; // the last one again
    if (older === undefined || later(older.timestamp, timestamp)) {
      peer.older = { since: now, timestamp };
      return;
    }
    if (!later(timestamp, older.timestamp)) return;
    older.timestamp = timestamp;
    if (now - older.since < REKEY_TIMEOUT) return;
    const time = timeOf(timestamp);
    this.#hint({
      what: 'clock',
      peer,
      behind: timeOf(peer.timestamp) - time + (now - peer.initiationTaken),
      fromOurs: time - this.#unixTime(),
    });
  }
}
