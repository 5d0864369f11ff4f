// The last lines of the log, for whoever asks the running end for them (cryptcab log). They are kept wherever the log goes.
import type { ByteSink } from '../../control/capture-terms.js';

/** So many lines are kept, and so many characters of them. */
const LINES_MAX = 1_000;
const CHARACTERS_MAX = 256 << 10;
/** Bytes that a reader may be behind; further lines are lost to it, and counted. */
const BEHIND_BYTES = 1 << 20;

interface Reader {
  readonly sink: ByteSink;
  readonly ended: () => void;
  lost: number;
}

export class LogHistory {
  readonly #lines: string[] = [];
  #characters = 0;
  readonly #readers = new Set<Reader>();
  readonly #lostLine: (lines: number) => string;

  /** @param lostLine a line that says how many lines a reader has lost; ends with a line feed */
  constructor(lostLine: (lines: number) => string) {
    this.#lostLine = lostLine;
  }

  /** Takes one line, its line feed included. */
  push(line: string): void {
    this.#lines.push(line);
    this.#characters += line.length;
    while (this.#lines.length > LINES_MAX || (this.#characters > CHARACTERS_MAX && this.#lines.length > 1))
      this.#characters -= (this.#lines.shift() as string).length;
    for (const reader of this.#readers) this.#give(reader, line);
  }

  #give(reader: Reader, line: string): void {
    const { sink, lost } = reader;
    if (sink.waiting > BEHIND_BYTES) {
      reader.lost++;
      return;
    }
    sink.write(Buffer.from(lost === 0 ? line : this.#lostLine(lost) + line));
    reader.lost = 0;
  }

  /**
   * Says the lines that are kept.
   * @param follow and those that come
   * @param ended called when there will be no more
   * @returns what ends it
   */
  read(follow: boolean, sink: ByteSink, ended: () => void): () => void {
    const text = this.#lines.join('');
    if (text !== '') sink.write(Buffer.from(text));
    if (!follow) {
      ended();
      return () => {};
    }
    const reader = { sink, ended, lost: 0 };
    this.#readers.add(reader);
    return () => {
      if (this.#readers.delete(reader)) ended();
    };
  }

  /** Ends all that follow. */
  close(): void {
    for (const { ended } of this.#readers) ended();
    this.#readers.clear();
  }
}
