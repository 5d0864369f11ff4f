import type { Log } from '../log.js';
import type { CipherChoice } from '../protocol/classic/session-key.js';
import { readPresharedKey, readTextKey } from './key-file.js';

/**
 * The key of a classic key file; a warning if others can read or change it.
 * @param user whom it may belong to, besides root; the one who runs the program when undefined
 * @throws CryptcabError that says what is wrong with the file
 */
export function presharedKey(path: string, cipher: CipherChoice, log: Log, user?: number): Uint8Array {
  const { key, exposed } = readPresharedKey(path, cipher, user);
  if (exposed !== undefined) log.warn({ file: path }, `the key file ${exposed}`);
  return key;
}

/**
 * The key of a file of the secure cable's; a warning if others can read or change it.
 * @param maker the command that makes such a file
 * @param user whom it may belong to, besides root; the one who runs the program when undefined
 * @throws CryptcabError that says what is wrong with the file
 */
export function textKey(path: string, maker: 'keygen' | 'genpsk', log: Log, user?: number): Uint8Array {
  const what = maker === 'keygen' ? 'the key file' : 'the preshared key file';
  const { key, exposed } = readTextKey(path, what, maker, user);
  if (exposed !== undefined) log.warn({ file: path }, `the key file ${exposed}`);
  return key;
}
