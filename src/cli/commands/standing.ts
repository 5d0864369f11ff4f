// `cryptcab up|down|restart NAME`: cables that have a file.
import { lchownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { controlPaths, runtimeDirectoryOf } from '../../control/path.js';
import { CryptcabError, codeOf, messageOf } from '../../error.js';
import type { Log } from '../../log.js';
import { nameChanges } from '../changes.js';
import { fileOf, readConfiguration } from '../configuration.js';
import type { Settings } from '../options.js';
import { runningPid } from '../run/pid-file.js';
import { endOf } from '../run/process-life.js';
import { findUser } from '../run/user.js';

/** How long an end that is told to end may take, ms. */
const END_MS = 20_000;
const LOOK_MS = 50;

/** Where the process id of a cable is, where its file does not say. */
function pidFileOf(name: string, settings: Pick<Settings, 'user' | 'pidFile'>): string {
  if (settings.pidFile !== undefined) return settings.pidFile;
  if (settings.user !== undefined && process.geteuid?.() === 0) {
    const { uid, gid } = findUser(settings.user);
    const directory = runtimeDirectoryOf(uid);
    try {
      mkdirSync(directory, { mode: 0o700 });
      lchownSync(directory, uid, gid);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    return join(directory, `${name}.pid`);
  }
  let why = 'set XDG_RUNTIME_DIR to a directory of your own';
  for (const place of controlPaths(name)) {
    if ('path' in place) return place.path.replace(/\.sock$/, '.pid');
    why = place.fault;
  }
  throw new CryptcabError(`no place for the pid file of ${name}: ${why}, or name one with pidfile = "FILE"`);
}

/**
 * What a cable's file asks for, to be run.
 * @param foreground whether it stays there, as a service does
 * @throws CryptcabError
 */
export function settingsToRun(word: string, foreground: boolean): Settings {
  const configuration = readConfiguration(word);
  const { name, settings } = configuration;
  const lookAgain = (log: Log) => nameChanges(configuration, log);
  return { ...settings, name, lookAgain, pidFile: pidFileOf(name, settings), daemon: !foreground };
}

/** @throws CryptcabError when a cable is up */
export function refuseUp(word: string, { pidFile }: Settings): void {
  const pid = pidFile === undefined ? undefined : runningPid(pidFile);
  if (pid !== undefined)
    throw new CryptcabError(
      `${fileOf(word).name} is up already, as process ${pid}: use cryptcab restart ${word} to start it again`,
    );
}

/**
 * Ends a cable.
 * @returns whether it was up
 * @throws CryptcabError when it does not end
 */
export async function end(word: string): Promise<boolean> {
  const { name } = fileOf(word);
  const pid = runningPid(pidFileOf(name, settingsOrNone(word)));
  if (pid === undefined) return false;
  const ended = endOf(pid);
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return true;
    throw new CryptcabError(`cannot end ${name}, which is process ${pid}: ${messageOf(error)}`);
  }
  for (const until = performance.now() + END_MS; performance.now() < until; await sleep(LOOK_MS))
    if (ended?.() !== false) return true;
  throw new CryptcabError(`${name}, process ${pid}, has not ended: end it with kill -KILL ${pid}`);
}

/** A cable whose file is not there any more, or is wrong, can be ended as well. */
function settingsOrNone(word: string): Pick<Settings, 'user' | 'pidFile'> {
  try {
    return readConfiguration(word).settings;
  } catch {
    return { user: undefined, pidFile: undefined };
  }
}
