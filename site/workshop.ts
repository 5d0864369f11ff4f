// Whole datagrams sealed and opened by the core; its primitives by themselves are those that vectors are checked with.

import type { Refusal, Status } from '../src/core/status.js';
import type { Keying } from '../src/core/terms.js';
import { TYPE } from '../src/protocol/classic/constants.js';
import { isTransport } from '../src/protocol/secure/messages.js';
import type { Primitives } from '../src/vectors/primitives.js';
import { inStream, Tools } from '../src/vectors/tools.js';

/** What a datagram is sealed and opened with: a classic keying, or one direction of a secure keypair. */
export type Secret =
  | Exclude<Keying, { suite: 'plain' }>
  | { readonly suite: 'secure'; readonly key: Uint8Array; readonly index: number };

export type Kind = Secret['suite'];

export interface Sealed {
  readonly status: Status;
  /** Empty unless the status is 'ok'. */
  readonly datagram: Uint8Array;
}

export interface Opened {
  /** 'other type': the cable takes it for no frame of its peer's, and does not ask the core. */
  readonly status: Status | 'other type';
  /** The frame; of the secure cable the payload, frames and all. Empty unless the status is 'ok'. */
  readonly bytes: Uint8Array;
  /** How many whole frames the switch is given. */
  readonly frames: number;
  /** What the core found wrong inside an authentic payload. */
  readonly faults: readonly Refusal[];
}

/** Largest datagram of the secure cable, bytes, unless the path is known to take more or less (secure.md §2.6). */
export const PATH = 1452;
const PLACE = 0;

export class Workshop {
  readonly primitives: Primitives;
  readonly frameMax: number;
  readonly datagramMax: number;
  readonly #tools: Tools;

  private constructor(tools: Tools) {
    this.#tools = tools;
    this.primitives = tools.primitives;
    this.frameMax = tools.core.frameMax;
    this.datagramMax = tools.core.datagramMax;
  }

  static async open(): Promise<Workshop> {
    return new Workshop(await Tools.load());
  }

  /**
   * Seals frames into one datagram: of the classic cable exactly one, of the secure cable as many as fit in PATH.
   * @throws RangeError where they do not make one
   */
  seal(secret: Secret, counter: bigint, frames: readonly Uint8Array[]): Sealed {
    const tools = this.#tools;
    return this.#session(secret, (session) => {
      if (secret.suite === 'secure') tools.setTransportCounter(session, counter);
      else tools.nextCounter = counter;
      tools.core.readStream(session, inStream(frames));
      const [slot, ...more] = tools.drain();
      if (slot === undefined || more.length > 0) throw new RangeError('not exactly one datagram');
      return { status: slot.status, datagram: slot.bytes };
    });
  }

  /** Opens datagrams one after the other, as one receiver. */
  open(secret: Secret, datagrams: readonly Uint8Array[]): Opened[] {
    return this.#session(secret, (session) =>
      datagrams.map((datagram) => this.#open(secret, session, datagram)),
    );
  }

  #open(secret: Secret, session: number, datagram: Uint8Array): Opened {
    const { core } = this.#tools;
    const nothing = { bytes: new Uint8Array(), frames: 0, faults: [] };
    const secure = secret.suite === 'secure';
    if (!(secure ? isTransport(datagram) : datagram[0] === TYPE.DATA))
      return { ...nothing, status: 'other type' };
    if (datagram.length > this.datagramMax) return { ...nothing, status: 'bad length' };
    const before = core.counts(session);
    if (secure) core.ring.pushTransport(session, datagram);
    else core.ring.push(session, datagram);
    // Frames are taken out of a payload when they are handed on.
    const [slot] = this.#tools.batch((count) => core.writeStream(session, count));
    if (slot === undefined) throw new RangeError('the ring holds nothing');
    const { status, bytes } = slot;
    const after = core.counts(session);
    const faults = (Object.keys(after.refused) as Refusal[]).filter(
      (reason) => reason !== status && after.refused[reason] !== before.refused[reason],
    );
    return { status, bytes, frames: Number(after.opened - before.opened), faults };
  }

  #session<T>(secret: Secret, work: (session: number) => T): T {
    const { core } = this.#tools;
    return this.#tools.session((session) => {
      if (secret.suite === 'secure') {
        const { key, index } = secret;
        core.setPath(session, PATH);
        core.installKeypair(session, PLACE, { send: key, receive: key, local: index, remote: index });
        core.useKeypair(session, PLACE);
      } else core.keySession(session, secret);
      return work(session);
    });
  }
}
