// Files that others may put there, and files of ours that a crash or a full disk must not spoil.
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from '../error.js';

/** Lines for 60 000 peers have a fifth of it. */
const READ_MAX = 64 << 20;

/**
 * Reads a file that may be another one, or of another kind, at any time. A pipe or a device would stop the program, or never end.
 * @param follow whether it may be a link
 * @throws Error when it cannot be read
 */
export function readRegular(
  path: string,
  { follow = true } = {},
): { readonly bytes: Buffer; readonly stat: Stats } {
  const { O_RDONLY, O_NONBLOCK, O_NOCTTY, O_NOFOLLOW } = constants;
  const fd = openSync(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | (follow ? 0 : O_NOFOLLOW));
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Error('it is not a regular file');
    if (stat.size > READ_MAX) throw new Error(`it has more than ${READ_MAX >> 20} MiB`);
    return { bytes: readFileSync(fd), stat };
  } finally {
    closeSync(fd);
  }
}

/**
 * Makes a directory where there is none, and those above it. Node's mkdir with `recursive` gives a wrong reason on a file system
 * that cannot be written, and never ends where the kernel answers ENOENT although the directory above is there, as in /proc.
 * @throws Error when it cannot be
 */
export function makeDirectory(path: string, mode = 0o777): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (codeOf(error) === 'EEXIST' && statSync(path).isDirectory()) return;
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
    makeDirectory(dirname(path), mode);
    mkdirSync(path, { mode });
  }
}

/** Writes all of it, also to the disk. @throws Error when not all could be written: a disk that is full takes a part */
export function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
  fsyncSync(fd);
}

/**
 * Writes a file beside, and puts it in its place: a crash, or a full disk, leaves the old one or the new one.
 * @param prepare does what else is to be done to the new one before it has its place
 * @throws Error when it cannot be written; then nothing is left of it
 */
export function replaceFile(
  path: string,
  bytes: Uint8Array,
  { beside = `${path}.new`, mode = 0o600, prepare = (_fd: number) => {} } = {},
): void {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW, O_NONBLOCK } = constants;
  const fd = openSync(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK, mode);
  try {
    try {
      prepare(fd);
      writeWhole(fd, bytes);
    } finally {
      closeSync(fd);
    }
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw error;
  }
}
