// What there is to complete, from the tables of options and commands.
import { COMMANDS, type CommandName } from '../../../options/commands.js';
import { optionsOf, type Spelling, writtenAs } from '../../../options/spellings.js';
import type { CommandTerms, Explained, Value } from '../../../options/terms.js';
import { plain, sentenceOf, TOPICS } from '../../help.js';
import { rows } from '../../names.js';

/** An option as a shell has to know it. */
export interface OptionWord {
  readonly short: string | undefined;
  /** The first one is its name, the others stand for the same. */
  readonly long: readonly string[];
  readonly value: Value | undefined;
  /** For people. */
  readonly text: string;
  /** Whether it may be given more than once. */
  readonly again: boolean;
}

/** A command of one or two words. */
export interface CommandWords {
  readonly name: CommandName;
  readonly text: string;
  readonly options: readonly OptionWord[];
  /** What follows the options, where a shell can complete it: one of these, or files, a server, or the name of a cable with a file. */
  readonly operands: readonly string[] | 'files' | 'server' | 'name' | undefined;
}

export const PROGRAMS = ['cryptcab', 'vde_cryptcab'] as const;

/** The options of a cable that is asked for so. */
function cable(spelling: Spelling): OptionWord[] {
  return optionsOf(spelling, rows).map((key) => {
    const { short, long } = writtenAs(spelling, rows[key]);
    return optionWord(rows[key], spelling, short, long, key === 'verbose');
  });
}

/** Without a command. */
export const CABLE: readonly OptionWord[] = cable('options');
/** Of `vde_cryptcab`, which has no commands. */
export const ORIGINAL: readonly OptionWord[] = cable('vde_cryptcab');

/** What can follow the options of a command. */
function wordsFor({ choices, kind }: NonNullable<CommandTerms['operands']>): CommandWords['operands'] {
  if (kind === 'topic')
    return [...new Set(Object.keys(COMMANDS).map(firstOf)), 'options', ...Object.keys(TOPICS)];
  return choices ?? kind;
}

const firstOf = (name: string) => name.split(' ')[0] as string;

export const COMMAND_WORDS: readonly CommandWords[] = Object.entries(COMMANDS).map(
  ([name, { text, options = {}, operands }]: [string, CommandTerms]) => ({
    name: name as CommandName,
    text: plain(text),
    options: [
      ...(name === 'serve' || name === 'connect' ? cable(name) : []),
      ...Object.entries(options).map(([long, option]) =>
        optionWord(option, undefined, option.short, [long], false),
      ),
      ...(name === 'join' ? cable('connect') : []),
    ],
    operands: operands && wordsFor(operands),
  }),
);

/** The first words of the commands, each once, and what follows where a command has two. */
export function firstWords(): ReadonlyMap<string, readonly CommandWords[]> {
  const first = new Map<string, CommandWords[]>();
  for (const command of COMMAND_WORDS) {
    const word = firstOf(command.name);
    first.set(word, [...(first.get(word) ?? []), command]);
  }
  return first;
}

function optionWord(
  option: Explained,
  spelling: Spelling | undefined,
  short: string | undefined,
  long: readonly string[],
  again: boolean,
): OptionWord {
  return { short, long, value: option.value, text: plain(sentenceOf(option, spelling)), again };
}

/** A command of the shell that lists cables that have a file. */
export const LIST_NAMES = `ls "\${CRYPTCAB_CONFIG_DIR:-/etc/cryptcab}" 2>/dev/null | sed -n 's/\\.toml$//p'`;

/** A text as one word of a shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
