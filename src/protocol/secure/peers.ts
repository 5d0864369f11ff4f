// Who may connect: the peers that somebody listed, and those that enrolled, whose number is bounded (secure.md §3).
import { bytesToHex } from '@noble/hashes/utils.js';
import { copyKey } from '../secret.js';
import { ENROLLED_MAX, FORGET_AFTER, KEY_BYTES, REKEY_ATTEMPT_TIME, REKEY_TIMEOUT } from './constants.js';
import { agree, type KeyPair } from './noise.js';
import { type Peer, PeerState } from './peer.js';
import type { PeerOptions } from './terms.js';

/**
 * Whether a peer is away: not up, or asked and silent for longer than a round trip takes. A peer that is merely quiet is
 * not away.
 */
function isAway(now: number, peer: PeerState): boolean {
  const asked = peer.giveUp - REKEY_ATTEMPT_TIME;
  return !peer.up || (peer.handshake !== undefined && now - asked >= REKEY_TIMEOUT);
}

export class Peers {
  readonly #own: KeyPair;
  readonly #enrolledMax: number;
  /** For how long an enrolled peer may be silent, ms. */
  readonly forgetAfter: number;
  /** By their public keys in hexadecimal. */
  readonly #all = new Map<string, PeerState>();

  /** @throws RangeError for a bound that is no whole number from 0 on, or a time that is none */
  constructor(own: KeyPair, enrolledMax = ENROLLED_MAX, forgetAfter = FORGET_AFTER) {
    if (!Number.isSafeInteger(enrolledMax) || enrolledMax < 0)
      throw new RangeError('enrolledMax has to be a whole number from 0 on');
    if (!(forgetAfter > 0)) throw new RangeError('forgetAfter has to be a time above 0');
    this.#own = own;
    this.#enrolledMax = enrolledMax;
    this.forgetAfter = forgetAfter;
  }

  get all(): PeerState[] {
    return [...this.#all.values()];
  }

  find(publicKey: Uint8Array): PeerState | undefined {
    return this.#all.get(bytesToHex(publicKey));
  }

  /** Whether a peer has not been removed. */
  has(peer: Peer): boolean {
    return this.find(peer.publicKey) === peer;
  }

  remove(peer: Peer): void {
    this.#all.delete(bytesToHex(peer.publicKey));
  }

  /**
   * Adds a peer.
   * @returns the peer, and the one to be removed to make room for it
   * @throws RangeError as SecureMachine.addPeer does
   */
  add(now: number, options: PeerOptions): { readonly peer: PeerState; readonly forgotten?: PeerState } {
    const {
      publicKey,
      presharedKey,
      endpoint,
      name,
      enrolled = false,
      silent = 0,
      eager = false,
      guest = false,
      introduction,
    } = options;
    if (publicKey.length !== KEY_BYTES) throw new RangeError('a public key has 32 bytes');
    if (presharedKey !== undefined && presharedKey.length !== KEY_BYTES)
      throw new RangeError('a preshared key has 32 bytes');
    const id = bytesToHex(publicKey);
    if (id === bytesToHex(this.#own.public)) throw new RangeError('this public key is our own');
    const { secret } = this.#own;
    if (publicKey.reduce((other, byte, i) => other | (byte ^ (secret[i] as number)), 0) === 0)
      throw new RangeError('this is our own private key, and no public one');
    if (this.#all.has(id)) throw new RangeError('this public key is there already');
    let shared: Uint8Array;
    try {
      shared = agree(this.#own.secret, publicKey);
    } catch {
      throw new RangeError('this is no public key');
    }
    const forgotten = enrolled ? this.#inTheWay(now) : undefined;
    const peer = new PeerState(
      publicKey.slice(),
      name ?? id.slice(0, 8),
      enrolled,
      copyKey(presharedKey ?? new Uint8Array(KEY_BYTES)),
      shared,
      endpoint,
      eager,
      guest,
      introduction,
    );
    if (enrolled) peer.timers.gone = now + this.forgetAfter - silent; // also if it never comes
    this.#all.set(id, peer);
    return { peer, ...(forgotten && { forgotten }) };
  }

  /**
   * Which peer has to go before another may enrol: of those away the one that was heard, or enrolled, the longest ago.
   * @returns undefined while there is room
   * @throws RangeError where all are up
   */
  #inTheWay(now: number): PeerState | undefined {
    const enrolled = this.all.filter((peer) => peer.enrolled);
    if (enrolled.length < this.#enrolledMax) return undefined;
    const away = enrolled.filter((peer) => isAway(now, peer));
    const [first, ...others] = away;
    if (first === undefined)
      throw new RangeError(
        `all places for peers that enrol are taken (${enrolled.length}): raise their number at the server`,
      );
    return others.reduce((oldest, peer) => (peer.timers.gone < oldest.timers.gone ? peer : oldest), first);
  }
}
