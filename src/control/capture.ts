// A capture by the control socket: the request's line goes there, a line comes back, and behind it pcapng until either end has enough.
import { connect, type Socket } from 'node:net';
import { CryptcabError, codeOf, messageOf } from '../error.js';
import type { CaptureSink } from './capture-terms.js';
import { errorIn, PATIENCE_MS, type Request, requestLine } from './message.js';

/** What stands before the capture. */
const BEGINS = '{"capture":"pcapng"}\n';
/** Bytes of the line that is answered, at most. */
const LINE_MAX = 4_096;
/** How long a reader that reads no more is waited for at the end, ms. */
const END_MS = 500;

/**
 * Sends a capture to whoever asked for it.
 * @param begin begins it, and gives what ends it
 * @throws CryptcabError when it cannot begin; nothing was sent then
 */
export function sendCapture(
  socket: Socket,
  begin: (sink: CaptureSink, ended: () => void) => () => void,
): void {
  let begun = false;
  const sink: CaptureSink = {
    get waiting() {
      return socket.writableLength;
    },
    write(bytes) {
      if (!begun) socket.write(BEGINS);
      begun = true;
      socket.write(bytes);
    },
  };
  const end = begin(sink, () => {
    socket.end();
    setTimeout(() => socket.destroy(), END_MS).unref();
  });
  socket.on('end', end); // who asked has enough
  socket.on('close', end);
}

/** A capture that comes. */
export interface Arriving {
  /** Pieces of pcapng; they end when either end has enough. */
  readonly pieces: AsyncIterable<Uint8Array>;
  /** Has enough: what is still under way comes. */
  end(): void;
}

/**
 * Asks a running end for a capture.
 * @throws CryptcabError when it refuses, or does not answer
 */
export async function askForCapture(path: string, request: Request): Promise<Arriving> {
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
  const refused = errorIn(line);
  if (refused !== undefined) {
    socket.destroy();
    throw new CryptcabError(`no capture: ${refused}`);
  }
  async function* pieces() {
    if (rest.length > 0) yield rest;
    try {
      yield* iterator;
    } catch (error) {
      throw new CryptcabError(`the cable's end at ${path} has gone: ${messageOf(error)}`);
    }
  }
  return { pieces: pieces(), end: () => socket.end() };
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
