import { Hosts } from './hosts.js';
import { Lock } from './lock.js';
import { Ring } from './ring.js';
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

/** Smallest path: what every IPv4 host takes, without the headers of IP and UDP. */
const PATH_MIN = 508;

/**
 * The WebAssembly core as whoever moves frames has it: the ring, the framing of a plug's stream, frames of taps and switches
 * and those out of transport messages. An I/O thread has this alone, on the memory of the main thread's core.
 */
export class FrameCore {
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
  /** @internal */
  protected readonly wasm: Wasm;
  readonly #lock: Lock;
  #words: Uint32Array;
  readonly #frame: OpenedFrame = { place: 0, address: 0, length: 0 };

  /** @internal */
  protected constructor(wasm: Wasm) {
    this.wasm = wasm;
    this.#words = new Uint32Array(wasm.memory.buffer);
    this.#lock = new Lock(wasm);
    this.ring = new Ring(wasm, this.#lock);
    this.hosts = new Hosts(wasm, this.ring.bytes, (work) => this.locked(work));
    this.datagramMax = wasm.layout.DATAGRAM_MAX;
    this.frameMax = wasm.layout.FRAME_MAX;
    this.pieceMax = wasm.layout.STAGE_IN_BYTES;
  }

  /** @param memory of the main thread's core */
  static async load(memory: WebAssembly.Memory): Promise<FrameCore> {
    return new FrameCore(await instantiate(memory));
  }

  /** Whether another thread works in the same memory, with a core of its own; each tells its own core. */
  set shared(shared: boolean) {
    this.#lock.shared = shared;
  }

  /** The core's memory, which may grow and never moves. */
  get memory(): WebAssembly.Memory {
    return this.wasm.memory;
  }

  /** The numbers of the memory map. */
  get layout(): Layout {
    return this.wasm.layout;
  }

  /**
   * The memory as words.
   * @internal
   */
  protected get words(): Uint32Array {
    const { buffer } = this.wasm.memory;
    if (this.#words.buffer !== buffer) this.#words = new Uint32Array(buffer); // it has grown
    return this.#words;
  }

  /** Counts what was dropped: frames that the switch did not take, datagrams that were not opened. */
  dropped(session: number, bySwitch: number, unopened: number): void {
    this.locked(() => this.wasm.functions.sessionDropped(session, bySwitch, unopened));
  }

  /** Counts a datagram that was not opened, as its peer had brought its share. */
  overShare(session: number): void {
    this.locked(() => this.wasm.functions.sessionOverShare(session));
  }

  /**
   * Makes a session one of the secure cable, or tells it that the path has changed.
   * @param path largest UDP payload to be sent, 508 to datagramMax bytes
   * @throws RangeError for any other
   */
  setPath(session: number, path: number): void {
    if (!(path >= PATH_MIN && path <= this.datagramMax))
      throw new RangeError(`a path carries ${PATH_MIN} to ${this.datagramMax} bytes`);
    this.locked(() => this.wasm.functions.sessionPath(session, path));
  }

  /**
   * Reads a piece of a plug's stream; every frame that is complete goes into the ring, to be sealed.
   * @param piece at most pieceMax bytes
   * @returns how many bytes were read: fewer than there are only when the ring was full
   * @throws RangeError for a larger piece
   */
  readStream(session: number, piece: Uint8Array): number {
    const { functions, layout } = this.wasm;
    if (piece.length > this.pieceMax)
      throw new RangeError(`a piece of a stream has at most ${this.pieceMax} bytes`);
    return this.locked(() => {
      this.ring.bytes.set(piece, layout.STAGE_IN);
      return functions.vdestreamRead(session, piece.length);
    });
  }

  /**
   * Looks at the frame that a tap has put to TAP_FRAME, behind the header of assembly/vnet.ts. It may be a super-frame: see cutFrame.
   * @param length of the frame, bytes
   */
  beginFrame(length: number): void {
    this.wasm.functions.segmentBegin(length);
  }

  /**
   * Puts it into the ring, to be sealed: a super-frame as the frames that it stands for.
   * @returns whether all of it found room; if not, it should be called again
   */
  cutFrame(session: number): boolean {
    return this.wasm.functions.segmentNext(session) !== 0;
  }

  /** No more frames of a session for now. */
  endFrames(session: number): void {
    this.wasm.functions.intakeEnd(session);
  }

  /**
   * Begins a super-frame for a tap with a frame that is in the memory; it may remain the only one.
   * @param datagrams whether the tap takes UDP joined, not only TCP
   */
  beginJoined(address: number, length: number, datagrams: boolean): void {
    this.wasm.functions.coalesceBegin(address, length, datagrams ? 1 : 0);
  }

  /** Joins the next frame to it, where that can be; returns whether it was. */
  join(address: number, length: number): boolean {
    return this.wasm.functions.coalesceAdd(address, length) !== 0;
  }

  /**
   * Puts the header of assembly/vnet.ts to TAP_HEADER; if frames were joined, the first one's own headers are changed.
   * @returns bytes at the beginning of each frame but the first that should not be written
   */
  endJoined(): number {
    return this.wasm.functions.coalesceEnd();
  }

  /** Forgets a frame of which only a part came: its plug is a new one. */
  resetStream(session: number): void {
    this.locked(() => this.wasm.functions.sessionResetStream(session));
  }

  /** Where the host puts one of FETCHED_COUNT frames from a switch, for pack(). */
  fetchedAt(i: number): number {
    const { FETCHED, FETCHED_BYTES, FETCHED_FRAME } = this.wasm.layout;
    return FETCHED + i * FETCHED_BYTES + FETCHED_FRAME;
  }

  /** Says how long that frame is, bytes. */
  setFetched(i: number, length: number): void {
    const { FETCHED, FETCHED_BYTES } = this.wasm.layout;
    this.#words[(FETCHED + i * FETCHED_BYTES) >> 2] = length;
  }

  /**
   * Packs the first `count` of these frames into the ring, to be sealed as transport messages.
   * @returns how many found room
   */
  pack(session: number, count: number): number {
    return this.locked(() => this.wasm.functions.intakeFetched(session, count));
  }

  /**
   * Looks for the frames of one session's transport messages among the last `count` processed slots.
   * @param now ms, of a clock that does not jump: for what is carried in fragments
   * @returns how many there are: see frame(); each that is in no slot should be given back with releaseFrame
   */
  frames(session: number, count: number, now: number): number {
    return this.locked(() => this.wasm.functions.transportFrames(session, count, now));
  }

  /** One of these frames. The object is the same each time, with new fields. */
  frame(i: number): Readonly<OpenedFrame> {
    const { FRAMES, FRAMES_ENTRY } = this.wasm.layout;
    const at = (FRAMES + i * FRAMES_ENTRY) >> 2;
    this.#frame.place = (this.#words[at] as number) | 0;
    this.#frame.address = this.#words[at + 1] as number;
    this.#frame.length = this.#words[at + 2] as number;
    return this.#frame;
  }

  /** Control payloads that frames() and writeStream() have found since this was asked last. */
  controls(): OpenedControl[] {
    const { CONTROLS, CONTROLS_BYTES, CONTROLS_COUNT, CONTROLS_PAYLOAD } = this.wasm.layout;
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
   * Puts a frame that is for the switch, and came in no message, where those are that were put together from fragments.
   * @param frame frameMax bytes at most
   * @returns where it is, to be given back with releaseFrame; undefined where there is no room
   */
  borrowFrame(frame: Uint8Array): Readonly<OpenedFrame> | undefined {
    const { functions, layout } = this.wasm;
    const number = this.locked(() => functions.fragmentBorrow());
    if (number < 0) return undefined;
    const address = layout.INCOMPLETE + number * layout.INCOMPLETE_BYTES + layout.INCOMPLETE_FRAME;
    this.ring.bytes.set(frame, address);
    return { place: ~number, address, length: frame.length };
  }

  /** Gives back a frame that was put together from fragments. @param place as frame() returns it */
  releaseFrame(place: number): void {
    this.locked(() => this.wasm.functions.fragmentRelease(~place));
  }

  /**
   * The opened frames of one session among the last `count` processed slots, as a plug's stream.
   * @param now ms, of a clock that does not jump: for what the secure cable carries in fragments
   * @param even whether a frame of odd length gets one zero byte more, as vde_plug wants it
   * @returns a view that the next call overwrites
   */
  writeStream(session: number, count: number, now = 0, even = true): Uint8Array {
    const { functions, layout } = this.wasm;
    return this.ring.bytes.subarray(
      layout.STAGE_OUT,
      layout.STAGE_OUT + functions.vdestreamWrite(session, count, now, even ? 1 : 0),
    );
  }

  /**
   * Does what two threads must not do at once.
   * @internal
   */
  protected locked<T>(work: () => T): T {
    this.#lock.take();
    try {
      return work();
    } finally {
      this.#lock.give();
    }
  }
}
