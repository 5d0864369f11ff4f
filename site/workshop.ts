// The core as the page uses it: whole datagrams sealed and opened, and each of its primitives by itself.
import { Core, type Keying } from '../src/core/core.js';
import { type Refusal, STATUS, type Status } from '../src/core/status.js';
import { instantiate, newMemory, type Wasm } from '../src/core/wasm.js';
import { TYPE } from '../src/protocol/constants.js';
import { isTransport } from '../src/protocol/secure/messages.js';
import { joined } from './hex.js';

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

/** Largest datagram of the secure cable, bytes, unless the path is known to take more or less (secure-protocol §2). */
export const PATH = 1452;
const PLACE = 0;
const SCRATCH_SESSION = 0;

export class Workshop {
  readonly frameMax: number;
  readonly datagramMax: number;
  readonly #core: Core;
  /** The same memory: nothing here is at work while something else is. */
  readonly #wasm: Wasm;
  readonly #bytes: Uint8Array;

  private constructor(core: Core, wasm: Wasm) {
    this.#core = core;
    this.#wasm = wasm;
    this.#bytes = new Uint8Array(wasm.memory.buffer);
    this.frameMax = core.frameMax;
    this.datagramMax = core.datagramMax;
  }

  static async open(): Promise<Workshop> {
    const memory = newMemory();
    return new Workshop(await Core.load(memory), await instantiate(memory));
  }

  /** Seals frames into one datagram: of the classic cable exactly one, of the secure cable as many as fit in PATH. */
  seal(secret: Secret, counter: bigint, frames: readonly Uint8Array[]): Sealed {
    const { layout, memory } = this.#wasm;
    return this.#session(secret, (session) => {
      const counterAt =
        secret.suite === 'secure'
          ? layout.SESSIONS +
            session * layout.SESSION_BYTES +
            layout.SESSION_KEYPAIRS +
            layout.KEYPAIR_COUNTER
          : layout.SEND_COUNTER;
      // A classic datagram bears the counter after the last one, a secure one the next.
      const last = secret.suite === 'secure' ? counter : BigInt.asUintN(64, counter - 1n);
      new DataView(memory.buffer).setBigUint64(counterAt, last, true);
      const stream = frames.map((frame) =>
        joined(Uint8Array.of(frame.length >> 8, frame.length & 0xff), frame),
      );
      this.#core.readStream(session, joined(...stream));
      const { status, bytes } = this.#next();
      return { status, datagram: bytes };
    });
  }

  /** Opens datagrams one after the other, as one receiver. */
  open(secret: Secret, datagrams: readonly Uint8Array[]): Opened[] {
    return this.#session(secret, (session) =>
      datagrams.map((datagram) => {
        const nothing = { bytes: new Uint8Array(), frames: 0, faults: [] };
        const ours = secret.suite === 'secure' ? isTransport(datagram) : datagram[0] === TYPE.DATA;
        if (!ours) return { ...nothing, status: 'other type' };
        if (datagram.length > this.datagramMax) return { ...nothing, status: 'bad length' };
        const before = this.#core.counts(session);
        if (secret.suite === 'secure') this.#core.ring.pushTransport(session, datagram);
        else this.#core.ring.push(session, datagram);
        const { status, bytes } = this.#next(session);
        const after = this.#core.counts(session);
        const faults = (Object.keys(after.refused) as Refusal[]).filter(
          (reason) => reason !== status && after.refused[reason] !== before.refused[reason],
        );
        return { status, bytes, frames: Number(after.opened - before.opened), faults };
      }),
    );
  }

  /** CRC-32 (IEEE 802.3). */
  crc32(bytes: Uint8Array): number {
    const { functions, layout } = this.#wasm;
    this.#bytes.set(bytes, layout.STAGE_IN);
    return functions.crc32(layout.STAGE_IN, bytes.length) >>> 0;
  }

  /** Blowfish alone, on blocks of 8 bytes. @param key of a key file: its first 16 bytes */
  blowfish(key: Uint8Array, direction: 'encrypt' | 'decrypt', blocks: Uint8Array): Uint8Array {
    const { functions, layout } = this.#wasm;
    const at = layout.STAGE_IN;
    this.#bytes.set(key.subarray(0, 24), at);
    functions.sessionKeyBlowfish(SCRATCH_SESSION, at, 16);
    this.#bytes.set(blocks, at);
    const work = direction === 'encrypt' ? functions.blowfishEncrypt : functions.blowfishDecrypt;
    work(at, blocks.length / 8);
    functions.sessionUnkey(SCRATCH_SESSION);
    return this.#bytes.slice(at, at + blocks.length);
  }

  /** So many bytes of ChaCha20's key stream (RFC 8439 §2.4), from a block on. */
  keyStream(key: Uint8Array, nonce: Uint8Array, block: number, length: number): Uint8Array {
    const { functions, layout } = this.#wasm;
    const [at, keyAt] = [layout.STAGE_IN, layout.STAGE_OUT];
    this.#bytes.fill(0, at, at + length);
    this.#bytes.set(key.subarray(0, 32), keyAt);
    this.#bytes.set(nonce, keyAt + 32);
    functions.chacha20(at, length, keyAt, keyAt + 32, block);
    this.#bytes.fill(0, keyAt, keyAt + 44);
    return this.#bytes.slice(at, at + length);
  }

  /** Poly1305 (RFC 8439 §2.5) of whole blocks of 16 bytes. */
  poly1305(key: Uint8Array, message: Uint8Array): Uint8Array {
    const { functions, layout } = this.#wasm;
    const [at, keyAt] = [layout.STAGE_IN, layout.STAGE_OUT];
    this.#bytes.set(message, at);
    this.#bytes.set(key, keyAt);
    functions.polyBegin(keyAt);
    functions.polyBlocks(at, message.length);
    functions.polyEnd(keyAt);
    return this.#bytes.slice(keyAt, keyAt + 16);
  }

  /** What became of the one slot that waits; of what was opened, the core's frames are counted, too. */
  #next(opened?: number): { status: Status; bytes: Uint8Array } {
    const { ring } = this.#core;
    const count = ring.process();
    const { index, status, address, length } = ring.processed(count - 1);
    const bytes = this.#bytes.slice(address, address + length);
    if (opened !== undefined) this.#core.writeStream(opened, count);
    for (let i = 0; i < count; i++) ring.release((index + i) % ring.slots);
    return { status: STATUS[status] as Status, bytes };
  }

  #session<T>(secret: Secret, work: (session: number) => T): T {
    const session = this.#core.openSession();
    if (session === undefined) throw new Error('no memory for a session');
    try {
      if (secret.suite === 'secure') {
        const { key, index } = secret;
        this.#core.setPath(session, PATH);
        this.#core.installKeypair(session, PLACE, { send: key, receive: key, local: index, remote: index });
        this.#core.useKeypair(session, PLACE);
      } else this.#core.keySession(session, secret);
      return work(session);
    } finally {
      this.#core.closeSession(session);
    }
  }
}
