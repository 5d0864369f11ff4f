// What the program prints: lines on standard error, and a command's answer on standard output.
import { CryptcabError, codeOf, messageOf } from '../error.js';
import { LineSink, writeSome } from './log/line-sink.js';
import { ERROR, logsToJournal } from './log/priority.js';
import { commandText } from './names.js';
import { name } from './program.js';

let lostLine: ((lines: number, why: string) => string) | undefined;

const sink = new LineSink({ to: 2, lostLine: (lines, why) => lostLine?.(lines, why) ?? '' });

/** Standard error: the log goes there as well where it has no file, and then says in its own form what was lost. */
export function standardError(ofLog: typeof lostLine): LineSink {
  lostLine = ofLog;
  return sink;
}

/** Writes a whole line on standard error, in its turn. */
export function writeLine(line: string): void {
  sink.write(line);
}

/** Says a line to the person who started the program; options may be in marks. */
export function say(line: string): void {
  // The journal has the name already.
  sink.write(`${logsToJournal() ? `<${ERROR}>` : `${name}: `}${commandText(line)}\n`);
}

/** Waits for what was said, a little. */
export function said(): Promise<void> {
  return sink.close();
}

/** How long a full pipe that does not block is left alone, ms. */
const FULL_MS = 10;

/**
 * Prints on standard output.
 * @returns whether somebody reads it
 * @throws CryptcabError when it cannot be written
 */
export async function print(text: string | Uint8Array): Promise<boolean> {
  let rest: Uint8Array = typeof text === 'string' ? Buffer.from(text) : text;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(await writeSome(1, rest));
    } catch (error) {
      if (codeOf(error) === 'EPIPE') return false;
      if (codeOf(error) !== 'EAGAIN')
        throw new CryptcabError(`cannot write to standard output: ${messageOf(error)}`);
      await new Promise((resolve) => setTimeout(resolve, FULL_MS));
    }
  }
  return true;
}
