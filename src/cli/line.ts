// Reads a command line by the table of options.
import { Command, CommanderError, Help, Option } from 'commander';
import { COMMANDS } from '../options/commands.js';
import { insteadOfPort } from '../options/near.js';
import type { OPTIONS, OptionKey } from '../options/option-table.js';
import { optionsOf, type Spelling, writtenAs } from '../options/spellings.js';
import type { CommandTerms, Value } from '../options/terms.js';
import { argumentsOf, explain, helpAfter, helpBefore, plain } from './help.js';
import { commandName, rows } from './names.js';
import { type Spelled, spellOut } from './spelling.js';
import { Answer, UsageError } from './usage.js';
import { type Read, readValue } from './values.js';

type Table = typeof OPTIONS;

/** What an option of the table is, when it was given; a flag is true, `--no-classic` too. */
type ValueOf<Row> = Row extends {
  readonly value: { readonly kind: 'choice'; readonly choices: readonly (infer Choice)[] };
}
  ? Choice
  : Row extends { readonly value: { readonly kind: infer Kind extends keyof Read } }
    ? Read[Kind]
    : true;

/** The options of a command line, by their keys in the table. */
export type Given = { readonly [Key in OptionKey]?: ValueOf<Table[Key]> };

/** `-s, --sock <path>`. */
function flags(long: string, short: string | undefined, value: Value | undefined): string {
  const word = value === undefined ? `--${long}` : `--${long} <${value.placeholder.toLowerCase()}>`;
  return short === undefined ? word : `-${short}, ${word}`;
}

/** A command of commander's that explains itself as it is spelled. */
function explained(name: string, spelling: Spelling): Command {
  if (spelling === 'options')
    return new Command(name)
      .usage('[COMMAND] [OPTION...]')
      .description(helpBefore())
      .configureHelp({
        boxWrap: (text, width) => (text.includes('\n') ? text : new Help().boxWrap(text, width)),
      })
      .addHelpText('after', helpAfter(spelling));
  if (spelling === 'vde_cryptcab')
    return new Command(name)
      .usage('[-s SWITCH] [-p PORT] [-c [USER@]HOST[:PORT]] [-P KEYFILE | -x] [-k] [-d] [-v]')
      .description(
        'Joins two VDE switches by an encrypted cable over UDP. With -c it connects to a server; without, it is one.\nThe same program is cryptcab, whose cable is the secure one.',
      )
      .addHelpText('after', helpAfter(spelling));
  const terms: CommandTerms = COMMANDS[spelling];
  const { text, more } = terms;
  const sentence = `${text.replace(/^[a-z]/, (letter) => letter.toUpperCase())}.`;
  return new Command(`${name} ${spelling}`)
    .usage(argumentsOf(terms))
    .description(plain(more === undefined ? sentence : `${sentence} ${more}`));
}

/** A command of commander's with all the options; reports each that it meets. */
function commandOf(name: string, spelling: Spelling, meets: (key: OptionKey, text: string | null) => void) {
  const command = explained(name, spelling).allowExcessArguments().exitOverride();
  const spelled: Spelled[] = [];
  for (const key of optionsOf(spelling, rows)) {
    const { value, original = false } = rows[key];
    const { short, long } = writtenAs(spelling, rows[key]);
    for (const written of long) {
      const first = written === long[0];
      const option = new Option(flags(written, first ? short : undefined, value), explain(key, spelling));
      if (!first) option.hideHelp();
      if (key === 'help') command.addHelpOption(option);
      else command.addOption(option);
      command.on(`option:${option.name()}`, (text: string | null) => meets(key, text));
      spelled.push({ short: option.short, long: option.long, required: option.required, original });
    }
  }
  return { command, spelled };
}

/** What a command line holds. */
export interface Line {
  readonly given: Given;
  readonly verbosity: number;
}

/**
 * Reads the options of a command line, each by itself.
 * @param name the name that the program was called by
 * @param argv what follows the name, and the command
 * @throws UsageError; Answer when it asks for help
 */
