import pino, { type Logger } from 'pino';
import { CryptcabError, messageOf } from '../error.js';

/** Level of the log by how often -v was given; from the third on, the tap adds datagrams (main.ts). */
const LEVELS = ['warn', 'info', 'debug', 'trace'] as const;

/**
 * Opens the log: for people on a terminal, JSON elsewhere. Written at once, so that no line is lost.
 * @param file where to append, instead of standard error
 * @throws CryptcabError when the file cannot be written
 */
export async function openLog(verbosity: number, file: string | undefined): Promise<Logger> {
  const options = { level: LEVELS[Math.min(verbosity, LEVELS.length - 1)] as string, base: null };
  if (file === undefined && process.stderr.isTTY) {
    const { default: pretty } = await import('pino-pretty');
    return pino(
      options,
      pretty({ destination: 2, sync: true, translateTime: 'SYS:HH:MM:ss.l', singleLine: true }),
    );
  }
  try {
    return pino(options, pino.destination({ dest: file ?? 2, sync: true, append: true }));
  } catch (error) {
    throw new CryptcabError(`cannot write the log file ${file}: ${messageOf(error)}`);
  }
}
