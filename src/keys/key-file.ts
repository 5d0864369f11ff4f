import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { CryptcabError, codeOf, messageOf } from '../error.js';
import { KEY_FILE_BYTES } from '../protocol/classic/constants.js';
import { type CipherChoice, leastKeyBytes } from '../protocol/classic/session-key.js';
import { copyKey, secretRoom } from '../protocol/secret.js';
import { encodingFault, markFault } from './encoding.js';
import { decodeKey } from './key-text.js';

/** A key as text, and some white space. */
const TEXT_KEY_BYTES = 64;

export interface KeyFile {
  /** Classic: 24 bytes, or 44 where the file has as many: enough for either cipher. Secure: 32 bytes. */
  readonly key: Uint8Array;
  /** Who besides the user of this program, and root, can read or change it, in words; undefined: nobody. */
  readonly exposed: string | undefined;
}

/** What of a file others must not be able to do: a key is secret, and who is let in is only not theirs to say. */
const OTHERS = {
  read: { bits: 0o077, says: 'can be read by other users: chmod 600 it' },
  write: { bits: 0o022, says: 'can be changed by other users: chmod go-w it' },
} as const;

/**
 * @param what others must not be able to do
 * @param user that the program runs as; undefined where the system has no such numbers
 */
export function exposure(
  file: { mode: number; uid: number },
  what: keyof typeof OTHERS = 'read',
  user = process.geteuid?.(),
): KeyFile['exposed'] {
  const { mode, uid } = file;
  if (uid !== 0 && user !== undefined && uid !== user) return `belongs to another user (${uid}): chown it`;
  const { bits, says } = OTHERS[what];
  return (mode & bits) === 0 ? undefined : says;
}

/** The first bytes of a file; never blocks on what is no regular one. */
function readFirst(path: string, most: number, user?: number): KeyFile | 'no file' {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(file);
    if (!stat.isFile()) return 'no file';
    const bytes = secretRoom(most);
    let have = 0;
    for (let got = -1; got !== 0 && have < bytes.length; have += got) {
      got = readSync(file, bytes, have, bytes.length - have, null);
    }
    return { key: bytes.subarray(0, have), exposed: exposure(stat, 'read', user) };
  } finally {
    closeSync(file);
  }
}

/** Reads a key of the classic protocol. */
function readKey(path: string, user?: number): KeyFile | 'no file' | 'short' {
  const read = readFirst(path, KEY_FILE_BYTES.chacha20, user);
  if (read === 'no file') return read;
  const { key: bytes, exposed } = read;
  if (bytes.length < KEY_FILE_BYTES.blowfish) return 'short';
  const key = copyKey(
    bytes.subarray(0, bytes.length < KEY_FILE_BYTES.chacha20 ? KEY_FILE_BYTES.blowfish : bytes.length),
  );
  bytes.fill(0);
  return { key, exposed };
}

/**
 * Reads a key of the secure cable: 44 characters of base64 (secure.md §3.1), white space around it allowed.
 * @param what the key is, for people
 * @param maker the command that makes one
 * @throws CryptcabError that says what is wrong with the file
 */
export function readTextKey(path: string, what: string, maker: 'keygen' | 'genpsk', user?: number): KeyFile {
  const make = `make one with: (umask 077; cryptcab ${maker} > FILE)`;
  let read: KeyFile | 'no file';
  try {
    read = readFirst(path, TEXT_KEY_BYTES, user);
  } catch (error) {
    throw cannotRead(path, error, make);
  }
  if (read === 'no file') throw new CryptcabError(`${what} ${path} is not a regular file; ${make}`);
  const key = decodeKey(read.key);
  const fault = encodingFault(read.key) ?? markFault(read.key);
  read.key.fill(0);
  if (key === undefined)
    throw new CryptcabError(
      `${what} ${path} ${fault ?? `does not hold a key, 44 characters of base64 alone; ${make}`}`,
    );
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
export function readPresharedKey(path: string, cipher: CipherChoice = 'auto', user?: number): KeyFile {
  const bytes = leastKeyBytes(cipher);
  const make = `make one with: head -c ${bytes} /dev/urandom > FILE`;
  try {
    const read = readKey(path, user);
    if (read === 'no file')
      throw new CryptcabError(`key file ${path} is not a regular file: name a file of ${bytes} bytes`);
    if (read === 'short' || read.key.length < bytes)
      throw new CryptcabError(
        `key file ${path} is too short: a key for ${cipher === 'auto' ? 'blowfish' : cipher} has ${bytes} bytes; ${make}, and give it to both ends`,
      );
    return read;
  } catch (error) {
    if (error instanceof CryptcabError) throw error;
    throw cannotRead(path, error, `${make}, and give it to both ends`);
  }
}
