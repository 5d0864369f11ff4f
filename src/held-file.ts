// A file that one running process has to itself: it holds the process id, and the process keeps it open. So one that is left
// over is told from one that is in use, also where another process has the number by chance.
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
import { codeOf } from './error.js';

/** A process id, and an end of line. */
const PID_BYTES = 32;

const same = (a: Stats, b: Stats) => a.ino === b.ino && a.dev === b.dev;

/** The files that this process has. */
const own = new Set<Stats>();

/** What is there is no such file. */
export class NoProcessId extends Error {}

/** Another process has the file. */
export class HeldElsewhere extends Error {
  constructor(readonly pid: number) {
    super(`process ${pid} has it`);
  }
}

/**
 * The process that has the file; undefined where none has.
 * @throws NoProcessId for a file of another kind
 * @throws Error where it cannot be read
 */
export function holderOf(path: string): number | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const stat = fstatSync(fd);
    const bytes = new Uint8Array(PID_BYTES);
    const text = stat.isFile() ? Buffer.from(bytes.subarray(0, readSync(fd, bytes))).toString('latin1') : '?';
    if (!/^\s*\d*\s*$/.test(text)) throw new NoProcessId('it holds no process id');
    const pid = Number(text);
    return isHeld(pid, stat) ? pid : undefined;
  } finally {
    closeSync(fd);
  }
}

/** Whether the process that wrote a file still has it. Where that cannot be known it is taken to. */
function isHeld(pid: number, file: Stats): boolean {
  if (pid === 0) return false;
  if (pid === process.pid) return [...own].some((one) => same(one, file));
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

export interface HeldFile {
  /** Takes it away, unless another has taken its place. */
  remove(): void;
}

/**
 * Makes the file, whole from the first moment on; one that is left over is replaced.
 * @throws HeldElsewhere where another process has it, or this one already
 * @throws NoProcessId where a file of another kind is there
 * @throws Error where it cannot be made
 */
export function holdFile(path: string): HeldFile {
  const draft = `${path}.${randomBytes(4).toString('hex')}`;
  let fd: number | undefined;
  try {
    fd = openSync(draft, 'wx', 0o644);
    writeSync(fd, `${process.pid}\n`);
    place(draft, path);
    return held(path, fd);
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    throw error;
  } finally {
    if (fd !== undefined) rmSync(draft, { force: true });
  }
}

function refuseHeld(path: string): void {
  const pid = holderOf(path);
  if (pid !== undefined) throw new HeldElsewhere(pid);
}

/** Gives the draft its name. A link, unlike a renaming, replaces nothing that came meanwhile. */
function place(draft: string, path: string): void {
  refuseHeld(path);
  rmSync(path, { force: true });
  try {
    linkSync(draft, path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') {
      refuseHeld(path);
      throw error;
    }
    renameSync(draft, path); // a file system without links
  }
}

function held(path: string, fd: number): HeldFile {
  const file = fstatSync(fd);
  own.add(file);
  return {
    remove() {
      own.delete(file);
      try {
        if (same(lstatSync(path), file)) unlinkSync(path);
      } catch {
        // Somebody has removed it, or its directory.
      }
      closeSync(fd);
    },
  };
}
