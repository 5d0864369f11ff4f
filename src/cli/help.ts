// What --help says, from the tables.
import { COMMANDS, type CommandName } from '../options/commands.js';
import type { OptionKey } from '../options/option-table.js';
import type { Spelling } from '../options/spellings.js';
import type { CommandTerms, Explained, Option } from '../options/terms.js';
import { rows } from './names.js';

/** A sentence of the tables as a terminal shows it. */
export const plain = (text: string) => text.replaceAll('`', '').replace(/\[([^\]]+)\]\([^)]*\)/g, '$1');

/** What a cable has to be for an option, before its sentence; nothing where any will do. */
function whose({ end, cable }: Pick<Option, 'end' | 'cable'>, spelling: Spelling | undefined): string {
  if (spelling === 'serve' || spelling === 'connect') return cable === 'classic' ? 'with `--classic`: ' : '';
  const where = end === undefined ? [] : [end === 'client' ? 'client' : 'server'];
  if (cable !== undefined) where.unshift(cable);
  return where.length === 0 || (cable === 'classic' && spelling === 'vde_cryptcab')
    ? ''
    : `${where.join(' ')}: `;
}

/**
 * The sentence about an option, without its full stop.
 * @param spelling how it is written; the sentence then says only what that leaves open
 */
export function sentenceOf(option: Explained & Pick<Option, 'end' | 'cable'>, spelling?: Spelling): string {
  const { value, text } = option;
  const [what, ...usual] = text.split('; default: ');
  const range = value?.kind === 'number' ? `, ${value.min} to ${value.max}` : '';
  return `${whose(option, spelling)}${[`${what}${range}`, ...usual].join('; default: ')}`;
}

/** What --help says of an option. */
export function explain(key: OptionKey, spelling: Spelling): string {
  const row = rows[key];
  const { connectDefault } = row;
  const held = (spelling === 'connect' ? connectDefault?.text : undefined) ?? row.default ?? row.otherwise;
  return plain(`${sentenceOf(row, spelling)}${held === undefined ? '' : ` (default: ${held})`}`);
}

/** What follows the name of a command: `[--port PORT]`. */
export function argumentsOf({ options = {}, operands, usage }: CommandTerms): string {
  const words = Object.entries(options).map(([long, { value, several }]) =>
    value === undefined ? `[--${long}]` : `[--${long} ${value.placeholder}]${several === true ? '...' : ''}`,
  );
  if (operands !== undefined) words.push(operands.placeholder);
  if (usage !== undefined) words.push(usage);
  return words.join(' ');
}

/** How a command is written: `cryptcab status [--port PORT]`. */
export function usageOf(name: string, terms: CommandTerms): string {
  return ['cryptcab', name, argumentsOf(terms)].filter(Boolean).join(' ');
}

const terms = (name: CommandName): CommandTerms => COMMANDS[name];
const names = Object.keys(COMMANDS) as CommandName[];
/** The first sentence of all that is said. */
const WHAT = 'An encrypted Ethernet cable over UDP, between the switches of two machines.';
const FEW = `  cryptcab serve                  on one machine
  cryptcab connect USER@HOST      on the other one, which can ssh to the first`;

/** The commands, and what to type first. */
const commandList = (commands: readonly (readonly [string, string])[]) => `${WHAT}

${FEW}

Commands:
${columns(commands)}`;

/** What `cryptcab` says by itself: commands of two words in a line for the first of these. */
export function shortHelp(): string {
  const commands = names.map((name): [string, string] => {
    const [first = '', second] = name.split(' ');
    if (second === undefined) return [name, terms(name).text.replace(/[;:].*/, '')];
    const seconds = names.flatMap((other) =>
      other.startsWith(`${first} `) ? [other.slice(first.length + 1)] : [],
    );
    return [first, `${seconds.join(', ')}: see cryptcab help ${first}`];
  });
  return `${commandList([...new Map(commands)])}

cryptcab COMMAND --help explains a command and its options.
cryptcab --help lists all options.
`;
}

/** What precedes the options in the list of all. */
export function helpBefore(): string {
  return `${commandList(names.map((name) => [name, terms(name).text]))}

Without a command the options alone make a cable, as those of vde_cryptcab do:
with -c it is a client, without a server; with --secure it is the secure cable,
which serve and connect are by themselves.`;
}

/** What --help says behind the options. */
export function helpAfter(spelling: 'options' | 'vde_cryptcab'): string {
  const signals = spelling === 'options' ? SIGNALS : SIGNALS_CLASSIC;
  return `\nEnvironment:\n${environment(spelling)}\n\n${signals}`;
}

function environment(spelling: Spelling): string {
  const all = Object.values(rows).filter(({ kept }) => spelling === 'options' || kept);
  return columns(
    all.flatMap((row): [string, string][] =>
      row.variable === undefined ? [] : [[row.variable, sentenceOf(row, spelling)]],
    ),
  );
}

const SIGNALS_ALL = `SIGTERM, SIGINT and SIGQUIT end it cleanly.
SIGUSR2 logs what was carried so far.`;
const SIGNALS_CLASSIC = `${SIGNALS_ALL}
SIGHUP opens the log file again, and reads the key file of -P again.`;
const SIGNALS = `${SIGNALS_ALL}
SIGHUP opens the log file again, and reads the list of peers and the key file of
-P again. What has changed in the file of a cable is named in the log, if the
user that the cable runs as may read it.`;

/** What `help` explains besides commands and options. */
export const TOPICS: Readonly<Record<string, () => string>> = {
  environment: () => `${environment('options')}\n`,
  signals: () => `${SIGNALS}\n`,
};

/** What a command other than a cable's own says of itself. */
export function commandHelp(name: CommandName): string {
  const { options = {}, text, more, alias } = terms(name);
  const sentences = [`${text.replace(/^[a-z]/, (letter) => letter.toUpperCase())}.`, ...(more ? [more] : [])];
  if (alias !== undefined) sentences.push(`${alias} is the same command.`);
  const list = Object.entries(options).map(([long, option]): [string, string] => [
    `${option.short === undefined ? '' : `-${option.short}, `}--${long}${option.value === undefined ? '' : ` ${option.value.placeholder}`}`,
    sentenceOf(option),
  ]);
  list.push(['-h, --help', 'print this']);
  const said = wrapped(plain(sentences.join(' ')), COLUMNS).join('\n');
  return `Usage: ${usageOf(name, terms(name))}\n\n${said}\n\nOptions:\n${columns(list)}\n`;
}

/** How wide a terminal is taken to be. */
const COLUMNS = 80;
/** The first column; what is wider has a line of its own. */
const WIDTH = 32;

function columns(lines: readonly (readonly [string, string])[]): string {
  const width = Math.min(WIDTH, Math.max(...lines.map(([name]) => name.length)));
  const indent = ' '.repeat(width + 4);
  return lines
    .map(([name, text]) => {
      const rest = wrapped(plain(text), COLUMNS - indent.length).join(`\n${indent}`);
      return name.length > width ? `  ${name}\n${indent}${rest}` : `  ${name.padEnd(width)}  ${rest}`;
    })
    .join('\n');
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
