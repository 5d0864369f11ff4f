// The file of a cable, read again while the cable runs (SIGHUP). What the file sets is used from the start on: what has changed since is named.
import { messageOf } from '../error.js';
import type { Log } from '../log.js';
import { type Configuration, readConfiguration } from './configuration.js';

/** Names what the file sets otherwise than at the start; one that is wrong, or not there any more, changes nothing. */
export function nameChanges({ file, values }: Pick<Configuration, 'file' | 'values'>, log: Log): void {
  try {
    const { values: now } = readConfiguration(file);
    const keys = [...new Set([...values.keys(), ...now.keys()])];
    const changed = keys.filter((key) => values.get(key) !== now.get(key));
    if (changed.length === 0) return;
    const named = changed.map((key) => `'${key}'`).join(', ');
    log.warn({ file }, `changed in the file: ${named}; restart this end to use what it says now`);
  } catch (error) {
    log.warn({ file }, `the settings stay as they are: ${messageOf(error)}`);
  }
}
