// Files that this program writes where a command line says. A link of another user's is not followed: that user would
// choose what is written to.
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  type Stats,
  statSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CryptcabError, codeOf } from '../error.js';

/** As many as the kernel follows (path_resolution(7)). */
const LINKS_MAX = 40;
/** A directory where everybody makes files, and nobody removes those of others: /tmp. */
const SHARED = 0o1002;

/** Root's files and our own are as good as what the command line says. */
function isTrusted({ uid }: Stats, user = process.geteuid?.()): boolean {
  return user === undefined || uid === 0 || uid === user;
}

function look(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined; // what opens it will say why
  }
}

/** The directories on the way to a path, the first one first, and the path itself. */
function steps(path: string): string[] {
  const up = dirname(path);
  return up === path ? [] : [...steps(up), path];
}

/**
 * Looks at the links on the way to a path, which need not be there.
 * @param path absolute
 * @throws CryptcabError when another user has made one
 */
export function checkLinks(path: string, links = LINKS_MAX): void {
  for (const step of steps(path)) {
    const stat = look(step);
    if (!stat?.isSymbolicLink()) continue;
    if (!isTrusted(stat))
      throw new CryptcabError(`${step} is a symbolic link that another user (${stat.uid}) has made`);
    // Those of /proc lead to what is open, and not by way of a path.
    if (!step.startsWith('/proc/') && links > 0)
      checkLinks(resolve(dirname(step), readlinkSync(step)), links - 1);
  }
}

/** Whether a file is in a directory where everybody makes files, and another user has made it. */
function isForeign(path: string, file: Stats): boolean {
  return isShared(path) && file.isFile() && !isTrusted(file);
}

function isShared(path: string): boolean {
  return (statSync(dirname(path)).mode & SHARED) === SHARED;
}

function foreign(path: string, { uid }: Stats): CryptcabError {
  return new CryptcabError(`${path} is a file that another user (${uid}) has made`);
}

/**
 * Opens a file to write; never waits for whoever would read a pipe.
 * @param path absolute
 * @throws CryptcabError when another user has chosen what would be written to; Error when the system refuses
 */
export function openOwn(path: string, flags: number, mode: number): number {
  checkLinks(path);
  flags |= constants.O_NONBLOCK | constants.O_NOCTTY;
  if (look(path)?.isSymbolicLink()) return openNow(path, flags, mode);
  const fd = openPlain(path, flags, mode);
  const file = fstatSync(fd);
  if (!isForeign(path, file) && !(isShared(path) && file.isFile() && file.nlink > 1)) return fd;
  closeSync(fd);
  throw isForeign(path, file) ? foreign(path, file) : new CryptcabError(`${path} has another name besides`);
}

function openNow(path: string, flags: number, mode: number): number {
  try {
    return openSync(path, flags, mode);
  } catch (error) {
    if (codeOf(error) !== 'ENXIO') throw error;
    throw new CryptcabError(
      `${path} is a pipe that nobody reads, or a socket: start its reader first, or name a file`,
    );
  }
}

/** Linux refuses what isForeign() says as well, and does not say why, unless fs.protected_regular was taken back. */
function openPlain(path: string, flags: number, mode: number): number {
  try {
    return openNow(path, flags | constants.O_NOFOLLOW, mode); // nor a link that has come meanwhile
  } catch (error) {
    const file = look(path);
    throw file !== undefined && isForeign(path, file) ? foreign(path, file) : error;
  }
}
