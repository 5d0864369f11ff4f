// What --help says, from the tables.
import { COMMANDS } from '../options/commands.js';
import type { OptionKey } from '../options/table.js';
import type { CommandTerms, Explained, Option } from '../options/terms.js';
import { rows } from './names.js';

/** A sentence of the tables as a terminal shows it. */
export const plain = (text: string) => text.replaceAll('`', '');

/** What a cable has to be for an option, before its sentence; nothing where any will do. */
function whose({ end, cable }: Pick<Option, 'end' | 'cable'>): string {
  if (cable !== 'secure') return end === undefined ? '' : end === 'client' ? 'with `-c`: ' : 'server: ';
  if (end === undefined) return 'with `--secure`: ';
  return end === 'client' ? 'with `--secure` and `-c`: ' : 'with `--secure`, server: ';
}

/** The sentence about an option, without its full stop. */
export function sentenceOf(option: Explained & Pick<Option, 'end' | 'cable'>): string {
  const { value, text } = option;
  return `${whose(option)}${text}${value?.kind === 'number' ? `, ${value.min} to ${value.max}` : ''}`;
}

/** What --help says of an option. */
export function explain(key: OptionKey): string {
  const row = rows[key];
  const held = row.default ?? row.otherwise;
  return plain(`${sentenceOf(row)}${held === undefined ? '' : ` (default: ${held})`}`);
}

/** How a command is written: `cryptcab status [--port PORT]`. */
export function usageOf(name: string, { options = {}, operands }: CommandTerms): string {
  const words = Object.entries(options).map(([long, { value }]) =>
    value === undefined ? `[--${long}]` : `[--${long} ${value.placeholder}]`,
  );
  if (operands !== undefined) words.push(operands.placeholder);
  return ['cryptcab', name, ...words].join(' ');
}

/** What --help says after the options: other commands, the environment, signals. */
export function helpAfter(): string {
  const commands = Object.entries(COMMANDS).map(([name, terms]): [string, string] => [
    usageOf(name, terms),
    terms.text,
  ]);
  const variables = Object.values(rows).flatMap(({ variable, text }): [string, string][] =>
    variable === undefined ? [] : [[variable, text]],
  );
  return [
    `\nOther commands:\n${columns(commands)}`,
    `\nEnvironment:\n${columns(variables)}`,
    '\nSIGUSR2 logs what was carried so far; SIGHUP opens the log file anew, and reads keys and peers again.',
  ].join('\n');
}

/** The first column; what is wider has a line of its own. */
const WIDTH = 32;

function columns(lines: readonly (readonly [string, string])[]): string {
  return lines
    .map(([name, text]) => {
      const gap = name.length > WIDTH ? `\n${' '.repeat(WIDTH + 4)}` : ' '.repeat(WIDTH + 2 - name.length);
      return `  ${name}${gap}${plain(text)}`;
    })
    .join('\n');
}
