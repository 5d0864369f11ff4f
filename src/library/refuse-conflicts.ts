// What of the library's options does not go together.
import { CryptcabError } from '../error.js';
import { conflict, libraryName } from '../options/find-conflict.js';
import { OPTIONS, type OptionKey } from '../options/option-table.js';
import type { End, Option } from '../options/terms.js';

const rows: Readonly<Record<OptionKey, Option>> = OPTIONS;

/** What an option holds; a name with a dot is in an object within. */
function valueAt(options: object, name: string): unknown {
  let value: unknown = options;
  for (const part of name.split('.')) value = (value as Record<string, unknown> | null | undefined)?.[part];
  return value;
}

/** Whether it is there, and not false; `classic` counts when it is. */
function isGiven(key: OptionKey, value: unknown): boolean {
  return key === 'classic' ? value === false : value !== undefined && value !== false;
}

/** @throws CryptcabError for options that do not go together */
export function refuseConflicts(where: 'connect' | 'serve', end: End, options: object): void {
  const given = new Map<OptionKey, unknown>();
  for (const key of Object.keys(rows) as OptionKey[]) {
    // `ssh.options` is one option here, of either cable.
    if (rows[key].face === 'command' || key === 'scpOptions' || key === 'sshOptions') continue;
    const value = valueAt(options, key === 'classic' ? key : libraryName(key, end));
    if (isGiven(key, value)) given.set(key, value);
  }
  const why = conflict({ face: 'library', end, given });
  if (why !== undefined) throw new CryptcabError(`${where}: ${why}`);
}
