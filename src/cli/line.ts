// Reads a command line by the table of options.
import { Command, CommanderError, Option } from 'commander';
import type { OPTIONS, OptionKey } from '../options/table.js';
import type { Value } from '../options/terms.js';
import { explain, helpAfter } from './help.js';
import { commandName, rows } from './names.js';
import { type Spelled, spellOut } from './spelling.js';
import { Answer, UsageError } from './usage.js';
import { type Read, readValue } from './values.js';

/** Called by this name, the program reads its options as the C program does. */
const ORIGINAL_NAME = 'vde_cryptcab';

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

/** Options that are written on a command line. */
const KEYS = (Object.keys(rows) as OptionKey[]).filter((key) => rows[key].long !== undefined);

/** `-s, --sock <path>`. */
function flags(long: string, short: string | undefined, value: Value | undefined): string {
  const word = value === undefined ? `--${long}` : `--${long} <${value.placeholder.toLowerCase()}>`;
  return short === undefined ? word : `-${short}, ${word}`;
}

/** A command of commander's with all the options; tells of each that it meets. */
function commandOf(name: string, meets: (key: OptionKey, text: string | null) => void) {
  const command = new Command(name)
    .usage('[-s SWITCH] [-p PORT] [-c [USER@]HOST[:PORT]] [-P KEYFILE | -x] [-k] [-d] [-v]')
    .description(
      'Joins two VDE switches by an encrypted cable over UDP. With -c it connects to a server; without, it is one.',
    )
    .addHelpText('after', helpAfter())
    .allowExcessArguments(false)
    .exitOverride();
  const spelled: Spelled[] = [];
  for (const key of KEYS) {
    const { long = '', short, aliases = [], value, original = false } = rows[key];
    for (const written of [long, ...aliases]) {
      const option = new Option(flags(written, written === long ? short : undefined, value), explain(key));
      if (written !== long) option.hideHelp();
      if (key === 'help') command.addHelpOption(option);
      else command.addOption(option);
      command.on(`option:${option.name()}`, (text: string | null) => meets(key, text));
      spelled.push({ short: option.short, long: option.long, required: option.required, original });
    }
  }
  return { command, spelled };
}

/**
 * Reads the options of a command line, each by itself.
 * @param name the name that the program was called by
 * @throws UsageError; Answer when it asks for help
 */
export function readLine(name: string, argv: readonly string[]): { given: Given; verbosity: number } {
  const given: Partial<Record<OptionKey, unknown>> = {};
  let verbosity = 0;
  const { command, spelled } = commandOf(name, (key, text) => {
    const { value } = rows[key];
    given[key] = value === undefined || text === null ? true : readValue(commandName(key), text, value);
    if (key === 'verbose') verbosity++;
  });
  let help = '';
  command.configureOutput({
    writeOut: (text) => {
      help += text;
    },
    writeErr: () => {},
  });
  try {
    command.parse(spellOut(argv, spelled, name === ORIGINAL_NAME), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) throw new Answer(help);
    throw new UsageError(plainMessage(error.message, name));
  }
  return { given: given as Given, verbosity };
}

/** What commander says, as one line of ours. */
function plainMessage(message: string, name: string): string {
  const said = message.replace(/^error: /, '').replace(/\s+/g, ' ');
  // A key behind a dash is no option; which of its letters were options before it is not known any more.
  if (/^unknown option '[^']{25,}/.test(said)) return `unknown option (see ${name} --help)`;
  if (/^too many arguments/.test(said))
    return `too many arguments: everything is an option (see ${name} --help)`;
  // What follows an option that is none may be a password.
  return `${said.replace(/^(unknown option '[^'=]*)=.*@.*'/, "$1'")} (see ${name} --help)`;
}
