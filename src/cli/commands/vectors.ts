// `cryptcab vectors`: checks files of test vectors, and makes those of the package again (docs/vectors.md).
import { existsSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { coreFault } from '../../core/fault.js';
import { CryptcabError, messageOf, oneLine } from '../../error.js';
import { makeDirectory } from '../../keys/files.js';
import { parseVectors, VectorsError } from '../../vectors/format.js';
import { MANIFEST, make, SEED } from '../../vectors/make.js';
import { type GroupResult, verify } from '../../vectors/verify.js';
import { runtimeText } from '../runtime.js';
import type { Said } from '../said.js';
import { filesOf, readText } from './manifest.js';
import { table } from './table.js';

/** Where the package has its vectors: ours, and those of others. The command runs bundled, or as the modules that it is made of. */
const [BUNDLED, OF_MODULES] = ['../../vectors', '../../../../vectors'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
) as [string, string];
const FOREIGN = 'foreign';
const OURS = existsSync(join(BUNDLED, FOREIGN)) ? BUNDLED : OF_MODULES;
/** Failures shown of one group. */
const SHOWN = 10;

/** Runs what needs the core. @throws CryptcabError where there is none */
async function withCore(work: () => Promise<Said>): Promise<Said> {
  try {
    return await work();
  } catch (error) {
    throw coreFault(error) ?? error;
  }
}

/**
 * Checks files, or those of the package where none is named.
 * @param strict whether a group that is skipped is a fault
 * @throws CryptcabError where nothing can be read, and where there is no core
 */
export function verifyFiles(files: readonly string[], strict: boolean): Promise<Said> {
  return withCore(() => verifyAll(files, strict));
}

async function verifyAll(files: readonly string[], strict: boolean): Promise<Said> {
  if (files.length === 0 && !existsSync(OURS))
    throw new CryptcabError(
      'there are no vectors with this program: name files, or make them by vectors make --out DIRECTORY',
    );
  const folders = files.length > 0 ? [] : [OURS, join(OURS, FOREIGN)].map(filesOf);
  const paths = files.length > 0 ? files : folders.flatMap((folder) => folder.paths);
  const faults = folders.flatMap((folder) => folder.faults);
  const rows: Record<string, string>[] = [];
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const path of paths) {
    try {
      for (const result of await verify(parseVectors(readText(path).replace(/^\uFEFF/, '')))) {
        for (const count of ['passed', 'failed', 'skipped'] as const) total[count] += result[count];
        rows.push(rowOf(path, result));
        faults.push(...failuresOf(path, result));
        if (strict && result.skipped > 0) faults.push(skippedIn(path, result));
      }
    } catch (error) {
      if (!(error instanceof VectorsError || error instanceof CryptcabError)) throw error;
      faults.push(
        new CryptcabError(error instanceof VectorsError ? `${path}: ${error.message}` : error.message)
          .message,
      );
    }
  }
  const { passed, failed, skipped } = total;
  const sum = `${passed} passed, ${failed} failed, ${skipped} skipped, on ${runtimeText()}\n`;
  return { out: rows.length > 0 ? table(rows) + sum : '', faults };
}

function rowOf(path: string, { type, name, passed, failed, skipped }: GroupResult): Record<string, string> {
  return {
    file: oneLine(relative(OURS, path).startsWith('..') ? basename(path) : relative(OURS, path)),
    type: oneLine(type),
    group: oneLine(name),
    passed: String(passed),
    failed: String(failed),
    skipped: String(skipped),
  };
}

function failuresOf(path: string, { failures }: GroupResult): string[] {
  const lines = failures
    .slice(0, SHOWN)
    .map(({ tcId, comment, why }) => oneLine(`${path}: test ${tcId} (${comment}): ${why}`));
  return failures.length > SHOWN ? [...lines, `${path}: and ${failures.length - SHOWN} more`] : lines;
}

function skippedIn(path: string, { type, name, skipped }: GroupResult): string {
  const group = name === '' ? type : `${type} (${name})`;
  return oneLine(`${path}: ${skipped} skipped: this program has nothing for ${group}`);
}

/**
 * Makes the files of the package.
 * @param out a directory, which is made where it is missing
 * @throws CryptcabError where nothing can be written, and where there is no core
 */
export function makeFiles(seed: number = SEED, out = 'vectors'): Promise<Said> {
  return withCore(() => makeAll(seed, out));
}

async function makeAll(seed: number, out: string): Promise<Said> {
  const files = await make(seed);
  try {
    makeDirectory(out);
    for (const [name, text] of files) writeFileSync(join(out, name), text);
  } catch (error) {
    throw new CryptcabError(`cannot write to ${out}: ${messageOf(error)}`);
  }
  return { out: `${files.get(MANIFEST)}`, faults: [] };
}
