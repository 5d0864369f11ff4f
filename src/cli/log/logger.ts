import pino, { type Logger } from 'pino';
import { CryptcabError, messageOf } from '../../error.js';
import { commandText } from '../names.js';
import { say, standardError } from '../say.js';
import { forPeople, wantsColour } from './for-people.js';
import { LogHistory } from './history.js';
import { LineSink, type Sink } from './line-sink.js';
import { forJournal, logsToJournal } from './priority.js';
import { openSyslog } from './syslog.js';

/** Level of the log by how often -v was given, after that for -q; from the third on, the tap adds datagrams (main.ts). */
const LEVELS = ['error', 'warn', 'info', 'debug', 'trace'] as const;

export interface CommandLog {
  readonly log: Logger;
  /** The same for what somebody has asked for: it is said whatever the verbosity. */
  readonly asked: Logger;
  /** Shows a line whatever the verbosity, and leaves it out of the history, which has one like it. */
  readonly shown: Logger;
  /** The last lines, from `info` on, whatever the verbosity. */
  readonly history: LogHistory;
  /** Opens the log file again, as after it was moved away. */
  reopen(): boolean;
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
  const level = LEVELS[Math.min(verbosity + 1, LEVELS.length - 1)] as (typeof LEVELS)[number];
  const least = levelNumber(level);
  const options = { level: least < levelNumber('info') ? level : 'info', base: null };
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
  let lostToReader = '';
  const readerLog = pino(options, { write: (line) => (lostToReader = line) });
  const history = new LogHistory((lines) => {
    readerLog.warn({ lines }, 'log lines are missing here, because they were not read fast enough');
    return lostToReader;
  });
  const loggerFrom = (from: number) =>
    pino(options, {
      write(line) {
        history.push(commandText(line));
        if (levelOf(line) >= from) sink.write(format(line));
      },
    });
  const log = loggerFrom(least);
  return {
    log,
    asked: loggerFrom(0),
    shown: pino(options, { write: (line) => sink.write(format(line)) }),
    history,
    reopen() {
      try {
        sink.reopen();
        return typeof target === 'object';
      } catch (error) {
        log.warn({}, `cannot open the log file again, so the old one stays in use: ${messageOf(error)}`);
        return false;
      }
    },
    close: () => sink.close(),
  };
}

const levelNumber = (level: (typeof LEVELS)[number]) => pino.levels.values[level] as number;

/** The level of a line, with which pino begins it. */
function levelOf(line: string): number {
  return Number(/^\{"level":(\d+)/.exec(line)?.[1]);
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
