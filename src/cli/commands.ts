// Commands that are none of the cable's. Each is loaded when it is asked for: a program that only answers answers at once.
import type { CommandName, Shell } from '../options/commands.js';
import { commandNamed, readWords } from './words.js';

/** What a command has to say. */
export interface Said {
  /** For standard output. */
  readonly out: string;
  /** For standard error, a line each; with any the status is 1. */
  readonly faults: readonly string[];
}

/**
 * Runs a command.
 * @param argv of the program
 * @returns undefined when no command is named: these are options of the cable's
 * @throws UsageError, or CryptcabError when it cannot be done
 */
export async function runCommand(argv: readonly string[]): Promise<Said | undefined> {
  const named = commandNamed(argv[0], argv[1]);
  return named && run(named.command, argv.slice(named.words));
}

async function run(command: CommandName, args: readonly string[]): Promise<Said> {
  switch (command) {
    case 'enroll': {
      const { options } = readWords(command, args);
      const { enroll, wishedPort } = await import('./enroll.js');
      const port = options.port ?? wishedPort(process.env.SSH_ORIGINAL_COMMAND);
      return says(await enroll(process.stdin, port));
    }
    case 'status': {
      const { options } = readWords(command, args);
      return says(await (await import('./status.js')).status(options.port));
    }
    case 'keygen':
    case 'pubkey':
    case 'genpsk':
      readWords(command, args);
      return says((await import('./keys.js')).runKeyCommand(command));
    case 'completion': {
      const [shell] = readWords(command, args).operands;
      return says((await import('./completion/index.js')).completion(shell as Shell));
    }
    case 'vectors verify': {
      const { options, operands } = readWords(command, args);
      return (await import('./vectors.js')).verifyFiles(operands, options.strict === true);
    }
    case 'vectors make': {
      const { options } = readWords(command, args);
      return (await import('./vectors.js')).makeFiles(options.seed, options.out);
    }
  }
}

function says(out: string): Said {
  return { out, faults: [] };
}
