import { CryptcabError, codeOf, messageOf } from '../error.js';
import { hideKeys } from '../key-like.js';
import { runCommand } from './commands.js';
import { limitText, unexpectedText } from './limits.js';
import { Answer, ORIGINAL_NAME, parseOptions, type Settings, UsageError } from './options.js';
import { name } from './program.js';
import { isDaemonChild, releaseParent, tellParent } from './run/daemon.js';
import type { Said } from './said.js';
import { print, say } from './say.js';
import { VERSION } from './version.generated.js';
import { readWords } from './words.js';

/** What went wrong, in one line; only what nobody has foreseen shows where in the program it was. */
function lineOf(error: unknown): string {
  if (error instanceof CryptcabError) return error.marked;
  if (error instanceof UsageError) return error.message;
  const limit = limitText(error);
  if (limit !== undefined) return limit;
  // The system refused something: its own words say what.
  if (/^E[A-Z0-9]+$/.test(codeOf(error) ?? '') && 'syscall' in (error as Error))
    return hideKeys(messageOf(error));
  return unexpectedText(error);
}

/** What a command has to say; undefined where the words ask for a cable. */
async function commandOf(words: readonly string[]): Promise<Said | undefined> {
  try {
    return await runCommand(name, words);
  } catch (error) {
    if (error instanceof Answer) return { out: error.message, faults: [] };
    throw error;
  }
}

/** What the command line asks for; text where that is all there is to do. */
async function readOptions(words: readonly string[], daemonChild: boolean): Promise<Settings | string> {
  const [command, ...rest] = words;
  if (name !== ORIGINAL_NAME && (command === 'up' || command === 'restart')) {
    const standing = await import('./commands/standing.js');
    const { options, operands } = readWords(command, rest);
    const [word] = operands as [string];
    const settings = standing.settingsToRun(word, 'foreground' in options);
    if (command === 'up') standing.refuseUp(word, settings);
    else if (!daemonChild) await standing.end(word);
    return settings;
  }
  // What it takes to run a cable is loaded when one is run.
  const versionWanted = words.some((word) => word === '--version' || /^-\w*V/.test(word));
  const details = versionWanted ? (await import('./version-details.js')).details : () => [];
  try {
    return parseOptions(name, VERSION, await cableWords(words, details), details);
  } catch (error) {
    if (error instanceof Answer) return error.message;
    throw error;
  }
}

/** The words that ask for a cable: after `join` others than were given. */
async function cableWords(
  words: readonly string[],
  details: () => readonly string[],
): Promise<readonly string[]> {
  if (words[0] !== 'join') return words;
  const { join } = await import('./commands/join.js');
  return join(words.slice(1), (all) => parseOptions(name, VERSION, all, details));
}

/**
 * Whether this process is to have an I/O thread, which takes as long to start as the program to load. Who becomes another user starts it
 * later: a thread keeps the capabilities that it began with. Other runtimes than Node start one at once.
 */
function takesThread({ io, user, daemon }: Settings, daemonChild: boolean): boolean {
  const node = process.versions.bun === undefined && process.versions.deno === undefined;
  return (
    node &&
    process.platform === 'linux' &&
    io !== 'portable' &&
    user === undefined &&
    (!daemon || daemonChild)
  );
}

/**
 * Runs the command line of this process.
 * @returns the exit status
 */
export async function runCommandLine(): Promise<number> {
  const daemonChild = isDaemonChild();
  try {
    const words = process.argv.slice(2);
    const answer = await commandOf(words);
    if (answer !== undefined) {
      const read = await print(answer.out);
      for (const fault of answer.faults) say(fault);
      return answer.status ?? (read && answer.faults.length === 0 ? 0 : 1);
    }
    const settings = await readOptions(words, daemonChild);
    if (typeof settings === 'string') return (await print(settings)) ? 0 : 1;
    if (takesThread(settings, daemonChild))
      (await import('../cable/native/thread/start-thread.js')).startThread();
    const cable = await import('./run/cable.js');
    if (settings.daemon && !daemonChild) return await cable.runAsDaemon(settings, say);
    await cable.run(settings, daemonChild);
    return 0;
  } catch (error) {
    const text = lineOf(error);
    if (daemonChild) tellParent(text);
    else say(text);
    const status = error instanceof UsageError ? 2 : 1;
    await releaseParent(status);
    return status;
  }
}
