// stdio: frames on this program's own standard input and output, as vde_plug has them: for dpipe, and whoever starts it.
import { isatty } from 'node:tty';
import { CryptcabError } from '../../error.js';
import { BACKLOG_BYTES } from './backlog.js';
import type { PlugKind } from './kind.js';
import type { Plug, PlugEvents } from './plug.js';
import { FrameReader } from './stream-frames.js';

const TERMINAL =
  'stdio: is for a pipe, and standard input or output is a terminal: start it by a program that speaks as vde_plug does, such as dpipe';
const ENDED = 'standard input has ended';

/** There is one pair of them, for one plug at a time. What comes while there is no plug is dropped, in whole frames. */
class StandardStreams {
  #taker: PlugEvents | undefined;
  #ended = false;
  #end: (why: string) => void = () => {};
  readonly over = new Promise<string>((resolve) => {
    this.#end = resolve;
  });
  #begun = false;

  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    const { stdin, stdout } = process;
    const end = () => {
      if (this.#ended) return;
      this.#ended = true;
      this.#taker?.lost(ENDED);
      this.#end(ENDED);
    };
    const reader = new FrameReader('plug');
    stdin.on('data', (piece: Buffer) => {
      const frames = reader.read(piece);
      if (frames.length > 0) this.#taker?.stream(frames);
    });
    stdin.on('end', end).on('error', end).on('close', end);
    stdout.on('error', end); // nobody reads
  }

  take(taker: PlugEvents): void {
    this.#taker = taker;
  }

  release(taker: PlugEvents): void {
    if (this.#taker !== taker) return;
    this.#taker = undefined;
    process.stdin.resume();
  }

  write(frames: Uint8Array): boolean {
    const { stdout } = process;
    if (this.#ended || stdout.writableLength + frames.length > BACKLOG_BYTES) return false;
    stdout.write(frames);
    return true;
  }

  close(): void {
    if (this.#begun) process.stdin.destroy(); // it would keep the process
  }
}

function plug(streams: StandardStreams, events: PlugEvents): Plug {
  const begin = async () => {
    if (isatty(0) || isatty(1)) throw new CryptcabError(TERMINAL);
    streams.take(events);
    streams.begin();
  };
  const settled = begin();
  settled.catch(() => events.lost(TERMINAL));
  return {
    settled,
    write: (frames) => streams.write(frames),
    pause: () => void process.stdin.pause(),
    resume: () => void process.stdin.resume(),
    close: async () => streams.release(events),
  };
}

export const STDIO: PlugKind = {
  serves: (locator) => locator === 'stdio:',
  open(locator) {
    const streams = new StandardStreams();
    return Object.assign((events: PlugEvents) => plug(streams, events), {
      locator,
      even: true,
      alone: 'stdio: is for one client, and another client of this server has it',
      over: streams.over,
      close: async () => streams.close(),
    });
  },
};
