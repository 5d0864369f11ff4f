// The core as others get it: each session is an object, and what it is given is checked. A cable's own hosts
// (portable-cable.ts, native/) work with core.ts, whose slots, stages and addresses trust who calls.

import { CryptcabError } from '../error.js';
import { isBytes } from '../is-bytes.js';
import { Core as Host } from './core.js';
import { type Refusal, STATUS } from './status.js';
import type { Keying, SessionCounts, TransportKeys } from './terms.js';

/** What became of a DATA datagram of the classic cable: the frame in it, or why it was refused. */
export type Opened = { readonly frame: Uint8Array } | { readonly refused: Refusal };

/** What became of a transport message of the secure cable. */
export type OpenedMessage =
  | {
      /** The frames that are whole now; none where it brought a fragment of one, or was a keepalive. */
      readonly frames: readonly Uint8Array[];
      /** The place of the keypair that opened it. */
      readonly place: number;
      /** Control payloads, their kind first (secure.md §7). */
      readonly controls: readonly Uint8Array[];
      /** Whether its payload was for the switch; a keepalive's and a control payload are not. */
      readonly data: boolean;
    }
  | { readonly refused: Refusal };

/** Smallest frame: an Ethernet header. */
const FRAME_MIN = 14;

/** @throws RangeError for what are no bytes, or not as many */
function checkBytes(bytes: Uint8Array, what: string, min: number, max: number): void {
  if (!(isBytes(bytes) && bytes.length >= min && bytes.length <= max))
    throw new RangeError(`${what} has ${min === max ? min : `${min} to ${max}`} bytes`);
}

/** @throws RangeError for what is no such number */
function checkInteger(value: number, what: string, min: number, max: number): void {
  if (!(Number.isInteger(value) && value >= min && value <= max))
    throw new RangeError(`${what} is ${min} to ${max}`);
}

/**
 * The WebAssembly core: ciphers, framing and replay windows, as sessions. It knows no time, draws no random number and
 * touches nothing outside; it runs in a browser as well.
 */
export class Core {
  /** Largest datagram that can be opened, bytes. */
  readonly datagramMax: number;
  /** Largest frame that can be carried, bytes. */
  readonly frameMax: number;
  readonly #host: Host;

  private constructor(host: Host) {
    this.#host = host;
    this.datagramMax = host.datagramMax;
    this.frameMax = host.frameMax;
  }

  /** Makes a core of its own; nothing is read from a file. */
  static async load(): Promise<Core> {
    return new Core(await Host.load());
  }

