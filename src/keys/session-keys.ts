// Keys that clients send by scp (classic.md §4.2): files that a LOGIN names, which anybody can forge. So a file is
// removed only when its key has been proved.
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  type Stats,
  statSync,
  unlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { CryptcabError, codeOf, messageOf } from '../error.js';
import { optionName } from '../options/name.js';
import { KEY_FILE_BYTES } from '../protocol/classic/constants.js';
import { wipe } from '../protocol/classic/session-key.js';
import { secretRoom } from '../protocol/secret.js';
import { mayLogIn } from './accounts.js';

/** Where clients of all makes put them. */
export const SESSION_KEY_DIRECTORY = '/tmp';

/** The path of a session's key file, as scp writes it on the server. */
export function sessionKeyPath(id: string, directory = SESSION_KEY_DIRECTORY): string {
  return join(directory, `.${id}.key`);
}

/** Why there is no key for a session. */
export interface NoKey {
  readonly why: string;
  /** Whether a file is there, which somebody may want to see to. */
  readonly found: boolean;
}

const BY_ALL = 0o002;

/** The key files in a directory. */
export class SessionKeys {
  readonly #directory: string;

  /** @throws CryptcabError when there is no such directory */
  constructor(directory = SESSION_KEY_DIRECTORY) {
    this.#directory = directory;
    let why = 'it is not a directory';
    try {
      if (statSync(directory).isDirectory()) return;
    } catch (error) {
      why = messageOf(error);
    }
    throw new CryptcabError(
      `cannot look for keys in ${directory}: ${why}; name another with ${optionName('keyDirectory')}`,
    );
  }

  /**
   * Reads the key of a session; the file stays.
   * @param id of the alphabet that loginId() lets through
   * @returns 24 or 44 bytes
   */
  read(id: string): Uint8Array | NoKey {
    const path = sessionKeyPath(id, this.#directory);
    try {
      return readWhole(path);
    } catch (error) {
      const code = codeOf(error);
      if (code === 'ENOENT') return { why: `there is no ${path}`, found: false };
      const why = code === 'ELOOP' ? `${path} is a symbolic link` : messageOf(error);
      return { why, found: true };
    }
  }

  /**
   * Removes the file of a session whose key has been proved. What else lies there by then stays.
   * @returns why the key is still there; undefined if it is not
   */
  remove(id: string, key: Uint8Array): string | undefined {
    const path = sessionKeyPath(id, this.#directory);
    try {
      const now = readWhole(path);
      const same = now.length === key.length && now.every((byte, i) => byte === key[i]);
      wipe(now);
      if (same) unlinkSync(path);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') return messageOf(error);
    }
    return undefined;
  }
}

/** @throws Error that says why the file is no key, as it was sent by scp */
function readWhole(path: string): Uint8Array {
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
  const file = openSync(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  try {
    const fault = faultOf(fstatSync(file), statSync(dirname(path)));
    if (fault !== undefined) throw new CryptcabError(`${path} ${fault}`);
    const key = secretRoom(fstatSync(file).size);
    if (readSync(file, key, 0, key.length, 0) === key.length) return key;
    throw new CryptcabError(`${path} is being written`);
  } finally {
    closeSync(file);
  }
}

/**
 * What keeps a file from being a client's key, as the predicate of a sentence. Where all users may write, only those whom
 * sshd lets in are clients, and the file has to be one that this program can remove.
 */
export function faultOf(file: Stats, directory: Stats, user = process.geteuid?.()): string | undefined {
  if (!file.isFile()) return 'is not a regular file';
  const { blowfish, chacha20 } = KEY_FILE_BYTES;
  if (file.size !== blowfish && file.size !== chacha20)
    return `has ${file.size} bytes: a key has ${blowfish} or ${chacha20}`;
  if (file.nlink > 1) return 'has another name besides: a key that came by scp has one';
  if ((directory.mode & BY_ALL) === 0 || user === undefined || file.uid === user) return undefined;
  if (user !== 0)
    return `belongs to another user (${file.uid}): clients have to log in as the user who runs the server`;
  return mayLogIn(file.uid)
    ? undefined
    : `belongs to a user who cannot log in by ssh here (${file.uid}): it was not sent by scp`;
}
