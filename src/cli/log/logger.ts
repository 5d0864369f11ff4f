import pino, { type Logger } from 'pino';
import { CryptcabError, messageOf } from '../../error.js';
import { commandText } from '../names.js';
import { say, standardError } from '../say.js';
import { forPeople, wantsColour } from './for-people.js';
import { LineSink, type Sink } from './line-sink.js';
import { forJournal, logsToJournal } from './priority.js';
import { openSyslog } from './syslog.js';

/** Level of the log by how often -v was given, after that for -q; from the third on, the tap adds datagrams (main.ts). */
const LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const;

export interface CommandLog {
  readonly log: Logger;
  /** Opens the log file anew, as after it was moved away. */
  reopen(): void;
  /** Waits for the last lines, a little. */
  close(): Promise<void>;
}

/** Where a log goes: to a file by its path, to the system's log, or to standard error. */
export type LogTarget = { readonly file: string } | 'syslog' | 'standard error';

/**
 * Opens the log: for people on a terminal and in the system's log, JSON elsewhere. What cannot be written is counted, and
 * said when it can be again.
 * @throws CryptcabError when the file cannot be opened
 */
export async function openLog(verbosity: number, target: LogTarget): Promise<CommandLog> {
  const options = { level: LEVELS[Math.min(verbosity + 1, LEVELS.length - 1)] as string, base: null };
  const colour = wantsColour(process.env);
  const format = (line: string) => {
    const named = commandText(line);
    if (target !== 'standard error') return named;
    if (process.stderr.isTTY) return forPeople(named, colour);
    return logsToJournal() ? forJournal(named) : named;
  };
  let lost = '';
  const lostLog = pino(options, { write: (line) => (lost = format(line)) });
  const lostLine = (lines: number, why: string) => {
    lostLog.warn({ lines }, `${lines} log ${lines === 1 ? 'line was' : 'lines were'} lost: ${why}`);
    return lost;
  };
  const sink = await openSink(target, lostLine);
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

type LostLine = (lines: number, why: string) => string;

async function openSink(target: LogTarget, lostLine: LostLine): Promise<Sink> {
  if (target === 'standard error') return standardError(lostLine);
  return target === 'syslog' ? await openSyslog(lostLine) : openFile(target.file, lostLine);
}

function openFile(file: string, lostLine: LostLine): LineSink {
  const failing = (why: string) => say(`cannot write the log file ${file}, log lines are lost: ${why}`);
  try {
    return new LineSink({ to: file, lostLine, failing });
  } catch (error) {
    throw new CryptcabError(`cannot write the log file ${file}: ${messageOf(error)}`);
  }
}
