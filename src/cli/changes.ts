// The file of a cable, read again while the cable runs (SIGHUP). What the file sets is used from the start on: what has changed since is named.
import { accessSync, constants } from 'node:fs';
import { codeOf, messageOf } from '../error.js';
import type { Log } from '../log.js';
import { type Configuration, readConfiguration } from './configuration.js';

/**
 * Names what the file sets otherwise than at the start; one that is wrong, or not there any more, changes nothing.
 * @returns whether it could be read
 */
export function nameChanges(
  { file, settings, values }: Pick<Configuration, 'file' | 'settings' | 'values'>,
  log: Log,
): boolean {
  if (settings.user !== undefined && isClosed(file)) {
    // Root has read it, before the program became that user: so nothing is wrong.
    log.info(
      { file },
      `what has changed in the file is not named, as the user ${settings.user} may not read it; restart this end to use what it says now`,
    );
    return false;
  }
  try {
    const { values: now } = readConfiguration(file);
    const keys = [...new Set([...values.keys(), ...now.keys()])];
    const changed = keys.filter((key) => values.get(key) !== now.get(key));
    if (changed.length > 0) {
      const named = changed.map((key) => `'${key}'`).join(', ');
      log.warn({ file }, `changed in the file: ${named}; restart this end to use what it says now`);
    }
    return true;
  } catch (error) {
    log.warn({ file }, `the settings stay as they are: ${messageOf(error)}`);
    return false;
  }
}

function isClosed(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return false;
  } catch (error) {
    return codeOf(error) === 'EACCES';
  }
}
