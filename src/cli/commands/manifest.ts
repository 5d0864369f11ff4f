// The files of a directory of vectors, held against its manifest.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CryptcabError, messageOf } from '../../error.js';
import { encodingFault } from '../../keys/encoding.js';
import { readRegular } from '../../keys/files.js';
import { MANIFEST, sha256Of } from '../../vectors/make.js';

/** As sha256sum writes it, of a file in the same directory. */
const LINE = /^([0-9a-f]{64}) [ *]([^/]+)$/;
const ofPackage = (path: string) => readText(path, (from) => readRegular(from).bytes);

/** The schema is no vectors: nothing is checked by it here. */
const isVectors = (name: string) => name.endsWith('.json') && !name.endsWith('.schema.json');

/**
 * @param read one that somebody names may be a pipe
 * @throws CryptcabError where it cannot be read
 */
export function readText(path: string, read = (from: string): Buffer => readFileSync(from)): string {
  try {
    const bytes = read(path);
    const fault = encodingFault(bytes);
    if (fault === undefined) return bytes.toString();
    throw new Error(`it ${fault}`);
  } catch (error) {
    throw new CryptcabError(`cannot read ${path}: ${messageOf(error)}`);
  }
}

/**
 * Reads a directory's manifest, and the directory.
 * @returns files that are what the manifest says, and a line for each thing that is not
 */
export function filesOf(directory: string): { readonly paths: string[]; readonly faults: string[] } {
  const manifest = join(directory, MANIFEST);
  const paths: string[] = [];
  const faults: string[] = [];
  const wrong = (what: string) =>
    faults.push(new CryptcabError(`${what}: install the package again`).message);
  try {
    const lines = ofPackage(manifest)
      .split('\n')
      .filter((line) => line.trim() !== '');
    if (lines.length === 0) {
      wrong(`${manifest} is empty`);
      return { paths, faults };
    }
    const named = new Set<string>();
    for (const [i, line] of lines.entries()) {
      const [, sum, name = ''] = LINE.exec(line) ?? [];
      if (sum === undefined) {
        wrong(`line ${i + 1} of ${manifest} is not a checksum and the name of a file`);
        continue;
      }
      if (named.has(name)) {
        wrong(`line ${i + 1} of ${manifest} names ${name} again`);
        continue;
      }
      named.add(name);
      const path = join(directory, name);
      try {
        if (sha256Of(ofPackage(path)) === sum) paths.push(path);
        else wrong(`${path} is not the file that ${MANIFEST} names`);
      } catch (error) {
        wrong(messageOf(error));
      }
    }
    const left = readdirSync(directory).filter((name) => isVectors(name) && !named.has(name));
    for (const name of left) wrong(`${MANIFEST} does not name ${join(directory, name)}`);
  } catch (error) {
    wrong(messageOf(error));
  }
  return { paths, faults };
}
