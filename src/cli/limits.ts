import { readFileSync } from 'node:fs';
import { hideKeys } from '../key-like.js';

/** A lower limit on open files may keep a module from being found: they are opened many at a time. */
const FILES_MIN = 256;

/** How many files this process may have open, where the system says so. */
function filesMax(): number {
  try {
    return Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity);
  } catch {
    return Infinity; // no /proc: the error itself has to say it
  }
}

/** What a limit of the system says that this process has met, in one line; undefined for any other error. */
export function limitText(error: unknown): string | undefined {
  const { code } = error as { code?: unknown };
  switch (code === 'ERR_MODULE_NOT_FOUND' && filesMax() < FILES_MIN ? 'EMFILE' : code) {
    case 'EMFILE':
      return 'too many files are open in this process: raise the limit (ulimit -n 1024)';
    case 'ENFILE':
      return 'too many files are open on this machine: raise the limit (sysctl fs.file-max)';
    case 'ENOMEM':
    case 'ERR_WORKER_OUT_OF_MEMORY':
      return 'not enough memory: raise the limit (ulimit -v), or end other programs';
    default:
      return undefined;
  }
}

/** For what nobody thought of: where it happened is all that helps. */
export function unexpectedText(error: unknown): string {
  return hideKeys(`unexpected: ${error instanceof Error ? error.stack : error}`);
}
