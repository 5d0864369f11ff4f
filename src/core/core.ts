import { isBytes } from '../is-bytes.js';
import { FrameCore } from './frame-core.js';
import { isPacket } from './hosts.js';
import { type Refusal, STATUS } from './status.js';
import type {
  FragmentCounts,
  Keying,
  SeenAddress,
  SessionCounts,
  SessionNews,
  TransportKeys,
} from './terms.js';
import { instantiate } from './wasm.js';

const CHALLENGE_BYTES = 128;
const BLOWFISH_KEY_BYTES = 16;
const IV_BYTES = 8;
const CHACHA20_KEY_BYTES = 32;
const TRANSPORT_KEY_BYTES = 32;
/** Of a datagram that is noted, as much as is looked at (assembly/own.ts). */
const NOTED_BYTES = 32;
const INCOMPLETE = STATUS.indexOf('incomplete frame');
/** Kept out of the numbers given out: handshakes of unproven peers borrow it. */
const SCRATCH_SESSION = 0;

/** Of the time that is with an address that was seen (assembly/layout.ts, SEEN_NOW). */
const SEEN_UNIT_MS = 100;

/** The blocks of key stream that the builds of the C program begin with (classic.md §3.3). */
const CHACHA20_BLOCKS: readonly number[] = [0, 12];

/** A suite that is none would be taken for another one. @throws RangeError */
function checkKeying(keying: Keying): void {
  switch (keying.suite) {
    case 'plain':
    case 'blowfish':
      return;
    case 'chacha20':
      if (CHACHA20_BLOCKS.includes(keying.block)) return;
      throw new RangeError('the first block of chacha20 is 0 or 12');
    default:
      throw new RangeError("a suite is 'plain', 'blowfish' or 'chacha20'");
  }
}

/**
 * The WebAssembly core as the main thread has it: sessions and their keys, what was counted, and what handshakes need. Where
 * an I/O thread works in the same memory, each call takes the lock. Where there is one thread, it moves the frames as well.
 * Nothing in here knows the time, draws a random number or touches the world.
 */
export class Core extends FrameCore {
  readonly #free: number[] = [];
  readonly #open = new Set<number>();
  /**
   * How many broadcasts and multicasts the peer of each session that is opened from now on may send a second; undefined: any
   * number. Then the time has to be given where frames are opened.
   */
  broadcastLimit: number | undefined;
  #sessions = SCRATCH_SESSION + 1;

  /**
   * Makes a core of its own; nothing is read from a file.
   * @param memory a memory made by newMemory(), if another thread has to reach it as well
   */
  static override async load(memory?: WebAssembly.Memory): Promise<Core> {
    return new Core(await instantiate(memory));
  }

  /**
   * Makes a session, without a key yet.
   * @returns its number, or undefined when there is no memory for one more
   */
  openSession(): number | undefined {
    const session = this.#free.pop() ?? this.#newSession();
    if (session === undefined) return undefined;
    this.#open.add(session);
    const { broadcastLimit } = this;
    if (broadcastLimit !== undefined)
      this.locked(() => this.wasm.functions.sessionStormLimit(session, broadcastLimit));
    return session;
  }

