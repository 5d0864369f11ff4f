// `cryptcab log`: the last lines of the log of a running end, and those that come.
import { existsSync } from 'node:fs';
import type { RunningEnd } from '../../control/ends.js';
import { runningEnds } from '../../control/ends.js';
import { controlPlace } from '../../control/path.js';
import { askForStream } from '../../control/stream.js';
import { CryptcabError } from '../../error.js';
import { fileOf, readConfiguration } from '../configuration.js';
import { dayText, forPeople, wantsColour } from '../log/for-people.js';
import { name as program } from '../program.js';
import { whenUnread } from '../reader.js';
import type { Said } from '../said.js';
import { print } from '../say.js';
import { UsageError } from '../usage.js';
import { nobodyRuns } from './status.js';

export interface LogCommand {
  /** The end, as `status` calls it; the only one when undefined. */
  readonly name: string | undefined;
  readonly follow: boolean;
  readonly json: boolean;
}

/** @throws CryptcabError where it is not one end that is meant */
async function chosen(name: string | undefined): Promise<RunningEnd> {
  const place = controlPlace();
  const { ends, faults } = await runningEnds(place, { called: name });
  const [first, ...more] = ends;
  if (first === undefined) throw new CryptcabError(faults[0] ?? endedLog(name) ?? nobodyRuns(name, place));
  if (more.length === 0) return first;
  const names = ends.map(({ status }) => status.name).join(', ');
  throw new CryptcabError(`several ends run here (${names}): use cryptcab log NAME`);
}

/** Where the log of a cable is that has a file and does not run. */
function endedLog(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  try {
    if (!existsSync(fileOf(name).file)) return undefined;
    const { logFile } = readConfiguration(name).settings;
    const where = logFile === undefined ? `say journalctl -t ${program}` : `it was written to ${logFile}`;
    return `${name} does not run; for its log, ${where}`;
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

/** Lines as people read them, with the day where another one begins. */
class Reading {
  #day = '';
  readonly #colour = process.stdout.isTTY === true && wantsColour(process.env);

  text(line: string): string {
    const day = dayText((JSON.parse(line) as { time: number }).time);
    const heading = day === this.#day ? '' : `${day}\n`;
    this.#day = day;
    return `${heading}${forPeople(line, this.#colour)}`;
  }
}

/** Shows it: to its end, or until it is told to end, nobody reads it any more, or the cable's end has gone. */
export async function showLog({ name, follow, json }: LogCommand): Promise<Said> {
  const { path, status } = await chosen(name);
  const arriving = await askForStream(path, { do: 'log', follow }, 'log');
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => arriving.end());
  const reading = new Reading();
  const decoder = new TextDecoder();
  let rest = '';
  let unread = false;
  const enough = () => {
    unread = true; // by who read it
    arriving.abandon();
  };
  const stopLooking = await whenUnread(enough);
  try {
    for await (const piece of arriving.pieces) {
      const lines = (rest + decoder.decode(piece, { stream: true })).split('\n');
      rest = lines.pop() as string;
      const text = lines.map((line) => (json ? `${line}\n` : reading.text(line))).join('');
      if (unread || (await print(text))) continue;
      enough();
      break;
    }
  } finally {
    stopLooking();
  }
  if (unread) return { out: '', faults: [], status: 0 };
  if (rest !== '') throw new CryptcabError(`the log of ${status.name} ends within a line: restart that end`);
  return { out: '', faults: [], status: 0 };
}
