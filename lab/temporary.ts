import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A directory of one's own. Its name has no capitals, as a path of mixed letters may look like a key, and be hidden in messages. */
export function temporaryDirectory(prefix: string): string {
  const path = join(tmpdir(), `${prefix}-${randomBytes(4).toString('hex')}`);
  mkdirSync(path, { mode: 0o700 });
  return path;
}
