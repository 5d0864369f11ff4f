// The pid file of a running instance (held-file.ts), which a second instance is refused.
import { CryptcabError, messageOf } from '../../error.js';
import { HeldElsewhere, type HeldFile, holderOf, holdFile, NoProcessId } from '../../held-file.js';
import { checkLinks } from '../own-path.js';

const ANOTHER = 'name another with --pidfile';

/**
 * Looks whether the pid file can be had.
 * @throws CryptcabError when it is a running instance's, or no pid file
 */
export function checkPidFile(path: string): void {
  const pid = runningPid(path);
  if (pid !== undefined) throw runsAlready(pid, path);
}

/**
 * The process of the running instance that has this pid file; undefined where there is none.
 * @throws CryptcabError when it is no pid file
 */
export function runningPid(path: string): number | undefined {
  try {
    checkLinks(path);
    return holderOf(path);
  } catch (error) {
    if (error instanceof NoProcessId) throw noPidFile(path);
    throw new CryptcabError(`cannot use the pid file ${path}: ${messageOf(error)}; ${ANOTHER}`);
  }
}

/**
 * Writes the pid file, whole from the first moment on; one that is left over is replaced.
 * @throws CryptcabError when that cannot be, or another instance has it
 */
export function writePidFile(path: string): HeldFile {
  checkPidFile(path);
  try {
    return holdFile(path);
  } catch (error) {
    if (error instanceof HeldElsewhere) throw runsAlready(error.pid, path);
    if (error instanceof NoProcessId) throw noPidFile(path);
    throw new CryptcabError(`cannot write the pid file ${path}: ${messageOf(error)}; ${ANOTHER}`);
  }
}

function runsAlready(pid: number, path: string): CryptcabError {
  return new CryptcabError(
    `this is running already, as process ${pid} with the pid file ${path}: end that, or ${ANOTHER}`,
  );
}

function noPidFile(path: string): CryptcabError {
  return new CryptcabError(`the pid file ${path} is there and holds no process id: remove it, or ${ANOTHER}`);
}
