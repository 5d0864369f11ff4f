import pino, { type Logger } from 'pino';
import { CryptcabError, messageOf } from '../error.js';
import { forPeople, wantsColour } from './for-people.js';
import { LineSink } from './line-sink.js';
import { commandText } from './names.js';
import { say, standardError } from './say.js';

/** Level of the log by how often -v was given, after that for -q; from the third on, the tap adds datagrams (main.ts). */
const LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const;

export interface CommandLog {
  readonly log: Logger;
  /** Opens the log file anew, as after it was moved away. */
  reopen(): void;
  /** Waits for the last lines, a little. */
  close(): Promise<void>;
}

/**
 * Opens the log: for people on a terminal, JSON elsewhere. What cannot be written is counted, and said when it can be again.
 * @param file where to append, instead of standard error
 * @throws CryptcabError when the file cannot be opened
 */
export function openLog(verbosity: number, file: string | undefined): CommandLog {
  const options = { level: LEVELS[Math.min(verbosity + 1, LEVELS.length - 1)] as string, base: null };
  const colour = wantsColour(process.env);
  const format = (line: string) => {
    const named = commandText(line);
    return file === undefined && process.stderr.isTTY ? forPeople(named, colour) : named;
  };
  let lost = '';
  const lostLog = pino(options, { write: (line) => (lost = format(line)) });
  const lostLine = (lines: number, why: string) => {
    lostLog.warn({ lines }, `${lines} log ${lines === 1 ? 'line was' : 'lines were'} lost: ${why}`);
    return lost;
  };
  const sink = file === undefined ? standardError(lostLine) : openFile(file, lostLine);
  const log = pino(options, { write: (line) => sink.write(format(line)) });
  return {
    log,
    reopen() {
      try {
        sink.reopen();
      } catch (error) {
        log.warn({}, `cannot open the log file anew, and keep to the old one: ${messageOf(error)}`);
      }
    },
    close: () => sink.close(),
  };
}

function openFile(file: string, lostLine: (lines: number, why: string) => string): LineSink {
  const failing = (why: string) => say(`cannot write the log file ${file}, log lines are lost: ${why}`);
  try {
    return new LineSink({ to: file, lostLine, failing });
  } catch (error) {
    throw new CryptcabError(`cannot write the log file ${file}: ${messageOf(error)}`);
  }
}
