import { closeSync, constants, existsSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../log.js';
import { makeDirectory, writeWhole } from './files.js';
import { keyLine } from './key-text.js';
import { textKey } from './read-key.js';

/**
 * The private key of a server that was given none: made at its first start, and kept, so that its clients find it again.
 * @param directory is made when it is not there
 * @param make a new key, 32 bytes
 * @throws CryptcabError for a file that holds no key; Error when the system refuses
 */
export function keptPrivateKey(directory: string, make: () => Uint8Array, log: Log): Uint8Array {
  const path = join(directory, 'private.key');
  if (existsSync(path)) return textKey(path, 'keygen', log);
  makeDirectory(directory, 0o700);
  const key = make();
  try {
    keep(path, key);
  } catch (error) {
    key.fill(0);
    throw error;
  }
  return key;
}

function keep(path: string, key: Uint8Array): void {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  const line = keyLine(key);
  try {
    writeWhole(fd, line);
  } catch (error) {
    rmSync(path, { force: true }); // a part of a key would be in the way at the next start
    throw error;
  } finally {
    line.fill(0);
    closeSync(fd);
  }
}