  #newSession(): number | undefined {
    const { SESSIONS, SESSION_BYTES, SESSIONS_MAX } = this.wasm.layout;
    if (this.#sessions >= SESSIONS_MAX) return undefined;
    const missing = SESSIONS + (this.#sessions + 1) * SESSION_BYTES - this.wasm.memory.buffer.byteLength;
    try {
      if (missing > 0) this.wasm.memory.grow(Math.ceil(missing / 0x10000));
    } catch {
      return undefined; // the memory is at its maximum, or the system has no more
    }
    return this.#sessions++;
  }

  /**
   * Ends a session and wipes all that it held.
   * @throws RangeError for one that is not open
   */
  closeSession(session: number): void {
    // Twice in #free, it would be given to two peers.
    if (!this.#open.delete(session)) throw new RangeError(`there is no session ${session}`);
    this.locked(() => this.wasm.functions.sessionClear(session));
    this.#free.push(session);
  }

  /**
   * Keys a session; its replay window starts again.
   * @throws RangeError for a keying that is none, or too short a key
   */
  keySession(session: number, keying: Keying): void {
    this.locked(() => this.#key(session, keying));
  }

  #key(session: number, keying: Keying): void {
    const { functions, layout } = this.wasm;
    checkKeying(keying);
    if (keying.suite === 'plain') {
      functions.sessionKeyPlain(session);
      return;
    }
    const bytes = keying.suite === 'blowfish' ? BLOWFISH_KEY_BYTES + IV_BYTES : CHACHA20_KEY_BYTES;
    if (!(isBytes(keying.key) && keying.key.length >= bytes))
      throw new RangeError(`a key for ${keying.suite} has ${bytes} bytes`);
    this.ring.bytes.set(keying.key.subarray(0, bytes), layout.STAGE_IN);
    if (keying.suite === 'blowfish')
      functions.sessionKeyBlowfish(session, layout.STAGE_IN, BLOWFISH_KEY_BYTES);
    else functions.sessionKeyChaCha20(session, layout.STAGE_IN, keying.block);
  }

  /**
   * Bounds what a session seals: a longer frame is refused. As long as the session lasts, whatever its key.
   * @param frameMax bytes of the longest frame
   */
  limitSession(session: number, frameMax: number): void {
    this.locked(() => this.wasm.functions.sessionLimit(session, Math.min(frameMax, this.frameMax)));
  }

  /** Takes a session's key away and wipes it. */
  unkeySession(session: number): void {
    this.locked(() => this.wasm.functions.sessionUnkey(session));
  }

  /** Says from which UDP port what is sealed here leaves: frames that are such datagrams are refused. */
  knowPort(port: number): void {
    this.wasm.functions.ownPort(port);
  }

  /** Notes a datagram that was sent without the ring: as a frame from a plug it is refused. */
  noteSent(datagram: Uint8Array): void {
    const { functions, layout } = this.wasm;
    this.locked(() => {
      this.ring.bytes.set(datagram.subarray(0, NOTED_BYTES), layout.STAGE_IN);
      functions.ownNote(layout.STAGE_IN, Math.min(datagram.length, NOTED_BYTES));
    });
  }

  /**
   * Puts a keypair into one of a secure session's places, 0 to 2; it opens from now on, and seals after useKeypair.
   * @throws RangeError for another place, and keys that have not 32 bytes
   */
  installKeypair(session: number, place: number, { send, receive, local, remote }: TransportKeys): void {
    const { functions, layout } = this.wasm;
    this.#checkPlace(place);
    if (send.length !== TRANSPORT_KEY_BYTES || receive.length !== TRANSPORT_KEY_BYTES)
      throw new RangeError('a transport key has 32 bytes');
    this.locked(() => {
      this.ring.bytes.set(send, layout.STAGE_IN);
      this.ring.bytes.set(receive, layout.STAGE_IN + TRANSPORT_KEY_BYTES);
      functions.keypairInstall(session, place, layout.STAGE_IN, local, remote);
    });
  }

  /** From now on the keypair at this place seals. */
  useKeypair(session: number, place: number): void {
    this.#checkPlace(place);
    this.locked(() => this.wasm.functions.keypairUse(session, place));
  }

  /** Takes a keypair away and wipes it; if it was the one that seals, none does. */
  dropKeypair(session: number, place: number): void {
    this.#checkPlace(place);
    this.locked(() => this.wasm.functions.keypairDrop(session, place));
  }

  #checkPlace(place: number): void {
    if (!(Number.isInteger(place) && place >= 0 && place < this.wasm.layout.KEYPAIRS))
      throw new RangeError(`the place of a keypair is 0 to ${this.wasm.layout.KEYPAIRS - 1}`);
  }

  /** How many messages a keypair has sealed. */
  keypairSealed(session: number, place: number): bigint {
    return BigInt.asUintN(64, this.wasm.functions.keypairSealed(session, place));
  }

  /** A number that is another one whenever counts() would tell something new. */
  activity(session: number): number {
    const { SESSIONS, SESSION_BYTES, SESSION_ACTIVITY } = this.wasm.layout;
    return this.words[(SESSIONS + session * SESSION_BYTES + SESSION_ACTIVITY) >> 2] as number;
  }

  /** A number that is another one whenever more was refused, by counts(). */
  refusals(session: number): number {
    const { SESSIONS, SESSION_BYTES, SESSION_STATUS } = this.wasm.layout;
    const at = (SESSIONS + session * SESSION_BYTES + SESSION_STATUS) >> 2;
    const { words } = this; // it sees whether the memory has grown, each time
    let sum = 0; // of the lower halves: more were never refused between two looks
    for (let i = 1; i < STATUS.length; i++) sum += words[at + 2 * i] as number;
    return sum;
  }

  /**
   * What has happened in a session of the secure cable since this was asked last, in order; of many messages opened, or
   * sealed, it counts those since the other kind came.
   */
  news(session: number): SessionNews[] {
    const { functions, layout } = this.wasm;
    const news = this.locked(() => functions.sessionNews(session));
    const has = (bit: number) => (news & bit) !== 0;
    const said: SessionNews[] = [];
    if (has(layout.NEWS_OPENED)) said.push({ sealed: false, data: has(layout.NEWS_OPENED_DATA) });
    if (has(layout.NEWS_SEALED)) said.push({ sealed: true, data: has(layout.NEWS_SEALED_DATA) });
    return has(layout.NEWS_SEALED_LAST) ? said : said.reverse();
  }

  /** What a session has carried. */
  counts(session: number): SessionCounts {
    const { memory, layout } = this.wasm;
    const record = new DataView(
      memory.buffer,
      layout.SESSIONS + session * layout.SESSION_BYTES,
      layout.SESSION_BYTES,
    );
    const refused: Partial<Record<Refusal, bigint>> = {};
    for (const [i, name] of STATUS.entries()) {
      const count = record.getBigUint64(layout.SESSION_STATUS + 8 * i, true);
      if (name !== 'ok' && count > 0n) refused[name] = count;
    }
    return {
      sealed: record.getBigUint64(layout.SESSION_SEALED, true),
      sealedBytes: record.getBigUint64(layout.SESSION_SEALED_BYTES, true),
      opened: record.getBigUint64(layout.SESSION_OPENED, true),
      openedBytes: record.getBigUint64(layout.SESSION_OPENED_BYTES, true),
      refused,
      droppedBySwitch: record.getBigUint64(layout.SESSION_DROPPED_BY_SWITCH, true),
      droppedUnopened: record.getBigUint64(layout.SESSION_DROPPED_UNOPENED, true),
    };
  }

  /** The Ethernet addresses behind a session's plug, the last ones that frames came from, 6 bytes each. */
  sources(session: number): Uint8Array[] {
    const { memory, layout } = this.wasm;
    const from = layout.SESSIONS + session * layout.SESSION_BYTES + layout.SESSION_SOURCES;
    const all = new Uint8Array(memory.buffer, from, 8 * layout.SOURCES_COUNT).slice();
    return Array.from({ length: layout.SOURCES_COUNT }, (_, i) => all.subarray(8 * i, 8 * i + 6)).filter(
      (address) => address.some((byte) => byte !== 0),
    );
  }

  /**
   * Says what time it is, so that it is known when an address was seen: a few times a second is often enough.
   * @param now ms, of a clock that does not jump
   */
  tellTime(now: number): void {
    this.words[this.wasm.layout.SEEN_NOW >> 2] = now / SEEN_UNIT_MS;
  }

  /**
   * Where frames of a session's peer came from, the ones that are in use first.
   * @param now ms, of the clock of tellTime
   */
  seen(session: number, now: number): SeenAddress[] {
    const { memory, layout } = this.wasm;
    const from = layout.SESSIONS + session * layout.SESSION_BYTES + layout.SESSION_SEEN;
    const all = new Uint8Array(memory.buffer, from, layout.SEEN_COUNT * layout.SEEN_BYTES).slice();
    const view = new DataView(all.buffer);
    return Array.from({ length: layout.SEEN_COUNT }, (_, i) => i * layout.SEEN_BYTES)
      .filter((at) => view.getBigUint64(at, true) !== 0n)
      .map((at) => ({
        address: all.subarray(at, at + 6),
        ago: Math.max(0, now - SEEN_UNIT_MS * view.getUint32(at + 8, true)),
      }));
  }

  /** Bytes of cipher text, both ways, under a session's Blowfish key; 0 with another cipher. */
  wear(session: number): number {
    const { SESSIONS, SESSION_BYTES, SESSION_WEAR } = this.wasm.layout;
    const at = (SESSIONS + session * SESSION_BYTES + SESSION_WEAR) >> 2;
    const { words } = this;
    return (words[at + 1] as number) * 2 ** 32 + (words[at] as number);
  }

  /** What became of fragments in a session of the secure cable. */
  fragments(session: number): FragmentCounts {
    const { memory, layout } = this.wasm;
    const record = layout.SESSIONS + session * layout.SESSION_BYTES;
    const view = new DataView(memory.buffer, record, layout.SESSION_BYTES);
    return {
      leading: view.getBigUint64(layout.SESSION_LEADING, true),
      incomplete: view.getBigUint64(layout.SESSION_STATUS + 8 * INCOMPLETE, true),
    };
  }

  /**
   * Seals a control payload with the keypair that seals, outside of the ring.
   * @param payload CONTROL_MAX bytes at most, its kind first; an empty one is a keepalive; of a host, an IP packet that the path
   * carries
   * @returns the transport message, or why there is none: no keypair seals, or the one that does has sealed all that it may
   * @throws RangeError for a longer payload
   */
  sealControl(session: number, payload: Uint8Array): Uint8Array | Refusal {
    const { functions, layout } = this.wasm;
    const most = isPacket(payload) ? this.frameMax : layout.CONTROL_MAX;
    if (payload.length > most) throw new RangeError(`such a payload has ${most} bytes at most`);
    return this.locked(() => {
      this.ring.bytes.set(payload, layout.STAGE_IN + layout.TRANSPORT_HEADER);
      const length = functions.controlSeal(session, payload.length);
      if (length < 0) return STATUS[~length] as Refusal;
      return this.ring.bytes.slice(layout.STAGE_IN, layout.STAGE_IN + length);
    });
  }

  /**
   * The RESPONSE to a challenge (classic.md §3).
   * @param challenge 128 bytes
   * @returns 137 bytes with Blowfish, 141 with ChaCha20, 129 when plain
   * @throws RangeError for a challenge of another length, or too short a key
   */
  sealResponse(keying: Keying, challenge: Uint8Array): Uint8Array {
    const { functions, layout } = this.wasm;
    if (challenge.length !== CHALLENGE_BYTES) throw new RangeError('a challenge has 128 bytes');
    return this.#borrow(keying, () => {
      this.ring.bytes.set(challenge, layout.STAGE_IN + 1);
      const length = functions.responseSeal(SCRATCH_SESSION, layout.STAGE_IN);
      return this.ring.bytes.slice(layout.STAGE_IN, layout.STAGE_IN + length);
    });
  }

  /**
   * Whether a RESPONSE answers a challenge; all 128 bytes are compared, whatever the first ones were.
   * @param response the datagram, its type byte included
   * @throws RangeError for a challenge of another length, or too short a key
   */
  verifyResponse(keying: Keying, response: Uint8Array, challenge: Uint8Array): boolean {
    const { functions, layout } = this.wasm;
    if (challenge.length !== CHALLENGE_BYTES) throw new RangeError('a challenge has 128 bytes');
    if (response.length > this.datagramMax) return false;
    return this.#borrow(keying, () => {
      this.ring.bytes.set(response, layout.STAGE_IN);
      if (functions.responseOpen(SCRATCH_SESSION, layout.STAGE_IN, response.length) !== 0) return false;
      let difference = 0;
      for (let i = 0; i < CHALLENGE_BYTES; i++) {
        difference |= (this.ring.bytes[layout.STAGE_IN + 1 + i] as number) ^ (challenge[i] as number);
      }
      this.ring.bytes.fill(0, layout.STAGE_IN, layout.STAGE_IN + response.length);
      return difference === 0;
    });
  }

  #borrow<T>(keying: Keying, work: () => T): T {
    return this.locked(() => {
      this.#key(SCRATCH_SESSION, keying);
      try {
        return work();
      } finally {
        this.wasm.functions.sessionUnkey(SCRATCH_SESSION);
      }
    });
  }
}

/** What there is to do with sessions where an I/O thread moves the frames. */
export type SessionCore = Omit<
  Core,
  Exclude<keyof FrameCore, 'memory' | 'layout' | 'hosts' | 'frameMax' | 'datagramMax' | 'setPath' | 'dropped'>
>;
