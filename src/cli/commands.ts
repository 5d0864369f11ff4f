// Commands that are none of the cable's. Each is loaded when it is asked for: a program that only answers answers at once.

/** What a command has to say. */
export interface Said {
  /** For standard output. */
  readonly out: string;
  /** For standard error, a line each; with any the status is 1. */
  readonly faults: readonly string[];
}

/**
 * Runs a command.
 * @returns undefined when the word names none: it is an option of the cable's
 * @throws UsageError, or CryptcabError when it cannot be done
 */
export async function runCommand(
  word: string | undefined,
  rest: readonly string[],
): Promise<Said | undefined> {
  switch (word) {
    case 'enroll':
    case 'enrol':
    case 'status': {
      const { runControlCommand } = await import('./control.js');
      return { out: await runControlCommand(word, rest), faults: [] };
    }
    case 'keygen':
    case 'pubkey':
    case 'genpsk': {
      const { runKeyCommand } = await import('./keys.js');
      return { out: runKeyCommand(word, rest), faults: [] };
    }
    case 'vectors':
      return (await import('./vectors.js')).runVectorsCommand(rest);
    default:
      return undefined;
  }
}
