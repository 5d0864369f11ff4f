// The file of a cable, /etc/cryptcab/NAME.toml: the long options of serve and connect as its keys.
import { readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { codeOf, messageOf } from '../error.js';
import { hideKeys, mayBeKey } from '../key-like.js';
import { insteadOfPort, nearWord } from '../options/near.js';
import type { OptionKey } from '../options/option-table.js';
import { optionsOf, type Spelling, writtenAs } from '../options/spellings.js';
import type { Value } from '../options/terms.js';
import type { Given, Line } from './line.js';
import { rows, speak } from './names.js';
import { type Settings, settingsOf } from './options.js';
import { UsageError } from './usage.js';
import { type Read, readValue } from './values.js';

/** Where the files are, unless CRYPTCAB_CONFIG_DIR says so. */
export const DIRECTORY = '/etc/cryptcab';

/** What no file says: how the program is started is said by who starts it. */
const OF_THE_COMMAND: readonly OptionKey[] = ['help', 'version', 'daemon'];

/** A cable that has a file. */
export interface Configuration {
  readonly name: string;
  readonly file: string;
  readonly settings: Settings;
  /** What it sets each key to, as JSON. */
  readonly values: ReadonlyMap<string, string>;
}

/** The file of a name: one of the directory, unless it is a path. */
export function fileOf(
  name: string,
  { CRYPTCAB_CONFIG_DIR: directory = DIRECTORY }: NodeJS.ProcessEnv = process.env,
): { name: string; file: string } {
  const path = name.includes('/') || name.endsWith('.toml');
  const file = resolve(path ? name : join(directory || DIRECTORY, `${name}.toml`));
  const own = basename(file).replace(/\.toml$/, '');
  if (!/^[\w@%+][\w.@%+-]{0,79}$/.test(own) || (!path && own !== name))
    throw new UsageError(
      'a cable is called by letters, digits, or any of .@%+-_, as its file is: NAME for NAME.toml, or the path of a file',
    );
  return { name: own, file };
}

/**
 * Reads the file of a cable.
 * @throws UsageError with the file, the line and the key that is wrong
 */
export function readConfiguration(word: string): Configuration {
  const { name, file } = fileOf(word);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(
      codeOf(error) === 'ENOENT'
        ? `there is no file ${file}: write it, see man cryptcab.toml`
        : `cannot read ${file}: ${messageOf(error)}`,
    );
  }
  const settings = settingsIn(text, file);
  const values = new Map(Object.entries(parse(text)).map(([key, value]) => [key, JSON.stringify(value)]));
  return { name, file, settings, values };
}

/** What a file asks for. @param file whose directory its paths are in */
export function settingsIn(text: string, file: string): Settings {
  speak('file');
  let table: Record<string, unknown>;
  try {
    table = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // Further lines of it repeat the file's, which may hold anything.
    const [first = ''] = error.message.split('\n');
    throw new UsageError(
      `${file}, line ${error.line}: ${hideKeys(first.replace(/^Invalid TOML document: /, ''))}`,
    );
  }
  const spelling = 'connect' in table ? 'connect' : 'serve';
  let at = '';
  try {
    const given: Partial<Record<OptionKey, unknown>> = {};
    let verbosity = 0;
    for (const [key, value] of Object.entries(table)) {
      at = `, line ${lineOf(text, key)}`;
      const option = optionOf(key, spelling);
      if (option === 'verbose') verbosity = verbosityOf(value);
      const read = settingOf(key, value, rows[option].value, option === 'verbose');
      if (read !== undefined) given[option] = read;
    }
    at = '';
    const line: Line = { given: given as Given, verbosity };
    return settingsOf(line, spelling, dirname(file));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const [, key] = /^'([\w-]+)'/.exec(error.message) ?? [];
    if (at === '' && key !== undefined && key in table) at = `, line ${lineOf(text, key)}`;
    throw new UsageError(`${file}${at}: ${error.message}`);
  }
}

/** The line that sets a key. */
function lineOf(text: string, key: string): number {
  const quoted = key.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const sets = new RegExp(`^\\s*(?:\\[\\s*)?["']?${quoted}["']?\\s*[.=\\]]`);
  return (
    Math.max(
      0,
      text.split('\n').findIndex((line) => sets.test(line)),
    ) + 1
  );
}

/** The keys that a file may have. */
export function keysOf(spelling: Spelling & ('serve' | 'connect')): ReadonlyMap<string, OptionKey> {
  const keys = optionsOf(spelling, rows).filter((key) => !OF_THE_COMMAND.includes(key));
  const named = keys.flatMap((key) =>
    writtenAs(spelling, rows[key]).long.map((name): [string, OptionKey] => [name, key]),
  );
  return new Map([...named, ['connect', 'host']]);
}

function optionOf(key: string, spelling: 'serve' | 'connect'): OptionKey {
  const option = keysOf(spelling).get(key);
  if (option !== undefined) return option;
  const shown = /^[\w-]{1,24}$/.test(key) ? `'${key}'` : 'this';
  const other = spelling === 'serve' ? 'connect' : 'serve';
  if (keysOf(other).has(key))
    throw new UsageError(
      other === 'connect'
        ? `'${key}' is for clients: add connect = "HOST", or leave it out`
        : `'${key}' is for servers: leave it or 'connect' out`,
    );
  if (key === 'secure' || key === 'no-classic')
    throw new UsageError(`'${key}' is the default: a cable is secure without classic = true`);
  if (key === 'port')
    throw new UsageError(`'port' is no key: ${insteadOfPort(spelling === 'connect', "'localport'")}`);
  const near = nearWord(key, [...keysOf(spelling).keys()]);
  const hint = near === undefined ? 'see man cryptcab.toml' : `did you mean '${near}'?`;
  throw new UsageError(`${shown} is no key: ${hint}`);
}

function verbosityOf(value: unknown): number {
  if (typeof value === 'boolean') return Number(value);
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 4) return value;
  throw new UsageError("'verbose' is a number from 0 to 4, how many v that are");
}

/** What a key's value comes to; undefined for a flag that says no. */
function settingOf(key: string, value: unknown, kind: Value | undefined, counted: boolean): unknown {
  if (kind === undefined) {
    if (counted) return value === false || value === 0 ? undefined : true;
    if (typeof value !== 'boolean') throw new UsageError(`'${key}' is true or false`);
    return value || undefined;
  }
  const number = kind.kind === 'number' || kind.kind === 'port' || kind.kind === 'rate';
  if (typeof value !== 'string' && !(number && typeof value === 'number'))
    throw new UsageError(
      `'${key}' is ${number ? 'a number' : `a text: write ${key} = "${kind.placeholder}"`}`,
    );
  const text = String(value);
  if (kind.kind !== 'public key' && mayBeKey(text))
    throw new UsageError(
      `'${key}' is what may be a key itself: put a new one into a file of its own, and name that`,
    );
  return readValue(`'${key}'`, text, kind as Value & { kind: keyof Read });
}
