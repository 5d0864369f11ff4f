// What has to hold: the gaps of the memory have their pattern, the ring's positions their order, and each buffer for fragments
// one owner.
import { layout } from '../unit/core/harness.js';
import {
  at,
  bufferGaps,
  Canvas,
  farGaps,
  fixedGaps,
  hexOf,
  type Span,
  sessionGaps,
  slotGaps,
  wipedGaps,
  written,
} from './map.js';
import { SESSIONS } from './material.js';

/** What does not hold. */
export class Fault extends Error {}

/** What programs have come upon: statuses, and what they are there for. */
export const SEEN = new Set<string>();

/** What the host of a core knows. */
export interface State {
  readonly sessions: readonly { readonly number: number; readonly secure: boolean; readonly host: boolean }[];
  /** Slots that have been processed and not released; buffers of frames that are complete, as Core.frame names them. */
  readonly slots: readonly number[];
  readonly frames: readonly number[];
  /** ms. */
  readonly now: number;
}

/** Sessions that the memory has room for from the start, the core's own among them. */
const RECORDS = 8;
const [TAIL, DONE, HEAD] = [at('RING_TAIL') >> 2, at('RING_DONE') >> 2, at('RING_HEAD') >> 2];
const FREE = at('INCOMPLETE_FREE') >> 2;
const TOUCHED = at('INCOMPLETE_TOUCHED') >> 2;
/** A session's table of frames that lack fragments (assembly/fragments.ts). */
const TABLE = at('SESSION_INCOMPLETE');
const ENTRIES = 64;
/** Static data and tables, which nobody writes once they are there. */
const FROZEN = [0x400, at('RING_HEAD')] as const;
const GAPS = Array.from({ length: RECORDS }, (_, i) => sessionGaps(i));
const WIPED = Array.from({ length: RECORDS }, (_, i) => wipedGaps(i));

const bufferAt = (number: number) => (layout.INCOMPLETE + (number - 1) * layout.INCOMPLETE_BYTES) >> 2;

export class Watch {
  readonly #words: Int32Array;
  readonly #floats: Float64Array;
  readonly #bytes: Buffer;
  readonly #canvas: Canvas;
  readonly #frozen: Buffer;

  /** @param memory of a core that has been made just now; its gaps are painted */
  constructor(memory: WebAssembly.Memory) {
    const { buffer } = memory;
    this.#words = new Int32Array(buffer);
    this.#floats = new Float64Array(buffer);
    this.#bytes = Buffer.from(buffer);
    this.#canvas = new Canvas(this.#words, this.#bytes);
    this.#frozen = Buffer.from(this.#bytes.subarray(...FROZEN));
    for (const gaps of [fixedGaps, farGaps, ...slotGaps, ...bufferGaps]) this.#canvas.paint(gaps);
    for (let i = SESSIONS + 1; i < RECORDS; i++) this.#canvas.paint(sessionGaps(i));
  }

  /** A session begins: its record has been wiped, the gaps in it as well. */
  begin(session: number): void {
    this.#canvas.paint(GAPS[session] as Span[]);
  }

  /** What a later operation may put right again. @throws Fault */
  check(state: State): void {
    this.#ring(state);
    this.#buffers(state);
  }

  /**
   * The gaps. What is written there stays, but for the records of sessions, which are wiped.
   * @param from the slot that was the next one when all gaps were last as they should be
   * @param thorough whether all are looked at, not only those near what has been in use since
   * @throws Fault
   */
  gaps(state: State, from: number, thorough: boolean): void {
    const words = this.#words;
    this.#gap('between the tables', this.#canvas.changed(fixedGaps));
    const used = (((words[HEAD] as number) - from) >>> 0) + 2;
    const count = thorough ? slotGaps.length : Math.min(used, slotGaps.length);
    for (let i = 0; i < count; i++)
      this.#gap(
        'of a slot',
        this.#canvas.changed(slotGaps[(from - 1 + i) & (slotGaps.length - 1)] as Span[]),
      );
    const buffers = thorough
      ? bufferGaps.length
      : Math.min((words[TOUCHED] as number) + 1, bufferGaps.length);
    for (let i = 0; i < buffers; i++) this.#gap('of a buffer', this.#canvas.changed(bufferGaps[i] as Span[]));
    for (const session of state.sessions) this.record(session);
    this.#gap('of the session behind', this.#canvas.changed(GAPS[SESSIONS + 1] as Span[]));
    if (!thorough) return;
    this.#gap('between the stages', this.#canvas.changed(farGaps));
    for (let i = SESSIONS + 2; i < RECORDS; i++)
      this.#gap('of no session', this.#canvas.changed(GAPS[i] as Span[]));
    if (this.#frozen.compare(this.#bytes, ...FROZEN) !== 0) throw new Fault('the tables have changed');
  }

