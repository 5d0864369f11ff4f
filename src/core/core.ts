import { Hosts, isPacket } from './hosts.js';
import { Lock } from './lock.js';
import { Ring } from './ring.js';
import { type Refusal, STATUS } from './status.js';
import type { FragmentCounts, Keying, SessionCounts, SessionNews, TransportKeys } from './terms.js';
import { instantiate, type Layout, type Wasm } from './wasm.js';

/** A frame out of a transport message: a span of the ring's memory. */
export interface OpenedFrame {
  /** The ring's slot that it is in; negative for one that was put together from fragments. */
  place: number;
  /** Where it begins in Ring.bytes. */
  address: number;
  /** Bytes. */
  length: number;
}

/** A control payload of the secure cable that was opened. */
export interface OpenedControl {
  readonly session: number;
  /** Of the keypair that opened it. */
  readonly place: number;
  /** Its kind first. */
  readonly payload: Uint8Array;
}

const CHALLENGE_BYTES = 128;
const BLOWFISH_KEY_BYTES = 16;
const IV_BYTES = 8;
const CHACHA20_KEY_BYTES = 32;
const TRANSPORT_KEY_BYTES = 32;
/** Of a datagram that is noted, as much as is looked at (assembly/own.ts). */
const NOTED_BYTES = 32;
/** Smallest path: what every IPv4 host takes, without the headers of IP and UDP. */
const PATH_MIN = 508;
const INCOMPLETE = STATUS.indexOf('incomplete frame');
/** Kept out of the numbers given out: handshakes of unproven peers borrow it. */
const SCRATCH_SESSION = 0;

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
 * The WebAssembly core: sessions, the ring, and the framing of the stream to and from a plug.
 * Nothing in here knows the time, draws a random number or touches the world.
 */
export class Core {
  /** What is sealed and opened goes through it. */
  readonly ring: Ring;
  /** Its sessions whose peers are hosts on the Ethernet. */
  readonly hosts: Hosts;
  /** Largest datagram that can be opened, bytes. */
  readonly datagramMax: number;
  /** Largest frame that can be carried, bytes. */
  readonly frameMax: number;
  /** Largest piece of a plug's stream that readStream takes at once, bytes. */
  readonly pieceMax: number;
  readonly #wasm: Wasm;
  readonly #lock: Lock;
  #words: Uint32Array;
  readonly #frame: OpenedFrame = { place: 0, address: 0, length: 0 };
  readonly #free: number[] = [];
  readonly #open = new Set<number>();
  /**
   * How many broadcasts and multicasts the peer of each session that is opened from now on may send a second; undefined: any
   * number. Then the time is to be told where frames are opened.
   */
  broadcastLimit: number | undefined;
  #sessions = SCRATCH_SESSION + 1;

