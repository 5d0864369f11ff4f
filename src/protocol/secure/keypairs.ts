// The keypairs of each peer, from a handshake on to the last message under them, and the indices that messages to us bear.
import type { TransportKeys } from '../../core/terms.js';
import type { Random } from '../classic/session-key.js';
import { ERASE_AFTER_TIME } from './constants.js';
import { wipeState } from './noise.js';
import type { Keypair, Peer, PeerState } from './peer.js';
import type { SecureDown, SecureEffect } from './terms.js';

/** An index that we gave out: of an initiation that waits, or of a keypair. */
interface Index {
  readonly peer: PeerState;
  keypair: Keypair | undefined;
}

export class Keypairs {
  readonly #random: Random;
  readonly #index: (peer: Peer, drawn: number) => number;
  readonly #push: (effect: SecureEffect) => void;
  readonly #indices = new Map<number, Index>();

  /**
   * @param index makes a receiver's index for a peer of one that was drawn
   * @param push takes what the host is to do
   */
  constructor(
    random: Random,
    index: (peer: Peer, drawn: number) => number,
    push: (effect: SecureEffect) => void,
  ) {
    this.#random = random;
    this.#index = index;
    this.#push = push;
  }

  /** Whose index this is. */
  find(index: number): Index | undefined {
    return this.#indices.get(index);
  }

  newIndex(peer: PeerState): number {
    for (;;) {
      const [a = 0, b = 0, c = 0, d = 0] = this.#random(4);
      const index = this.#index(peer, (a | (b << 8) | (c << 16) | (d << 24)) >>> 0);
      if (this.#indices.has(index)) continue;
      this.#indices.set(index, { peer, keypair: undefined });
      return index;
    }
  }

  /** Sends an initiation of ours that waits to another address, when it is time: who gets it twice takes the first one alone. */
  askElsewhere(now: number, { handshake }: PeerState): void {
    const to = handshake?.race.next(now);
    if (handshake === undefined || to === undefined) return;
    this.#push({ do: 'send', to, datagram: handshake.datagram });
  }

  /** Forgets an initiation of ours that waits. */
  endHandshake(peer: PeerState): void {
    const { handshake } = peer;
    if (handshake === undefined) return;
    peer.handshake = undefined;
    if (this.#indices.get(handshake.index)?.keypair === undefined) this.#indices.delete(handshake.index);
    wipeState(handshake.state);
    handshake.ephemeral.secret.fill(0);
  }

  install(now: number, peer: PeerState, keys: TransportKeys, initiator: boolean): Keypair {
    const keypair = { place: peer.freePlace(), local: keys.local, initiator, created: now };
    this.#indices.set(keys.local, { peer, keypair });
    this.#push({ do: 'install', peer, place: keypair.place, keys });
    peer.timers.erase = now + ERASE_AFTER_TIME;
    return keypair;
  }

  /** The peer has shown that it has the keys of the handshake that it began. */
  confirm(peer: PeerState): void {
    if (peer.previous !== undefined) this.drop(peer, peer.previous);
    peer.previous = peer.current;
    peer.current = peer.next;
    peer.next = undefined;
    peer.crossed = peer.handshake === undefined ? undefined : peer.current;
    this.use(peer);
  }

  /** The current keypair seals from now on. */
  use(peer: PeerState): void {
    peer.timers.retry = Infinity;
    peer.lastMinute = false;
    peer.leftAt = undefined;
    this.#push({ do: 'use', peer, place: peer.sealing as number });
    if (!peer.up) this.#push({ do: 'up', peer });
    peer.up = true;
  }

  drop(peer: PeerState, keypair: Keypair): void {
    for (const role of ['previous', 'current', 'next'] as const)
      if (peer[role] === keypair) peer[role] = undefined;
    this.#indices.delete(keypair.local);
    this.#push({ do: 'drop', peer, place: keypair.place });
  }

  goDown(peer: PeerState, why: SecureDown): void {
    if (peer.up) this.#push({ do: 'down', peer, why });
    peer.up = false;
  }
}
