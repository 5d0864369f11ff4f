import { closeSync, constants, fstatSync, openSync, readSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { CryptcabError, codeOf, messageOf } from '../error.js';
import { KEY_FILE_BYTES } from '../protocol/constants.js';
import type { Cipher } from '../protocol/session-key.js';
import { parseKey } from './key-text.js';

/** Where a key that came by scp lies (classic-protocol §4). */
export const SESSION_KEY_DIRECTORY = '/tmp';

/** The path of a session's key file, as scp writes it on the server. */
export function sessionKeyPath(id: string): string {
  return join(SESSION_KEY_DIRECTORY, `.${id}.key`);
}

/** A key as text, and some white space. */
const TEXT_KEY_BYTES = 64;

export interface KeyFile {
  /** Classic: 24 bytes, or 44 where the file has as many: enough for either cipher. Secure: 32 bytes. */
  readonly key: Uint8Array;
  /** Who besides the user of this program, and root, can read or change it, in words; undefined: nobody. */
  readonly exposed: string | undefined;
}

/** @param user that the program runs as; undefined where the system has no such numbers */
export function exposure(
  file: { mode: number; uid: number },
  user = process.geteuid?.(),
): KeyFile['exposed'] {
  const { mode, uid } = file;
  if (uid !== 0 && user !== undefined && uid !== user) return `belongs to another user (${uid}): chown it`;
  return (mode & 0o077) === 0 ? undefined : 'can be read by other users: chmod 600 it';
}

/** The first bytes of a file; never blocks on what is no regular one. */
function readFirst(path: string, most: number, flags: number): KeyFile | 'no file' {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | flags);
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) return 'no file';
    const bytes = new Uint8Array(most);
    let have = 0;
    for (let got = -1; got !== 0 && have < bytes.length; have += got) {
      got = readSync(file, bytes, have, bytes.length - have, null);
    }
    return { key: bytes.subarray(0, have), exposed: exposure(stat) };
  } finally {
    closeSync(file);
  }
}

/** Reads a key of the classic protocol. */
function readKey(path: string, flags: number): KeyFile | 'no file' | 'short' {
  const read = readFirst(path, KEY_FILE_BYTES.chacha20, flags);
  if (read === 'no file') return read;
  const { key: bytes, exposed } = read;
  if (bytes.length < KEY_FILE_BYTES.blowfish) return 'short';
  const key = bytes.slice(0, bytes.length < KEY_FILE_BYTES.chacha20 ? KEY_FILE_BYTES.blowfish : bytes.length);
  bytes.fill(0);
  return { key, exposed };
}

/**
 * Reads a key of the secure cable: 44 characters of base64 (secure-protocol §3), white space around it allowed.
 * @param what the key is, for people
 * @param maker the command that makes one
 * @throws CryptcabError that says what is wrong with the file
 */
export function readTextKey(path: string, what: string, maker: 'keygen' | 'genpsk'): KeyFile {
  const make = `make one with: (umask 077; cryptcab ${maker} > FILE)`;
  let read: KeyFile | 'no file';
  try {
    read = readFirst(path, TEXT_KEY_BYTES, 0);
  } catch (error) {
    throw cannotRead(path, error, make);
  }
  if (read === 'no file') throw new CryptcabError(`${what} ${path} is not a regular file; ${make}`);
  const key = parseKey(Buffer.from(read.key).toString('latin1'));
  read.key.fill(0);
  if (key === undefined)
    throw new CryptcabError(`${what} ${path} does not hold a key, 44 characters of base64 alone; ${make}`);
  return { key, exposed: read.exposed };
}

function cannotRead(path: string, error: unknown, make: string): CryptcabError {
  switch (codeOf(error)) {
    case 'ENOENT':
      return new CryptcabError(`there is no key file ${path}: ${make}`);
    case 'EACCES':
      return new CryptcabError(
        `not allowed to read key file ${path}: become its owner, or see its permissions`,
      );
    default:
      return new CryptcabError(`cannot read key file ${path}: ${messageOf(error)}`);
  }
}

/**
 * Reads a pre-shared key.
 * @param cipher that the key has to do for
 * @throws CryptcabError that says what is wrong with the file
 */
export function readPresharedKey(path: string, cipher: Cipher = 'blowfish'): KeyFile {
  const bytes = KEY_FILE_BYTES[cipher];
  const make = `make one with: head -c ${bytes} /dev/urandom > FILE`;
  try {
    const read = readKey(path, 0);
    if (read === 'no file')
      throw new CryptcabError(`key file ${path} is not a regular file: name a file of ${bytes} bytes`);
    if (read === 'short' || read.key.length < bytes)
      throw new CryptcabError(
        `key file ${path} is too short: a key for ${cipher} has ${bytes} bytes; ${make}, and give it to both ends`,
      );
    return read;
  } catch (error) {
    if (error instanceof CryptcabError) throw error;
    throw cannotRead(path, error, `${make}, and give it to both ends`);
  }
}

/**
 * Takes the key that a client sent by scp: reads it and removes the file, so that it outlives its use by nothing.
 * @param id of the alphabet that loginId() lets through
 * @returns the key, or why there is none
 */
export function takeSessionKey(id: string): Uint8Array | string {
  const path = sessionKeyPath(id);
  try {
    const read = readKey(path, constants.O_NOFOLLOW);
    if (read === 'no file') return `${path} is not a regular file`;
    unlinkSync(path);
    return read === 'short' ? `${path} was too short` : read.key;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT') return `there is no ${path}`;
    if (code === 'ELOOP') return `${path} is a symbolic link`;
    return messageOf(error);
  }
}
