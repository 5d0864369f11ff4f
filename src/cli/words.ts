// Reads the words of a command beside the cable's own, by its table.
import { parseArgs } from 'node:util';
import { COMMANDS, type CommandName } from '../options/commands.js';
import { nearWord } from '../options/near.js';
import type { CommandTerms } from '../options/terms.js';
import { commandHelp, usageOf } from './help.js';
import { Answer, UsageError } from './usage.js';
import { type Read, readValue } from './values.js';

type Table = typeof COMMANDS;

type OptionsOf<Terms> = Terms extends { readonly options: infer Options }
  ? {
      readonly [Long in keyof Options]?: Options[Long] extends {
        readonly value: { readonly kind: infer Kind extends keyof Read };
      }
        ? Options[Long] extends { readonly several: true }
          ? readonly Read[Kind][]
          : Read[Kind]
        : true;
    }
  : Record<never, never>;

/** The words of a command. */
export interface Words<Name extends CommandName> {
  readonly options: OptionsOf<Table[Name]>;
  readonly operands: readonly string[];
}

/**
 * Which command two words name.
 * @returns how many of them its name has; undefined when they name none
 * @throws UsageError when the second word is missing, or is none
 */
export function commandNamed(
  first: string | undefined,
  second: string | undefined,
): { command: CommandName; words: 1 | 2 } | undefined {
  if (first === undefined) return undefined;
  const named = (name: string) =>
    (Object.keys(COMMANDS) as CommandName[]).find((command) => {
      const { alias }: CommandTerms = COMMANDS[command];
      return name === command || name === alias;
    });
  const two = named(`${first} ${second}`);
  if (two !== undefined) return { command: two, words: 2 };
  const begun = Object.entries(COMMANDS).filter(([name]) => name.startsWith(`${first} `));
  const explained = second === '--help' || second === '-h';
  if (begun.length > 0 && explained)
    throw new Answer(begun.map(([name]) => commandHelp(name as CommandName)).join('\n'));
  const one = named(first);
  const alone = begun.length === 0 || second === undefined || second.startsWith('-');
  if (one !== undefined && alone) return { command: one, words: 1 };
  if (begun.length === 0) return undefined;
  const near =
    second === undefined
      ? undefined
      : nearWord(
          second.toLowerCase(),
          begun.map(([name]) => name.slice(first.length + 1)),
        );
  if (near !== undefined)
    throw new UsageError(`there is no such command of ${first}: did you mean cryptcab ${first} ${near}?`);
  throw new UsageError(`use ${begun.map(([name, terms]) => usageOf(name, terms)).join(', or ')}`);
}

/** What to say of a first word that is no command. */
export function noCommand(word: string): string {
  const known = (Object.keys(COMMANDS) as CommandName[]).map((name) => name.split(' ')[0] as string);
  // Whose word that is, and what, nobody knows: it is not repeated where it does not look like a command.
  const repeated = /^[a-z][a-z-]{1,19}$/.test(word) ? ` '${word}'` : ' of this name';
  const near = nearWord(word.toLowerCase(), [...new Set(known)]);
  if (near !== undefined) return `there is no command${repeated}: did you mean cryptcab ${near}?`;
  if (word.includes('@')) return `use cryptcab connect ${COMMANDS.connect.operands.placeholder}`;
  return `there is no command${repeated} (see cryptcab --help)`;
}

/** @throws UsageError for what the command does not take, Answer where it is asked to explain itself */
export function readWords<Name extends CommandName>(name: Name, args: readonly string[]): Words<Name> {
  const terms: CommandTerms = COMMANDS[name];
  const own = args.slice(0, args.includes('--') ? args.indexOf('--') : undefined);
  if (own.includes('--help') || own.includes('-h')) throw new Answer(commandHelp(name));
  const found = split(terms, args);
  if (found === undefined) throw new UsageError(refusal(name, terms, args));
  const given: Record<string, unknown> = {};
  for (const [long, text] of Object.entries(found.values)) {
    const value = terms.options?.[long]?.value;
    const read = (one: unknown) => value && readValue(`--${long}`, String(one), value);
    given[long] = value === undefined ? true : Array.isArray(text) ? text.map(read) : read(text);
  }
  return { options: given as Words<Name>['options'], operands: found.positionals };
}

/** Options and operands apart; undefined where the command does not take these. */
function split({ options = {}, operands }: CommandTerms, args: readonly string[]) {
  const types = Object.entries(options).map(([long, { value, short, several = false }]) => {
    const type = value === undefined ? 'boolean' : 'string';
    return [long, { type, multiple: several, ...(short !== undefined && { short }) }] as const;
  });
  try {
    const found = parseArgs({
      args: [...args],
      options: Object.fromEntries(types),
      allowPositionals: operands !== undefined,
    });
    if (operands === undefined) return found;
    const { choices, least = 1, most = 1 } = operands;
    const { length } = found.positionals;
    if (length < least || length > most) return undefined;
    return choices === undefined || choices.includes(found.positionals[0] as string) ? found : undefined;
  } catch {
    return undefined;
  }
}

/** What a command takes, and what it does not; of one that has got nothing, what it needs. */
function refusal(name: string, { options = {}, ...rest }: CommandTerms, args: readonly string[]): string {
  const { operands } = rest;
  const say = `use ${usageOf(name, { options, ...rest })}`;
  const known = Object.keys(options);
  if (args.length === 0 && operands !== undefined && known.length > 0)
    return `${name} needs ${operands.what}: use cryptcab ${name} ${operands.placeholder} (cryptcab ${name} --help lists its options)`;
  const takes = [...known.map((long) => `--${long}`), ...(operands === undefined ? [] : [operands.what])];
  if (takes.length === 0) return `${name} takes no arguments: ${say}`;
  const stranger = args.find((word) => /^-./.test(word) && !known.includes(word.replace(/^--|=.*/gs, '')));
  const none = stranger === undefined ? '' : `, and no ${stranger.replace(/=.*/s, '')}`;
  return `${name} takes ${takes.join(' and ')}${none}: ${say}`;
}
