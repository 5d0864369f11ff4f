// What a message calls an option, by its key in the table.
import { mark, markWithValue } from '../option-mark.js';
import type { OptionKey } from './option-table.js';

/**
 * What a message calls an option.
 * @param library what the library says, where it is not the key
 */
export function optionName(key: OptionKey, library?: string): string {
  return mark(key, library);
}

/**
 * The same, and on the command line what follows the option as well: `-p PORT`.
 * @param value one that is meant, instead of any
 */
export function optionWithValue(key: OptionKey, library?: string, value?: string): string {
  return markWithValue(key, library, value);
}

/**
 * What somebody does by a command, and in the library by a function.
 * @param command as it is typed, without a `=`
 */
export function commandOr(command: `cryptcab ${string}`, library: string): string {
  return mark(command, library);
}
