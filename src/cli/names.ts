// What the command line calls an option, in all that it says.
import { textWith } from '../option-mark.js';
import { OPTIONS, type OptionKey } from '../options/option-table.js';
import type { Option, Style } from '../options/terms.js';

/** The options of the table, by the name that they have in the code. */
export const rows: Readonly<Record<OptionKey, Option>> = OPTIONS;

/** How the person who reads along has asked for a cable; a file's keys have names of their own. */
let style: Style | 'file' = 'options';

/** What is said from now on has the names of that style. */
export function speak(now: Style | 'file'): void {
  style = now;
}

/**
 * What an option is called: `-p`, `--bind`, `SCP_EXTRA_OPTIONS`.
 * @param following the value that follows it, empty for any
 */
export function commandName(key: OptionKey, following?: string): string {
  const { variable, short, long, value, called, named } = rows[key];
  if (variable !== undefined) return variable;
  if (style === 'file') return keyName(rows[key], following);
  const own = style === 'named' ? named : undefined;
  const name = own ?? (short === undefined ? `--${long}` : `-${short}`);
  if (following === undefined || value === undefined) return name;
  if (following !== '') return `${name} ${following}`;
  return called?.replace(/^\S+/, name) ?? `${name} ${value.placeholder}`;
}

/** What a key of a file is called: `'key'`, or with a value `key = "FILE"`. */
function keyName({ long, today = long, value, style: only, named }: Option, following?: string): string {
  if (only === 'options' && long !== 'connect') return (named ?? `--${long}`).replace(/--(\w+)/, "'$1'");
  if (following === undefined) return `'${today}'`;
  if (value === undefined) return `${today} = true`;
  return `${today} = "${following === '' ? value.placeholder : following}"`;
}

/** A text with marks as the command line says it. */
export function commandText(text: string): string {
  return textWith(text, (key, value) => {
    if (key.startsWith('cryptcab ')) return key; // commandOr
    return Object.hasOwn(rows, key) ? commandName(key as OptionKey, value) : undefined;
  });
}
