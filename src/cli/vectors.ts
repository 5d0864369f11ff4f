// `cryptcab vectors`: checks files of test vectors, and makes those of the package again (docs/vectors.md).
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CryptcabError, messageOf } from '../error.js';
import { parseVectors, VectorsError } from '../vectors/format.js';
import { MANIFEST, make, SEED, sha256Of } from '../vectors/make.js';
import { type GroupResult, verify } from '../vectors/verify.js';
import type { Said } from './commands.js';
import { UsageError } from './options.js';
import { runtimeText } from './runtime.js';
import { table } from './table.js';

/** Where the package has its vectors: ours, and those of others. */
const OURS = fileURLToPath(new URL('../../../test/vectors', import.meta.url));
const FOREIGN = 'foreign';
/** Failures shown of one group. */
const SHOWN = 10;

const USAGE = 'say cryptcab vectors verify [FILE...], or cryptcab vectors make [--seed N] [--out DIRECTORY]';

/** @throws UsageError; CryptcabError where nothing can be read or written */
export async function runVectorsCommand(rest: readonly string[]): Promise<Said> {
  const [command, ...args] = rest;
  if (command === 'verify') return verifyFiles(filesIn(args));
  if (command === 'make') return makeFiles(args);
  throw new UsageError(USAGE);
}

function filesIn(args: readonly string[]): string[] {
  const option = args.find((word) => /^-./.test(word));
  if (option !== undefined) throw new UsageError(`vectors verify takes files, and no ${option}: ${USAGE}`);
  return [...args];
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CryptcabError(`cannot read ${path}: ${messageOf(error)}`);
  }
}

/** The files of a directory by its manifest; each is what the manifest says. */
function listed(directory: string): string[] {
  const lines = read(join(directory, MANIFEST)).trim().split('\n');
  return lines.map((line) => {
    const [sum, name] = line.split('  ') as [string, string];
    const path = join(directory, name);
    if (sha256Of(read(path)) !== sum)
      throw new CryptcabError(`${path} is not the file that ${MANIFEST} tells of: install the package anew`);
    return path;
  });
}

async function verifyFiles(named: readonly string[]): Promise<Said> {
  if (named.length === 0 && !existsSync(OURS))
    throw new CryptcabError(
      'there are no vectors with this program: name files, or make them by vectors make --out DIRECTORY',
    );
  const paths = named.length > 0 ? named : [...listed(OURS), ...listed(join(OURS, FOREIGN))];
  const rows: Record<string, string>[] = [];
  const faults: string[] = [];
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const path of paths) {
    try {
      const text = read(path);
      for (const result of await verify(parseVectors(text))) {
        for (const count of ['passed', 'failed', 'skipped'] as const) total[count] += result[count];
        rows.push(rowOf(path, result));
        faults.push(...failuresOf(path, result));
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

/** What stands in a file may drive a terminal. */
function oneLine(text: string): string {
  return new CryptcabError(text).message;
}

function failuresOf(path: string, { failures }: GroupResult): string[] {
  const lines = failures
    .slice(0, SHOWN)
    .map(({ tcId, comment, why }) => oneLine(`${path}: test ${tcId} (${comment}): ${why}`));
  return failures.length > SHOWN ? [...lines, `${path}: and ${failures.length - SHOWN} more`] : lines;
}

function optionsOf(args: readonly string[]): { seed: number; out: string } {
  let values: { seed?: string; out?: string };
  try {
    values = parseArgs({
      args: [...args],
      options: { seed: { type: 'string' }, out: { type: 'string' } },
    }).values;
  } catch {
    throw new UsageError(`vectors make takes --seed and --out: ${USAGE}`);
  }
  const { seed = String(SEED), out = 'vectors' } = values;
  if (!/^\d+$/.test(seed) || !Number.isSafeInteger(Number(seed)))
    throw new UsageError(`--seed '${seed}' is no whole number: give one from 0 to 2^53 - 1`);
  if (out === '') throw new UsageError('--out is empty: name the directory to write to');
  return { seed: Number(seed), out };
}

async function makeFiles(args: readonly string[]): Promise<Said> {
  const { seed, out } = optionsOf(args);
  const files = await make(seed);
  try {
    mkdirSync(out, { recursive: true });
    for (const [name, text] of files) writeFileSync(join(out, name), text);
  } catch (error) {
    throw new CryptcabError(`cannot write to ${out}: ${messageOf(error)}`);
  }
  return { out: `${files.get(MANIFEST)}`, faults: [] };
}
