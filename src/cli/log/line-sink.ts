// Where lines go: a log file, or standard error. Whatever happens there costs lines, which are counted, and nothing else:
// a write runs on the runtime's pool of threads, so that a pipe that nobody reads, a stopped terminal or a file system
// that hangs stops no frame.
import { closeSync, constants, fstat, write } from 'node:fs';
import { codeOf, messageOf } from '../../error.js';
import { openOwn } from '../own-path.js';

/** Bytes that may wait to be written; further lines are lost. */
const BACKLOG_BYTES = 256 << 10;
/** How long after a write has failed the next one is tried. */
const RETRY_MS = 1_000;
/** The same for a pipe that is full, and does not block. */
const FULL_MS = 50;
/** How often a log file is looked at: one that was removed is made again. */
const LOOK_MS = 1_000;
/** How long the end waits for the last lines. */
const END_MS = 500;

export interface LineSinkOptions {
  /** A path, opened to append; or a descriptor that is open. */
  readonly to: string | number;
  /** A line that says how many lines were lost, and why; ends with a line feed. */
  readonly lostLine?: (lines: number, why: string) => string;
  /** Told when lines begin to be lost. */
  readonly failing?: (why: string) => void;
}

/** Where a log goes. */
export type Sink = Pick<LineSink, 'write' | 'reopen' | 'close'>;

/** Sinks with a write under way, which the usual exit of a process would wait for. */
const writing = new Set<LineSink>();

/** Whether a write is under way that may never end. */
export function writesPending(): boolean {
  return writing.size > 0;
}

function openFile(path: string): number {
  const { O_WRONLY, O_APPEND, O_CREAT } = constants;
  return openOwn(path, O_WRONLY | O_APPEND | O_CREAT, 0o640);
}

/** What is used of Deno's own standard streams; said here, so that it takes no types of Deno's to build. */
interface DenoStreams {
  readonly stdout: { write(bytes: Uint8Array): Promise<number> };
  readonly stderr: { write(bytes: Uint8Array): Promise<number> };
}

/** So many bytes a pipe takes as a whole or not at all: PIPE_BUF of Linux. */
const PIPE_BYTES = 4096;

/**
 * Writes what fits at once, on the pool of threads; returns how many bytes that were. Deno's `write` of node:fs holds
 * everything up until a pipe that blocks is read, which its own standard streams do not; and of a write that ends
 * early it keeps back how many bytes went, so that it gets no more than go together.
 */
export function writeSome(fd: number, bytes: Uint8Array): Promise<number> {
  const { Deno: deno } = globalThis as { Deno?: DenoStreams };
  if (deno !== undefined && fd === 1) return deno.stdout.write(bytes);
  if (deno !== undefined && fd === 2) return deno.stderr.write(bytes);
  const length = deno === undefined ? bytes.length : Math.min(bytes.length, PIPE_BYTES);
  return new Promise((resolve, reject) => {
    write(fd, bytes, 0, length, null, (error, written) => (error ? reject(error) : resolve(written)));
  });
}

/** Whether an open file has no name any more. */
function isRemoved(fd: number): Promise<boolean> {
  return new Promise((resolve) => fstat(fd, (error, stat) => resolve(!error && stat.nlink === 0)));
}

const LINE_FEED = 10;

function countLines(bytes: Uint8Array): number {
  return bytes.reduce((lines, byte) => lines + (byte === LINE_FEED ? 1 : 0), 0);
}

/** Writes lines one after the other, without making anybody wait. */
export class LineSink {
  readonly #options: LineSinkOptions;
  #fd: number;
  /** The log file, opened again: it takes the place of the other between two writes. */
  #fresh: number | undefined;
  #lines: string[] = [];
  #bytes = 0;
  #lost = 0;
  #why = '';
  /** The last thing written is a part of a line. */
  #torn = false;
  #running: Promise<void> | undefined;
  #wake = () => {};
  #ending = false;
  #looked = 0;

  /** @throws Error when the file cannot be opened */
  constructor(options: LineSinkOptions) {
    this.#options = options;
    this.#fd = typeof options.to === 'string' ? openFile(options.to) : options.to;
  }

  /** Takes one line, its line feed included. */
  write(line: string): void {
    const bytes = Buffer.byteLength(line);
    if (this.#bytes + bytes > BACKLOG_BYTES) {
      this.#lose(1, 'nobody reads them');
      return;
    }
    this.#lines.push(line);
    this.#bytes += bytes;
    this.#run();
  }

  /**
   * Opens the file again, as after it was moved away.
   * @throws Error when it cannot be opened; lines go where they went before
   */
  reopen(): void {
    if (typeof this.#options.to === 'number') return;
    const fresh = openFile(this.#options.to);
    if (this.#fresh !== undefined) closeSync(this.#fresh);
    this.#fresh = fresh;
    this.#wake();
  }

  /** Waits for the last lines, a little. */
  async close(): Promise<void> {
    this.#ending = true;
    this.#wake();
    await new Promise<void>((resolve) => {
      const patience = setTimeout(resolve, END_MS);
      Promise.resolve(this.#running).then(() => {
        clearTimeout(patience);
        resolve();
      });
    });
  }

  #run(): void {
    this.#running ??= this.#drain().finally(() => {
      this.#running = undefined;
      if (this.#lines.length > 0 && !this.#ending) this.#run();
    });
  }

  async #drain(): Promise<void> {
    while (this.#lines.length > 0 || this.#lost > 0) {
      const lost = this.#lost;
      const saysLost = lost > 0 ? (this.#options.lostLine?.(lost, this.#why) ?? '') : '';
      const bytes = Buffer.from(saysLost + this.#lines.join(''));
      this.#lines = [];
      this.#bytes = 0;
      this.#lost = 0;
      let rest: Uint8Array = bytes;
      try {
        await this.#openRemoved();
        this.#useFresh();
        if (this.#torn) await this.#writeSome(Buffer.of(LINE_FEED));
        while (rest.length > 0) rest = rest.subarray(await this.#writeSome(rest));
      } catch (error) {
        const lines = countLines(rest);
        const again = saysLost !== '' && lines === countLines(bytes) ? lost - 1 : 0;
        this.#lose(lines + again, messageOf(error));
        if (this.#ending) return;
        await this.#sleep(RETRY_MS);
      }
    }
  }

  /** Writes what fits at once; returns how many bytes that were. */
  async #writeSome(bytes: Uint8Array): Promise<number> {
    writing.add(this);
    try {
      const written = await writeSome(this.#fd, bytes);
      if (written > 0) this.#torn = bytes[written - 1] !== LINE_FEED;
      return written;
    } catch (error) {
      if (codeOf(error) !== 'EAGAIN' || this.#ending) throw error;
    } finally {
      writing.delete(this);
    }
    await this.#sleep(FULL_MS);
    return 0;
  }

  #lose(lines: number, why: string): void {
    if (this.#lost === 0 && this.#why !== why) this.#options.failing?.(why);
    this.#lost += lines;
    this.#why = why;
  }

  async #openRemoved(): Promise<void> {
    if (performance.now() - this.#looked < LOOK_MS) return;
    if (await isRemoved(this.#fd)) this.reopen();
    this.#looked = performance.now(); // not where it could not be opened: what is written next would go nowhere
  }

  #useFresh(): void {
    if (this.#fresh === undefined) return;
    closeSync(this.#fd);
    this.#fd = this.#fresh;
    this.#fresh = undefined;
    this.#torn = false;
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms).unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
