import { parentPort } from 'node:worker_threads';
import type { FrameCore } from '../../../core/frame-core.js';
import { Pace } from '../../../protocol/handshake-pace.js';
import { MESSAGE } from '../../../protocol/secure/constants.js';
import { WAY_WORDS } from '../linux/sockaddr.js';
import type { Datagrams } from './datagrams.js';
import type { Peer, SecurePeer } from './peer.js';
import { sameWords } from './peer-table.js';
import {
  CONTROL_MAX,
  FLOW,
  KEPT_MAX,
  OPENED_MAX,
  PIECES_MAX,
  type Report,
  SAID_MAX,
  TAPPED_MAX,
} from './talk.js';

/** A tap's copy waits for the main thread no longer, ms. */
const TAPPED_MS = 100;

/** Tells the main thread something. */
export function report(report: Report): void {
  parentPort?.postMessage(report);
}

/** What is reported of datagrams and frames, within the bounds of talk.ts: nothing queues there without bound. */
export class Reports {
  readonly #core: FrameCore;
  readonly #datagrams: Datagrams;
  readonly #flow: Int32Array;
  readonly #pump: () => void;
  readonly #pace = new Pace();

  /** @param pump has the core work through what waits in the ring */
  constructor(core: FrameCore, datagrams: Datagrams, flow: Int32Array, pump: () => void) {
    this.#core = core;
    this.#datagrams = datagrams;
    this.#flow = flow;
    this.#pump = pump;
  }

  /** A datagram that is no link's. @param known whether its sender is */
  control(name: number, at: number, length: number, known: boolean): void {
    if (Atomics.load(this.#flow, FLOW.control) >= CONTROL_MAX) return;
    const type = this.#core.ring.bytes[at] as number;
    if (!this.#pace.allows(performance.now(), type, known)) return;
    Atomics.add(this.#flow, FLOW.control, 1);
    // What came before a message of the secure handshake comes before it.
    if (type < MESSAGE.TRANSPORT) this.#pump();
    const datagram = this.#core.ring.bytes.slice(at, at + length);
    report({ says: 'control', way: this.#datagrams.wayAt(name), datagram });
  }

  /** An authentic message, unless one like it has just been reported. */
  opened(peer: Peer, secure: SecurePeer, keypair: number, slot: number, data: boolean): void {
    const index = secure.indices[keypair];
    const name = this.#datagrams.senderOf(slot);
    const { words } = this.#datagrams;
    if (index === undefined) return; // taken away meanwhile
    if (index === secure.toldIndex && sameWords(secure.toldFrom, words, name >> 2, WAY_WORDS)) return;
    if (Atomics.load(this.#flow, FLOW.opened) >= OPENED_MAX) return;
    Atomics.add(this.#flow, FLOW.opened, 1);
    secure.toldIndex = index;
    secure.toldFrom.set(words.subarray(name >> 2, (name >> 2) + WAY_WORDS));
    const { session } = peer;
    report({ says: 'opened', session, index, way: this.#datagrams.wayAt(name), data });
  }

  /** A control payload. */
  said({ session, secure }: Peer, place: number, payload: Uint8Array): void {
    const index = secure?.indices[place];
    if (index === undefined || Atomics.load(this.#flow, FLOW.said) >= SAID_MAX) return;
    Atomics.add(this.#flow, FLOW.said, 1);
    report({ says: 'said', session, index, payload });
  }

  /** What the core has kept of hosts. */
  kept(): void {
    for (const { session, from, bytes } of this.#core.hosts.kept()) {
      if (Atomics.load(this.#flow, FLOW.kept) >= KEPT_MAX) {
        this.#core.hosts.busy(session);
        continue;
      }
      Atomics.add(this.#flow, FLOW.kept, 1);
      report({ says: 'kept', session, from, bytes });
    }
  }

  /** Whether the main thread has so many pieces for plugs that it must not get more. */
  get piecesFull(): boolean {
    return Atomics.load(this.#flow, FLOW.pieces) > PIECES_MAX;
  }

  /** A piece of a plug's stream. */
  piece(session: number, piece: Uint8Array): void {
    if (piece.length === 0) return;
    Atomics.add(this.#flow, FLOW.pieces, piece.length);
    report({ says: 'piece', session, piece });
  }

  /** A copy for the tap; waits while the main thread has so many that it must not get more. */
  tapped(
    direction: 'in' | 'out',
    { session, secure }: Peer,
    at: number,
    length: number,
    from?: number,
  ): void {
    const waiting = Atomics.add(this.#flow, FLOW.tapped, 1) + 1;
    const datagram = this.#core.ring.bytes.slice(at, at + length);
    const way = secure === undefined || from === undefined ? undefined : this.#datagrams.wayAt(from);
    report({ says: 'tapped', direction, session, way, datagram });
    if (waiting >= TAPPED_MAX) Atomics.wait(this.#flow, FLOW.tapped, waiting, TAPPED_MS);
  }
}