  /** The gaps of a session's record. @throws Fault */
  record({ number, secure }: State['sessions'][number]): void {
    this.#gap(`of session ${number}`, this.#canvas.changed(GAPS[number] as Span[]));
    if (secure) this.#gap(`of session ${number}'s keys`, written(this.#words, WIPED[number] as Span[]));
  }

  #gap(which: string, address: number | undefined): void {
    if (address !== undefined) throw new Fault(`the gap ${which} was written, at ${hexOf(address)}`);
  }

  #demand(holds: boolean, what: string): void {
    if (!holds) throw new Fault(what);
  }

  #ring(state: State): void {
    const [tail, done, head] = [this.#words[TAIL], this.#words[DONE], this.#words[HEAD]] as [
      number,
      number,
      number,
    ];
    const [processed, filled] = [(done - tail) >>> 0, (head - tail) >>> 0];
    if (!(processed <= filled && filled <= slotGaps.length))
      throw new Fault(`the ring's positions: ${tail} ${done} ${head}`);
    this.#demand(processed >= state.slots.length, 'a slot was given back that is in use');
  }

  /** Each buffer that was ever taken is free, or of one entry of a session, or of a frame that the host has. */
  #buffers(state: State): void {
    const words = this.#words;
    const touched = words[TOUCHED] as number;
    if (touched > 64) SEEN.add('more buffers than one session has');
    if (!(touched >= 0 && touched <= bufferGaps.length)) throw new Fault(`${touched} buffers were taken`);
    const seen = new Uint8Array(touched + 1);
    const see = (number: number, what: string) => {
      if (!(number > 0 && number <= touched)) throw new Fault(`${what} names buffer ${number} of ${touched}`);
      if (seen[number] !== 0) throw new Fault(`${what} names buffer ${number}, which is another's, too`);
      seen[number] = 1;
    };

    for (let next = words[FREE] as number; next !== 0; next = words[bufferAt(next)] as number)
      see(next, 'the list of free buffers');
    for (const place of state.frames) see(~place + 1, 'the host');
    for (const { number, secure, host } of state.sessions)
      if (secure && !host) this.#entries(number, state.now, see);
    for (let number = 1; number <= touched; number++)
      if (seen[number] !== 1) throw new Fault(`buffer ${number} is lost`);
  }

  #entries(session: number, now: number, see: (number: number, what: string) => void): void {
    const words = this.#words;
    const table = layout.SESSIONS + session * layout.SESSION_BYTES + TABLE;
    for (let i = 0; i < ENTRIES; i++) {
      const entry = table + 16 * i;
      const number = words[entry >> 2] as number;
      if (number === 0) continue;
      see(number, `an entry of session ${session}`);
      const buffer = bufferAt(number);
      const counts = words[(entry >> 2) + 1] as number;
      const [count, came] = [(counts >>> 16) & 255, counts >>> 24];
      if (!(words[buffer] === entry && words[buffer + 1] === session))
        throw new Fault(`buffer ${number} is not its owner's`);
      if (!(came > 0 && came < count))
        throw new Fault(`${came} of ${count} fragments came, and the frame waits`);
      let held = 0;
      let parts = 0;
      for (let part = 0; part < count; part++) {
        const span = words[buffer + 64 + part] as number;
        if (span === 0) continue;
        parts++;
        held += span >>> 16;
      }
      if (!(parts === came && held === words[buffer + 2]))
        throw new Fault(`the table of buffer ${number} is wrong`);
      if (held > layout.FRAME_MAX) throw new Fault(`buffer ${number} holds ${held} bytes`);
      this.#demand((this.#floats[(entry + 8) >> 3] as number) <= now, 'a fragment of the future');
    }
  }
}
