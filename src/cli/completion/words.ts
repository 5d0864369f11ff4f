// What there is to complete, from the tables of options and commands.
import { COMMANDS, type CommandName } from '../../options/commands.js';
import type { CommandTerms, Explained, Value } from '../../options/terms.js';
import { plain, sentenceOf } from '../help.js';
import { rows } from '../names.js';

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
  /** What follows the options: one of these, or files. */
  readonly operands: readonly string[] | 'files' | undefined;
}

export const PROGRAMS = ['cryptcab', 'vde_cryptcab'] as const;

/** The options of a cable. */
export const CABLE: readonly OptionWord[] = Object.values(rows).flatMap((option) =>
  option.long === undefined
    ? []
    : [optionWord(option, option.short, [option.long, ...(option.aliases ?? [])], option.long === 'verbose')],
);

export const COMMAND_WORDS: readonly CommandWords[] = Object.entries(COMMANDS).map(
  ([name, { text, options = {}, operands }]: [string, CommandTerms]) => ({
    name: name as CommandName,
    text: plain(text),
    options: Object.entries(options).map(([long, option]) => optionWord(option, undefined, [long], false)),
    operands: operands && (operands.choices ?? 'files'),
  }),
);

/** The first words of the commands, each once, and what follows where a command has two. */
export function firstWords(): ReadonlyMap<string, readonly CommandWords[]> {
  const first = new Map<string, CommandWords[]>();
  for (const command of COMMAND_WORDS) {
    const [word] = command.name.split(' ') as [string];
    first.set(word, [...(first.get(word) ?? []), command]);
  }
  return first;
}

function optionWord(
  option: Explained,
  short: string | undefined,
  long: readonly string[],
  again: boolean,
): OptionWord {
  return { short, long, value: option.value, text: plain(sentenceOf(option)), again };
}

/** A text as one word of a shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
