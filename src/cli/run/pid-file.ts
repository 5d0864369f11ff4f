// The pid file: of one running instance, which keeps it open. So a process that has its number by chance is not mistaken for it.
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { CryptcabError, codeOf, messageOf } from '../../error.js';
import { checkLinks } from '../own-path.js';

/** A process id, and an end of line. */
const PID_BYTES = 32;

const same = (a: Stats, b: Stats) => a.ino === b.ino && a.dev === b.dev;

/**
 * Looks whether the pid file can be had.
 * @throws CryptcabError when it is a running instance's, or no pid file
 */
export function checkPidFile(path: string): void {
  const pid = runningPid(path);
  if (pid !== undefined)
    throw new CryptcabError(
      `this is running already, as process ${pid} with the pid file ${path}: end that, or name another with --pidfile`,
    );
}

/**
 * The process of the running instance that has this pid file; undefined where there is none.
 * @throws CryptcabError when it is no pid file
 */
export function runningPid(path: string): number | undefined {
  let fd: number;
  try {
    checkLinks(path);
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw new CryptcabError(
      `cannot use the pid file ${path}: ${messageOf(error)}; name another with --pidfile`,
    );
  }
  try {
    const stat = fstatSync(fd);
    const bytes = new Uint8Array(PID_BYTES);
    const text = stat.isFile() ? Buffer.from(bytes.subarray(0, readSync(fd, bytes))).toString('latin1') : '?';
    if (!/^\s*\d*\s*$/.test(text))
      throw new CryptcabError(
        `the pid file ${path} is there and holds no process id: remove it, or name another with --pidfile`,
      );
    const pid = Number(text);
    return isHeld(pid, stat) ? pid : undefined;
  } finally {
    closeSync(fd);
  }
}

/** Whether the instance that wrote a pid file still runs. Where that cannot be known it is taken to. */
function isHeld(pid: number, file: Stats): boolean {
  if (pid === 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Another user's process: it did not write a file of ours.
    return codeOf(error) === 'EPERM' && file.uid !== process.geteuid?.();
  }
  let open: string[];
  try {
    open = readdirSync(`/proc/${pid}/fd`);
  } catch {
    return true;
  }
  return open.some((fd) => {
    try {
      return same(statSync(`/proc/${pid}/fd/${fd}`), file);
    } catch {
      return false; // closed meanwhile
    }
  });
}

export interface PidFile {
  /** Takes it away, unless another has taken its place. */
  remove(): void;
}

/**
 * Writes the pid file, whole from the first moment on; one that is left over is replaced.
 * @throws CryptcabError when that cannot be, or another instance has it
 */
export function writePidFile(path: string): PidFile {
  const draft = `${path}.${randomBytes(4).toString('hex')}`;
  let fd: number | undefined;
  try {
    fd = openSync(draft, 'wx', 0o644);
    writeSync(fd, `${process.pid}\n`);
    place(draft, path);
    return removable(path, fd);
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    if (error instanceof CryptcabError) throw error;
    throw new CryptcabError(`cannot write the pid file ${path}: ${messageOf(error)}`);
  } finally {
    if (fd !== undefined) rmSync(draft, { force: true });
  }
}

/** Gives the draft its name. A link, unlike a renaming, replaces nothing that came meanwhile. */
function place(draft: string, path: string): void {
  checkPidFile(path);
  rmSync(path, { force: true });
  try {
    linkSync(draft, path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') {
      checkPidFile(path);
      throw error;
    }
    renameSync(draft, path); // a file system without links
  }
}

function removable(path: string, fd: number): PidFile {
  return {
    remove() {
      try {
        if (same(lstatSync(path), fstatSync(fd))) unlinkSync(path);
      } catch {
        // Somebody has removed it, or its directory.
      }
      closeSync(fd);
    },
  };
}