  /** @internal */
  private constructor(wasm: Wasm) {
    this.#wasm = wasm;
    this.#words = new Uint32Array(wasm.memory.buffer);
    this.#lock = new Lock(wasm);
    this.ring = new Ring(wasm, this.#lock);
    this.hosts = new Hosts(wasm, this.ring.bytes, (work) => this.#locked(work));
    this.datagramMax = wasm.layout.DATAGRAM_MAX;
    this.frameMax = wasm.layout.FRAME_MAX;
    this.pieceMax = wasm.layout.STAGE_IN_BYTES;
  }

  /**
   * Makes a core of its own; nothing is read from a file.
   * @param memory a memory made by newMemory(), if another thread has to reach it as well
   */
  static async load(memory?: WebAssembly.Memory): Promise<Core> {
    return new Core(await instantiate(memory));
  }

  /** Whether another thread works in the same memory, with a core of its own; each tells its own core. */
  set shared(shared: boolean) {
    this.#lock.shared = shared;
  }

  /** The core's memory, which may grow and never moves. */
  get memory(): WebAssembly.Memory {
    return this.#wasm.memory;
  }

  /** The numbers of the memory map. */
  get layout(): Layout {
    return this.#wasm.layout;
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
      this.#locked(() => this.#wasm.functions.sessionStormLimit(session, broadcastLimit));
    return session;
  }

  #newSession(): number | undefined {
    const { SESSIONS, SESSION_BYTES, SESSIONS_MAX } = this.#wasm.layout;
    if (this.#sessions >= SESSIONS_MAX) return undefined;
    const missing = SESSIONS + (this.#sessions + 1) * SESSION_BYTES - this.#wasm.memory.buffer.byteLength;
    try {
      if (missing > 0) this.#wasm.memory.grow(Math.ceil(missing / 0x10000));
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
    this.#locked(() => this.#wasm.functions.sessionClear(session));
    this.#free.push(session);
  }

  /**
   * Keys a session; its replay window starts anew.
   * @throws RangeError for a keying that is none, or too short a key
   */
  keySession(session: number, keying: Keying): void {
    this.#locked(() => this.#key(session, keying));
  }

  #key(session: number, keying: Keying): void {
    const { functions, layout } = this.#wasm;
    checkKeying(keying);
    if (keying.suite === 'plain') {
      functions.sessionKeyPlain(session);
      return;
    }
    const bytes = keying.suite === 'blowfish' ? BLOWFISH_KEY_BYTES + IV_BYTES : CHACHA20_KEY_BYTES;
    if (!(keying.key instanceof Uint8Array && keying.key.length >= bytes))
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
    this.#locked(() => this.#wasm.functions.sessionLimit(session, Math.min(frameMax, this.frameMax)));
  }

  /** Takes a session's key away and wipes it. */
  unkeySession(session: number): void {
    this.#locked(() => this.#wasm.functions.sessionUnkey(session));
  }

  /** Says from which UDP port what is sealed here leaves: frames that are such datagrams are refused. */
  knowPort(port: number): void {
    this.#wasm.functions.ownPort(port);
  }

  /** Notes a datagram that was sent without the ring: as a frame from a plug it is refused. */
  noteSent(datagram: Uint8Array): void {
    const { functions, layout } = this.#wasm;
    this.#locked(() => {
      this.ring.bytes.set(datagram.subarray(0, NOTED_BYTES), layout.STAGE_IN);
      functions.ownNote(layout.STAGE_IN, Math.min(datagram.length, NOTED_BYTES));
    });
  }

  /** Counts what was dropped: frames that the switch did not take, datagrams that were not opened. */
  dropped(session: number, bySwitch: number, unopened: number): void {
    this.#locked(() => this.#wasm.functions.sessionDropped(session, bySwitch, unopened));
  }

  /** Counts a datagram that was not opened, as its peer had brought its share. */
  overShare(session: number): void {
    this.#locked(() => this.#wasm.functions.sessionOverShare(session));
  }

  /**
   * Makes a session one of the secure cable, or tells it that the path has changed.
   * @param path largest UDP payload to be sent, 508 to datagramMax bytes
   * @throws RangeError for any other
   */
  setPath(session: number, path: number): void {
    if (!(path >= PATH_MIN && path <= this.datagramMax))
      throw new RangeError(`a path carries ${PATH_MIN} to ${this.datagramMax} bytes`);
    this.#locked(() => this.#wasm.functions.sessionPath(session, path));
  }

  /**
   * Puts a keypair into one of a secure session's places, 0 to 2; it opens from now on, and seals after useKeypair.
   * @throws RangeError for another place, and keys that have not 32 bytes
   */
  installKeypair(session: number, place: number, { send, receive, local, remote }: TransportKeys): void {
    const { functions, layout } = this.#wasm;
    this.#checkPlace(place);
    if (send.length !== TRANSPORT_KEY_BYTES || receive.length !== TRANSPORT_KEY_BYTES)
      throw new RangeError('a transport key has 32 bytes');
    this.#locked(() => {
      this.ring.bytes.set(send, layout.STAGE_IN);
      this.ring.bytes.set(receive, layout.STAGE_IN + TRANSPORT_KEY_BYTES);
      functions.keypairInstall(session, place, layout.STAGE_IN, local, remote);
    });
  }

  /** From now on the keypair at this place seals. */
  useKeypair(session: number, place: number): void {
    this.#checkPlace(place);
    this.#locked(() => this.#wasm.functions.keypairUse(session, place));
  }

  /** Takes a keypair away and wipes it; if it was the one that seals, none does. */
  dropKeypair(session: number, place: number): void {
    this.#checkPlace(place);
    this.#locked(() => this.#wasm.functions.keypairDrop(session, place));
  }

  #checkPlace(place: number): void {
    if (!(Number.isInteger(place) && place >= 0 && place < this.#wasm.layout.KEYPAIRS))
      throw new RangeError(`the place of a keypair is 0 to ${this.#wasm.layout.KEYPAIRS - 1}`);
  }

  /** How many messages a keypair has sealed. */
  keypairSealed(session: number, place: number): bigint {
    return BigInt.asUintN(64, this.#wasm.functions.keypairSealed(session, place));
  }

  /** A number that is another one whenever counts() would tell something new. */
  activity(session: number): number {
    const { buffer } = this.#wasm.memory;
    if (this.#words.buffer !== buffer) this.#words = new Uint32Array(buffer); // it has grown
    const { SESSIONS, SESSION_BYTES, SESSION_ACTIVITY } = this.#wasm.layout;
    return this.#words[(SESSIONS + session * SESSION_BYTES + SESSION_ACTIVITY) >> 2] as number;
  }

  /**
   * What has happened in a session of the secure cable since this was asked last, in order; of many messages opened, or
   * sealed, it counts those since the other kind came.
   */
  news(session: number): SessionNews[] {
    const { functions, layout } = this.#wasm;
    const news = this.#locked(() => functions.sessionNews(session));
    const has = (bit: number) => (news & bit) !== 0;
    const said: SessionNews[] = [];
    if (has(layout.NEWS_OPENED)) said.push({ sealed: false, data: has(layout.NEWS_OPENED_DATA) });
    if (has(layout.NEWS_SEALED)) said.push({ sealed: true, data: has(layout.NEWS_SEALED_DATA) });
    return has(layout.NEWS_SEALED_LAST) ? said : said.reverse();
  }

  /** What a session has carried. */
  counts(session: number): SessionCounts {
    const { memory, layout } = this.#wasm;
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

  /** What became of fragments in a session of the secure cable. */
  fragments(session: number): FragmentCounts {
    const { memory, layout } = this.#wasm;
    const record = layout.SESSIONS + session * layout.SESSION_BYTES;
    const view = new DataView(memory.buffer, record, layout.SESSION_BYTES);
    return {
      leading: view.getBigUint64(layout.SESSION_LEADING, true),
      incomplete: view.getBigUint64(layout.SESSION_STATUS + 8 * INCOMPLETE, true),
    };
  }

  /**
   * Reads a piece of a plug's stream; every frame that is complete goes into the ring, to be sealed.
   * @param piece at most pieceMax bytes
   * @returns how many bytes were read: fewer than there are only when the ring was full
   * @throws RangeError for a larger piece
   */
  readStream(session: number, piece: Uint8Array): number {
    const { functions, layout } = this.#wasm;
    if (piece.length > this.pieceMax)
      throw new RangeError(`a piece of a stream has at most ${this.pieceMax} bytes`);
    return this.#locked(() => {
      this.ring.bytes.set(piece, layout.STAGE_IN);
      return functions.vdestreamRead(session, piece.length);
    });
  }

  /**
   * Looks at the frame that a tap has put to TAP_FRAME, behind the header of assembly/vnet.ts. It may be a super-frame: see cutFrame.
   * @param length of the frame, bytes
   */
  beginFrame(length: number): void {
    this.#wasm.functions.segmentBegin(length);
  }

  /**
   * Puts it into the ring, to be sealed: a super-frame as the frames that it stands for.
   * @returns whether all of it found room; if not, it is to be called again
   */
  cutFrame(session: number): boolean {
    return this.#wasm.functions.segmentNext(session) !== 0;
  }

  /** No more frames of a session for now. */
  endFrames(session: number): void {
    this.#wasm.functions.intakeEnd(session);
  }

  /** Begins a super-frame for a tap with a frame that stands in the memory; it may remain the only one. */
  beginJoined(address: number, length: number): void {
    this.#wasm.functions.coalesceBegin(address, length);
  }

  /** Joins the next frame to it, where that can be; returns whether it was. */
  join(address: number, length: number): boolean {
    return this.#wasm.functions.coalesceAdd(address, length) !== 0;
  }

  /**
   * Puts the header of assembly/vnet.ts to TAP_HEADER; if frames were joined, the first one's own headers are changed.
   * @returns bytes at the beginning of each frame but the first that are not to be written
   */
  endJoined(): number {
    return this.#wasm.functions.coalesceEnd();
  }

  /** Forgets a frame of which only a part came: its plug is a new one. */
  resetStream(session: number): void {
    this.#locked(() => this.#wasm.functions.sessionResetStream(session));
  }

  /** Where the host puts one of FETCHED_COUNT frames from a switch, for pack(). */
  fetchedAt(i: number): number {
    const { FETCHED, FETCHED_BYTES, FETCHED_FRAME } = this.#wasm.layout;
    return FETCHED + i * FETCHED_BYTES + FETCHED_FRAME;
  }

  /** Says how long that frame is, bytes. */
  setFetched(i: number, length: number): void {
    const { FETCHED, FETCHED_BYTES } = this.#wasm.layout;
    this.#words[(FETCHED + i * FETCHED_BYTES) >> 2] = length;
  }

  /**
   * Packs the first `count` of these frames into the ring, to be sealed as transport messages.
   * @returns how many found room
   */
  pack(session: number, count: number): number {
    return this.#locked(() => this.#wasm.functions.intakeFetched(session, count));
  }

  /**
   * Looks for the frames of one session's transport messages among the last `count` processed slots.
   * @param now ms, of a clock that does not jump: for what is carried in fragments
   * @returns how many there are: see frame(); each that is in no slot is to be given back with releaseFrame
   */
  frames(session: number, count: number, now: number): number {
    return this.#locked(() => this.#wasm.functions.transportFrames(session, count, now));
  }

  /** One of these frames. The object is the same each time, its fields anew. */
  frame(i: number): Readonly<OpenedFrame> {
    const { FRAMES, FRAMES_ENTRY } = this.#wasm.layout;
    const at = (FRAMES + i * FRAMES_ENTRY) >> 2;
    this.#frame.place = (this.#words[at] as number) | 0;
    this.#frame.address = this.#words[at + 1] as number;
    this.#frame.length = this.#words[at + 2] as number;
    return this.#frame;
  }

  /**
   * Seals a control payload with the keypair that seals, outside of the ring.
   * @param payload CONTROL_MAX bytes at most, its kind first; an empty one is a keepalive; of a host, an IP packet that the path
   * carries
   * @returns the transport message, or why there is none: no keypair seals, or the one that does has sealed all that it may
   * @throws RangeError for a longer payload
   */
  sealControl(session: number, payload: Uint8Array): Uint8Array | Refusal {
    const { functions, layout } = this.#wasm;
    const most = isPacket(payload) ? this.frameMax : layout.CONTROL_MAX;
    if (payload.length > most) throw new RangeError(`such a payload has ${most} bytes at most`);
    return this.#locked(() => {
      this.ring.bytes.set(payload, layout.STAGE_IN + layout.TRANSPORT_HEADER);
      const length = functions.controlSeal(session, payload.length);
      if (length < 0) return STATUS[~length] as Refusal;
      return this.ring.bytes.slice(layout.STAGE_IN, layout.STAGE_IN + length);
    });
  }

  /** Control payloads that frames() and writeStream() have found since this was asked last. */
  controls(): OpenedControl[] {
    const { CONTROLS, CONTROLS_BYTES, CONTROLS_COUNT, CONTROLS_PAYLOAD } = this.#wasm.layout;
    const words = this.#words;
    const count = words[CONTROLS_COUNT >> 2] as number;
    if (count === 0) return [];
    words[CONTROLS_COUNT >> 2] = 0;
    return Array.from({ length: count }, (_, i) => {
      const at = CONTROLS + i * CONTROLS_BYTES;
      const [session, place, length] = words.subarray(at >> 2, (at >> 2) + 3);
      const from = at + CONTROLS_PAYLOAD;
      const opened = this.ring.bytes.subarray(from, from + (length as number));
      const payload = opened.slice();
      opened.fill(0); // it may hold a key
      return { session: session as number, place: place as number, payload };
    });
  }

  /**
   * Puts a frame that is for the switch, and came in no message, where those stand that were put together from fragments.
   * @param frame frameMax bytes at most
   * @returns where it is, to be given back with releaseFrame; undefined where there is no room
   */
  borrowFrame(frame: Uint8Array): Readonly<OpenedFrame> | undefined {
    const { functions, layout } = this.#wasm;
    const number = this.#locked(() => functions.fragmentBorrow());
    if (number < 0) return undefined;
    const address = layout.INCOMPLETE + number * layout.INCOMPLETE_BYTES + layout.INCOMPLETE_FRAME;
    this.ring.bytes.set(frame, address);
    return { place: ~number, address, length: frame.length };
  }

  /** Gives back a frame that was put together from fragments. @param place as frame() tells it */
  releaseFrame(place: number): void {
    this.#locked(() => this.#wasm.functions.fragmentRelease(~place));
  }

  /**
   * The opened frames of one session among the last `count` processed slots, as a plug's stream.
   * @param now ms, of a clock that does not jump: for what the secure cable carries in fragments
   * @param even whether a frame of odd length gets one zero byte more, as vde_plug wants it
   * @returns a view that the next call overwrites
   */
  writeStream(session: number, count: number, now = 0, even = true): Uint8Array {
    const { functions, layout } = this.#wasm;
    return this.ring.bytes.subarray(
      layout.STAGE_OUT,
      layout.STAGE_OUT + functions.vdestreamWrite(session, count, now, even ? 1 : 0),
    );
  }

  /**
   * The RESPONSE to a challenge (classic.md §3).
   * @param challenge 128 bytes
   * @returns 137 bytes with Blowfish, 141 with ChaCha20, 129 when plain
   * @throws RangeError for a challenge of another length, or too short a key
   */
  sealResponse(keying: Keying, challenge: Uint8Array): Uint8Array {
    const { functions, layout } = this.#wasm;
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
    const { functions, layout } = this.#wasm;
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
    return this.#locked(() => {
      this.#key(SCRATCH_SESSION, keying);
      try {
        return work();
      } finally {
        this.#wasm.functions.sessionUnkey(SCRATCH_SESSION);
      }
    });
  }

  #locked<T>(work: () => T): T {
    this.#lock.take();
    try {
      return work();
    } finally {
      this.#lock.give();
    }
  }
}