  /**
   * Makes a session of the classic cable: what one peer's datagrams are sealed and opened with (classic.md §3).
   * @param frameMax bytes of the longest frame that the peer takes, 14 to 9216
   * @throws RangeError for a keying that is none, or too short a key; CryptcabError where there is no memory for it
   */
  openSession(keying: Keying, frameMax: number = this.frameMax): Session {
    checkInteger(frameMax, 'the longest frame', FRAME_MIN, this.frameMax);
    const number = newSession(this.#host);
    try {
      this.#host.keySession(number, keying);
    } catch (error) {
      this.#host.closeSession(number);
      throw error;
    }
    this.#host.limitSession(number, frameMax);
    return new Session(this.#host, number, frameMax);
  }

  /**
   * Makes a session of the secure cable (secure.md §2.1), without keys yet.
   * @param path largest UDP payload to be sent, 508 to datagramMax bytes
   * @throws RangeError for any other; CryptcabError where there is no memory for it
   */
  openSecureSession(path: number): SecureSession {
    const number = newSession(this.#host);
    const session = new SecureSession(this.#host, number);
    try {
      session.setPath(path);
    } catch (error) {
      session.dispose();
      throw error;
    }
    return session;
  }

  /**
   * The RESPONSE to a challenge (classic.md §3).
   * @param challenge 128 bytes
   * @returns 137 bytes with Blowfish, 141 with ChaCha20, 129 when plain
   * @throws RangeError for a challenge of another length, a keying that is none, or too short a key
   */
  sealResponse(keying: Keying, challenge: Uint8Array): Uint8Array {
    return this.#host.sealResponse(keying, challenge);
  }

  /**
   * Whether a RESPONSE answers a challenge; all of it is compared, whatever the first bytes were.
   * @param response the datagram, its type byte included, of any length
   * @param challenge 128 bytes
   * @throws RangeError for a challenge of another length, a keying that is none, or too short a key
   */
  verifyResponse(keying: Keying, response: Uint8Array, challenge: Uint8Array): boolean {
    checkBytes(response, 'a response', 0, Number.POSITIVE_INFINITY);
    return this.#host.verifyResponse(keying, response, challenge);
  }
}

function newSession(host: Host): number {
  const number = host.openSession();
  if (number === undefined)
    throw new CryptcabError('there is no memory for another session: dispose of those that have ended');
  return number;
}

/** What both kinds of session have. */
export abstract class AnySession {
  readonly #host: Host;
  readonly #number: number;
  #disposed = false;

  /** @internal */
  constructor(host: Host, number: number) {
    this.#host = host;
    this.#number = number;
  }

  /** What it has carried, 64 bits each. @throws CryptcabError when it has been disposed of */
  counts(): SessionCounts {
    return this.within((host, number) => host.counts(number));
  }

  /** Wipes its keys and gives its memory back. Once: called again, it does nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#host.closeSession(this.#number);
  }

  /** @internal */
  protected within<T>(work: (host: Host, number: number) => T): T {
    // Its number may be another session's by now.
    if (this.#disposed) throw new CryptcabError('this session has been disposed of');
    return work(this.#host, this.#number);
  }
}

/** Copies of what the ring holds now, each with its status; the ring is empty then. */
function drain(host: Host): { status: number; bytes: Uint8Array }[] {
  const { ring } = host;
  const all: { status: number; bytes: Uint8Array }[] = [];
  for (let count = ring.process(); count > 0; count = ring.process()) {
    for (let back = count - 1; back >= 0; back--) {
      const { index, status, address, length } = ring.processed(back);
      all.push({ status, bytes: ring.bytes.slice(address, address + length) });
      ring.release(index);
    }
  }
  return all;
}

/** The bytes of what was sealed. @throws CryptcabError when it could not be */
function sealed({ status, bytes }: { status: number; bytes: Uint8Array }): Uint8Array {
  if (status !== 0) throw new CryptcabError(`cannot seal: ${STATUS[status]}`);
  return bytes;
}

/** A session of the classic cable. */
export class Session extends AnySession {
  readonly #frameMax: number;

  /** @internal */
  constructor(host: Host, number: number, frameMax: number) {
    super(host, number);
    this.#frameMax = frameMax;
  }

  /**
   * Seals a frame.
   * @param frame an Ethernet frame, 14 to 9216 bytes
   * @returns the DATA datagram, its type byte included
   * @throws RangeError for a frame of another length; CryptcabError when it has been disposed of
   */
  seal(frame: Uint8Array): Uint8Array {
    return this.within((host, number) => {
      checkBytes(frame, 'a frame', FRAME_MIN, this.#frameMax);
      host.ring.bytes.set(frame, host.ring.frameAt(host.ring.next));
      host.ring.commit(number, frame.length);
      return sealed(drain(host)[0] as { status: number; bytes: Uint8Array });
    });
  }

  /**
   * Opens a datagram.
   * @param datagram DATA, its type byte included; whatever it holds and however long it is, it is opened or refused
   * @throws CryptcabError when the session has been disposed of
   */
  open(datagram: Uint8Array): Opened {
    return this.within((host, number) => {
      checkBytes(datagram, 'a datagram', 0, Number.POSITIVE_INFINITY);
      if (datagram.length > host.datagramMax) return tooLong(host, number);
      host.ring.push(number, datagram);
      const { status, bytes } = drain(host)[0] as { status: number; bytes: Uint8Array };
      return status === 0 ? { frame: bytes } : { refused: STATUS[status] as Refusal };
    });
  }
}

function tooLong(host: Host, number: number): { refused: Refusal } {
  host.dropped(number, 0, 1);
  return { refused: 'bad length' };
}

/** Keypairs of a peer: previous, current and next; which one is where is SecureMachine's to say. */
const PLACES = 3;

/** A session of the secure cable: one peer's keypairs, and the frames of which fragments are missing. */
export class SecureSession extends AnySession {
  readonly #there = new Set<number>();

  /** Tells that the path has changed. @param path largest UDP payload to be sent, 508 to datagramMax bytes @throws RangeError for any other */
  setPath(path: number): void {
    this.within((host, number) => {
      checkInteger(path, 'the largest payload of a path', 508, host.datagramMax);
      host.setPath(number, path);
    });
  }

  /**
   * Puts a keypair into a place; it opens from now on, and seals after use(). The keys are copied.
   * @param place 0 to 2
   * @throws RangeError for another place, keys that have not 32 bytes each, or indices that have not 32 bits
   */
  install(place: number, keys: TransportKeys): void {
    this.within((host, number) => {
      checkInteger(place, 'a place', 0, PLACES - 1);
      for (const key of ['send', 'receive'] as const) checkBytes(keys[key], `the key '${key}'`, 32, 32);
      for (const index of ['local', 'remote'] as const)
        checkInteger(keys[index], `the index '${index}'`, 0, 0xffff_ffff);
      host.installKeypair(number, place, keys);
      this.#there.add(place);
    });
  }

  /** From now on the keypair at this place seals. @throws RangeError where there is none */
  use(place: number): void {
    this.#at(place, (host, number) => host.useKeypair(number, place));
  }

  /** Takes a keypair away and wipes it; if it was the one that seals, none does. @throws RangeError where there is none */
  drop(place: number): void {
    this.#at(place, (host, number) => host.dropKeypair(number, place));
    this.#there.delete(place);
  }

  /** How many messages a keypair has sealed. @throws RangeError where there is none */
  messagesSealed(place: number): bigint {
    return this.#at(place, (host, number) => host.keypairSealed(number, place));
  }

  #at<T>(place: number, work: (host: Host, number: number) => T): T {
    return this.within((host, number) => {
      if (!this.#there.has(place)) throw new RangeError(`there is no keypair at place ${place}`);
      return work(host, number);
    });
  }

  /**
   * Seals a frame.
   * @param frame an Ethernet frame, 14 to 9216 bytes
   * @returns the transport messages that carry it: one, or several where the path takes no message of that size
   * @throws RangeError for a frame of another length; CryptcabError when no keypair seals, or the one that does has sealed all
   * that it may, or the session has been disposed of
   */
  seal(frame: Uint8Array): Uint8Array[] {
    return this.within((host, number) => {
      checkBytes(frame, 'a frame', FRAME_MIN, host.frameMax);
      host.ring.bytes.set(frame, host.fetchedAt(0));
      host.setFetched(0, frame.length);
      host.pack(number, 1);
      return drain(host).map(sealed);
    });
  }

  /** An empty message. @throws CryptcabError as seal() does */
  keepalive(): Uint8Array {
    return this.control(new Uint8Array());
  }

  /**
   * Seals a control payload.
   * @param payload 256 bytes at most, its kind first
   * @throws RangeError for a longer one; CryptcabError as seal() does
   */
  control(payload: Uint8Array): Uint8Array {
    return this.within((host, number) => {
      const datagram = host.sealControl(number, payload);
      if (typeof datagram === 'string') throw new CryptcabError(`cannot seal: ${datagram}`);
      return datagram;
    });
  }

  /**
   * Opens a transport message.
   * @param datagram whatever it holds and however long it is, it is opened or refused
   * @param now ms, of a clock that does not jump: a frame that lacks fragments for long is given up
   * @throws CryptcabError when the session has been disposed of
   */
  open(datagram: Uint8Array, now: number): OpenedMessage {
    return this.within((host, number) => {
      checkBytes(datagram, 'a datagram', 0, Number.POSITIVE_INFINITY);
      if (datagram.length > host.datagramMax) return tooLong(host, number);
      const { ring } = host;
      ring.pushTransport(number, datagram);
      ring.process();
      const { index, status, keypair: place, data } = ring.processed(0);
      const frames = status === 0 ? this.#frames(host, number, now) : [];
      const controls = host.controls().map(({ payload }) => payload);
      ring.release(index);
      return status === 0 ? { frames, controls, place, data } : { refused: STATUS[status] as Refusal };
    });
  }

  #frames(host: Host, number: number, now: number): Uint8Array[] {
    const count = host.frames(number, 1, now);
    return Array.from({ length: count }, (_, i) => {
      const { place, address, length } = host.frame(i);
      const frame = host.ring.bytes.slice(address, address + length);
      if (place < 0) host.releaseFrame(place);
      return frame;
    });
  }
}
