import type { CryptcabError } from '../../error.js';
import { BackOff } from './back-off.js';
import type { Plug, PlugEvents } from './plug.js';

/** The events of a line. */
export interface LineEvents {
  /** Frames can pass. */
  open(): void;
  /** A piece of the stream of frames, as a plug has it; cut anywhere. */
  stream(piece: Uint8Array): void;
  /** It is over, or never began; there are no events after that. */
  ended(why: CryptcabError): void;
}

/** A way to the other side, once: a connection, or a child. */
export interface Line {
  /** As of a plug. */
  write(frames: Uint8Array): boolean;
  pause(): void;
  resume(): void;
  /** Ends it; resolves when it has ended. */
  close(): Promise<void>;
}

/** Begins a line, and reports what happens to it from the next turn of the event loop on. */
export type OpenLine = (events: LineEvents) => Line;

/** A plug of lines: whenever one has ended, the next one is tried. */
export class RetriedPlug implements Plug {
  readonly settled: Promise<void>;
  readonly #openLine: OpenLine;
  readonly #events: PlugEvents;
  readonly #backOff = new BackOff();
  #line: Line | undefined;
  /** Since when it is open, ms; undefined while it is not. */
  #since: number | undefined;
  #again: NodeJS.Timeout | undefined;
  #paused = false;
  #closed = false;
  /** Settles `settled`, once. */
  #outcome: { resolve: () => void; reject: (error: Error) => void } | undefined;

  constructor(openLine: OpenLine, events: PlugEvents) {
    this.#openLine = openLine;
    this.#events = events;
    this.settled = new Promise((resolve, reject) => {
      this.#outcome = { resolve, reject };
    });
    this.settled.catch(() => {}); // a caller who cares awaits it; nobody has to
    this.#start();
  }

  #start(): void {
    const line = this.#openLine({
      open: () => this.#opened(),
      stream: (piece) => {
        if (!this.#closed) this.#events.stream(piece);
      },
      ended: (why) => this.#ended(why),
    });
    this.#line = line;
    if (this.#paused) line.pause();
  }

  #opened(): void {
    if (this.#closed) return;
    this.#since = performance.now();
    if (this.#outcome === undefined) this.#events.back();
    this.#outcome?.resolve();
    this.#outcome = undefined;
  }

  #ended(why: CryptcabError): void {
    if (this.#closed) return;
    const lived = this.#since === undefined ? 0 : performance.now() - this.#since;
    this.#line = undefined;
    this.#since = undefined;
    this.#outcome?.reject(why);
    this.#outcome = undefined;
    this.#events.lost(why.marked);
    if (this.#closed) return; // the listener closed it
    this.#again = setTimeout(() => this.#start(), this.#backOff.after(lived));
  }

  write(frames: Uint8Array): boolean {
    if (this.#since === undefined) return false;
    return this.#line?.write(frames) ?? false;
  }

  pause(): void {
    this.#paused = true;
    this.#line?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#line?.resume();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#again);
    await this.#line?.close();
  }
}
