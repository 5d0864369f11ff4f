// What a message calls an option. Who reads it sets that option in the library or on the command line, by another name each; so a
// text has the option's key in the table between marks. The library drops the marks, the command line puts its own names there.

/** The marks are code points that Unicode keeps for use within a program: no text from outside has them by chance. */
const MARKED = /\uFDD0([^\uFDD0-\uFDD2=]*)(?:=([^\uFDD0-\uFDD2]*))?\uFDD1([^\uFDD0-\uFDD2]*)\uFDD2/g;

/** What optionName (options/name.ts) makes, for a room that does not know the table. */
export function mark(key: string, library = key): string {
  return `\uFDD0${key}\uFDD1${library}\uFDD2`;
}

/** What optionWithValue makes. */
export function markWithValue(key: string, library = key, value = ''): string {
  return mark(`${key}=${value}`, library);
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