export function readLine(name: string, spelling: Spelling, argv: readonly string[]): Line {
  const given: Partial<Record<OptionKey, unknown>> = {};
  let verbosity = 0;
  const { command, spelled } = commandOf(name, spelling, (key, text) => {
    const { value } = rows[key];
    given[key] = value === undefined || text === null ? true : readValue(commandName(key), text, value);
    if (key === 'verbose') verbosity++;
  });
  const see = `(see ${command.name()} --help)`;
  let help = '';
  command.configureOutput({
    writeOut: (text) => {
      help += text;
    },
    writeErr: () => {},
  });
  try {
    command.parse(spellOut(argv, spelled, spelling === 'vde_cryptcab'), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) throw new Answer(help);
    throw new UsageError(elsewhere(error.message, spelling) ?? plainMessage(error.message, see));
  }
  // Whoever asks for the version does not name a server.
  if (given.version === undefined) {
    const [first, ...others] = command.args;
    if (spelling === 'connect') given.host = serverOf(first, others.length > 0, see);
    else if (first !== undefined)
      throw new UsageError(
        strayWord(first, spelling) ?? `too many arguments: everything is an option ${see}`,
      );
  }
  return { given: given as Given, verbosity };
}

/** What to do about a word that is a command, but not the first word; undefined for any other. */
function strayWord(word: string, spelling: Spelling): string | undefined {
  const isCommand = Object.keys(COMMANDS).some((name) => name.split(' ')[0] === word);
  return spelling === 'options' && isCommand
    ? `the command comes first, and its options after it: use cryptcab ${word}`
    : undefined;
}

/** The server that `connect` names. */
function serverOf(word: string | undefined, more: boolean, see: string) {
  const { placeholder } = COMMANDS.connect.operands;
  if (word === undefined) throw new UsageError(`no server is named: use cryptcab connect ${placeholder}`);
  if (more) throw new UsageError(`too many arguments: one server is named, as ${placeholder} ${see}`);
  return readValue('cryptcab connect', word, rows.host.value as Value & { kind: 'server' });
}

/** The option that a word is. */
function writtenIn(word: string, spelling: Spelling): OptionKey | undefined {
  return optionsOf(spelling, rows).find((key) => {
    const { short, long } = writtenAs(spelling, rows[key]);
    return word === `-${short}` || long.some((name) => word === `--${name}`);
  });
}

/** What to do about an option that is one of another spelling; undefined for any other. */
function elsewhere(message: string, spelling: Spelling): string | undefined {
  const [, word] = /^error: unknown option '(--?[\w-]+)/.exec(message) ?? [];
  if (word === undefined || writtenIn(word, spelling) !== undefined) return undefined;
  if (word === '--port')
    return `unknown option '--port': ${insteadOfPort(spelling !== 'serve', '--localport')}`;
  const commands = (['serve', 'connect'] as const).filter((command) => writtenIn(word, command));
  const [command] = commands;
  const key = writtenIn(word, 'options');
  switch (spelling) {
    case 'vde_cryptcab': {
      if (command === undefined && key === undefined) return undefined;
      if (writtenIn(word, 'serve') === 'version')
        return `${word} is not an option of vde_cryptcab: use cryptcab --version`;
      const say = (commands.length > 0 ? commands : ['serve', 'connect']).map((one) => `cryptcab ${one}`);
      return `${word} is not an option of vde_cryptcab: use ${say.join(' or ')}`;
    }
    case 'options':
      return command !== undefined && word.startsWith('--')
        ? `${word} goes with a command: use cryptcab ${command} ${word}`
        : undefined;
    default:
      if (key === 'host')
        return `${word} is not an option of cryptcab ${spelling}: use cryptcab connect HOST to be a client`;
      if (key === 'secure' || key === 'classic')
        return `${word} is the default of cryptcab ${spelling}: leave it out`;
      return (
        command &&
        `${word} is an option of cryptcab ${command}, and not of cryptcab ${spelling}: leave it out`
      );
  }
}

/** What commander says, as one line of ours. */
function plainMessage(message: string, see: string): string {
  const said = message.replace(/^error: /, '').replace(/\s+/g, ' ');
  // A key behind a dash is no option; which of its letters were options before it is not known any more.
  if (/^unknown option '[^']{25,}/.test(said)) return `unknown option ${see}`;
  // What follows an option that is none may be a password.
  return `${said.replace(/^(unknown option '[^'=]*)=.*@.*'/, "$1'")} ${see}`;
}
