// What goes on, by the control socket: the request's line goes there, a line comes back that says what follows, and that follows
// until either end has enough.
import { connect, type Socket } from 'node:net';
import { CryptcabError, codeOf, messageOf } from '../error.js';
import type { ByteSink } from './capture-terms.js';
import { errorIn, PATIENCE_MS, type Request, requestLine } from './message.js';

/** What follows the first line: a capture as pcapng, or a log as lines of JSON. */
export type StreamKind = { readonly capture: 'pcapng' } | { readonly log: 'json' };

/** Bytes of the line that is answered, at most. */
const LINE_MAX = 4_096;
/** How long a reader that reads no more is waited for at the end, ms. */
const END_MS = 500;
/** How long who sends is waited for, where nobody wants any more, ms. */
const ABANDON_MS = 1_000;

/**
 * Sends it to whoever asked for it.
 * @param begin begins it, and gives what ends it
 * @throws CryptcabError when it cannot begin; nothing was sent then
 */
export function sendStream(
  socket: Socket,
  kind: StreamKind,
  begin: (sink: ByteSink, ended: () => void) => () => void,
): void {
  let begun = false;
  const sayKind = () => {
    if (!begun) socket.write(`${JSON.stringify(kind)}\n`);
    begun = true;
  };
  const sink: ByteSink = {
    get waiting() {
      return socket.writableLength;
    },
    write(bytes) {
      sayKind();
      socket.write(bytes);
    },
  };
  const end = begin(sink, () => {
    sayKind();
    socket.end();
    setTimeout(() => socket.destroy(), END_MS).unref();
  });
  sayKind();
  socket.on('end', end); // who asked has enough
  socket.on('close', end);
}

/** What comes. */
export interface Arriving {
  /** Its pieces; they end when either end has enough. */
  readonly pieces: AsyncIterable<Uint8Array>;
  /** Has enough: what is still under way comes. */
  end(): void;
  /** The same where nobody wants what comes: whoever sends may have been stopped, and is waited for a second at most. */
  abandon(): void;
}

/**
 * Asks a running end for what goes on.
 * @param what the answer is called, for people
 * @throws CryptcabError when it refuses, or does not answer
 */
export async function askForStream(path: string, request: Request, what: string): Promise<Arriving> {
  const socket = connect({ path, allowHalfOpen: true });
  const iterator = socket.iterator({ destroyOnReturn: true }) as AsyncIterableIterator<Uint8Array>;
  const timer = setTimeout(() => socket.destroy(new Error('no answer')), PATIENCE_MS);
  socket.write(requestLine(request));
  const { line, rest } = await firstLine(iterator).catch((error: unknown) => {
    socket.destroy();
    const why = codeOf(error) === undefined ? 'it does not answer' : messageOf(error);
    throw new CryptcabError(`cannot ask the cable's end at ${path}: ${why}`);
  });
  clearTimeout(timer);
  let abandoned = false;
  const refused = errorIn(line);
  if (refused !== undefined) {
    socket.destroy();
    throw new CryptcabError(`no ${what}: ${refused}`);
  }
  async function* pieces() {
    if (rest.length > 0) yield rest;
    try {
      yield* iterator;
    } catch (error) {
      if (abandoned) return;
      throw new CryptcabError(`the cable's end at ${path} has gone: ${messageOf(error)}`);
    }
  }
  return {
    pieces: pieces(),
    end: () => socket.end(),
    abandon: () => {
      abandoned = true;
      socket.end();
      setTimeout(() => socket.destroy(), ABANDON_MS).unref();
    },
  };
}

async function firstLine(iterator: AsyncIterator<Uint8Array>): Promise<{ line: string; rest: Uint8Array }> {
  let all = new Uint8Array();
  for (;;) {
    const { value, done } = await iterator.next();
    if (done === true || all.length > LINE_MAX) throw new Error('no line');
    all = Uint8Array.from([...all, ...(value as Uint8Array)]);
    const at = all.indexOf(10);
    if (at >= 0) return { line: new TextDecoder().decode(all.subarray(0, at)), rest: all.subarray(at + 1) };
  }
}
