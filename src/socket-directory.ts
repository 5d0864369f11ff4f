import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from './error.js';

/**
 * The directory where a socket would be, if it is missing: Node then says of the socket that permission is denied, as it does where
 * it is.
 */
export function missingDirectory(path: string): string | undefined {
  const directory = dirname(path);
  try {
    statSync(directory);
    return undefined;
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? directory : undefined;
  }
}
