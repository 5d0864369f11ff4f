// What a message calls an option. Who reads it sets that option in the library or on the command line, by another name each; so a
// text has the option's key in the table between marks. The library drops the marks, the command line puts its own names there.
import type { OptionKey } from './table.js';

/** The marks are code points that Unicode keeps for use within a program: no text from outside has them by chance. */
const MARKED = /\uFDD0([^\uFDD0-\uFDD2=]*)(?:=([^\uFDD0-\uFDD2]*))?\uFDD1([^\uFDD0-\uFDD2]*)\uFDD2/g;

/** What {@link optionName} makes, where the table's keys are not known yet. */
export function mark(key: string, library = key): string {
  return `\uFDD0${key}\uFDD1${library}\uFDD2`;
}

/** What {@link optionWithValue} makes. */
export function markWithValue(key: string, library = key, value = ''): string {
  return mark(`${key}=${value}`, library);
}

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

/** A text as the library says it. */
export function libraryText(text: string): string {
  return text.replace(MARKED, '$3');
}

/**
 * A text with other names than the library's.
 * @param nameOf gets the value that follows, empty for any, undefined for none; gives undefined for what is no key
 */
export function textWith(
  text: string,
  nameOf: (key: string, value: string | undefined) => string | undefined,
): string {
  return text.replace(MARKED, (_, key: string, value: string | undefined, library: string) => {
    return nameOf(key, value) ?? library;
  });
}
