// Where vitest keeps the modules that it has compiled. Its own keys for them leave out the compiler's options.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Vitest removes nothing. One state of the sources takes a tenth of it. */
const BYTES_MAX = 100 << 20;
const OPTIONS = /^(tsconfig.*\.json|vitest\.config\.ts)$/;

function optionFiles(root) {
  return ['.', 'site'].flatMap((directory) =>
    readdirSync(join(root, directory))
      .filter((name) => OPTIONS.test(name))
      .sort()
      .map((name) => join(root, directory, name)),
  );
}

function bytesIn(directory) {
  return readdirSync(directory).reduce((bytes, name) => bytes + statSync(join(directory, name)).size, 0);
}

/**
 * The directory for modules compiled by the options that are in force. Those by other options are removed, and all where they are too many.
 * @param {string} root
 * @param {number} [most] bytes
 * @returns {string} its path
 */
export function compiledPlace(root, most = BYTES_MAX) {
  const hash = createHash('sha256');
  for (const file of optionFiles(root)) hash.update(`${file}\n`).update(readFileSync(file));
  const [all, mine] = [join(root, 'build/compiled'), hash.digest('hex').slice(0, 16)];
  mkdirSync(join(all, mine), { recursive: true });
  for (const name of readdirSync(all))
    if (name !== mine || bytesIn(join(all, name)) > most) rmSync(join(all, name), { recursive: true });
  return join(all, mine);
}
