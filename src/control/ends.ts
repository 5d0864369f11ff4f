import { CryptcabError, messageOf } from '../error.js';
import { ask } from './ask.js';
import { parseStatus } from './message.js';
import { controlSockets, type Found, type Place } from './path.js';
import type { EndStatus } from './status.js';

/** An end that runs here, and can be asked. */
export interface RunningEnd {
  /** Path of its control socket. */
  readonly path: string;
  readonly status: EndStatus;
}

/** The ends that answer, and why others do not; one that was killed leaves its socket behind, and is none. */
export interface Ends {
  readonly ends: readonly RunningEnd[];
  readonly faults: readonly string[];
}

async function statusAt({ path }: Found): Promise<RunningEnd | undefined> {
  const line = await ask(path, { do: 'status' });
  if (line === undefined) return undefined;
  const status = parseStatus(line);
  if (status === undefined) throw strange(path);
  return { path, status };
}

/** Whether a person who says this means that end: its name, its port or process, or the server that it is a client of. */
function isCalled(status: EndStatus, text: string): boolean {
  const { name, port, pid, role } = status;
  if (name === text || String(pid) === text) return true;
  return role === 'server' ? String(port) === text : isServerOf(status, text);
}

/** Whether a person who says this means the server of that client: its name or address, with user and port or without, in brackets or without. */
export function isServerOf({ role, server, called }: EndStatus, text: string): boolean {
  if (role !== 'client') return false;
  return [server, called].some((place) => place !== null && formsOf(place).includes(text));
}

/** How people write `[USER@]HOST:PORT`. */
function formsOf(place: string): string[] {
  return [place, place.replace(/^.*@/, '')].flatMap((whole) => {
    const host = whole.replace(/:\d+$/, '');
    return [whole, host, host.replace(/\[(.*)\]$/, '$1')];
  });
}

/**
 * The ends that run here, by their names.
 * @param called those that are called so; all when undefined
 */
export async function runningEnds(
  place: Place,
  { called, everybodys = true }: { called?: string | undefined; everybodys?: boolean } = {},
): Promise<Ends> {
  const faults: string[] = [];
  const ends: RunningEnd[] = [];
  const found = controlSockets(place, everybodys);
  await Promise.all(
    found.map(async (one) => {
      try {
        const end = await statusAt(one);
        if (end !== undefined && (called === undefined || isCalled(end.status, called))) ends.push(end);
      } catch (error) {
        if (called === undefined || called === one.name) faults.push(messageOf(error));
      }
    }),
  );
  ends.sort((one, other) => one.status.name.localeCompare(other.status.name, 'en', { numeric: true }));
  return { ends, faults };
}

/** What to do where no end is found. */
export function noEnd(what: string, { fault }: Place): string {
  return `no ${what} is run by this user here: start one, or be the user who did${fault === undefined ? '' : ` (${fault})`}`;
}

/** What to do where one server is meant, and there are several. @param how one of them is named */
export function severalServers(servers: readonly RunningEnd[], how: string): CryptcabError {
  const names = servers.map(({ status }) => status.name).join(', ');
  return new CryptcabError(`several servers run here (${names}): ${how}`);
}

/** How a person says which server is meant. */
export interface Meant {
  /** Its UDP port. */
  readonly port?: number | undefined;
  /** As `status` calls it. */
  readonly called?: string | undefined;
}

/**
 * The one secure server that somebody is let in at.
 * @param meant where none is, one alone runs
 * @param several what to say where there are several
 * @throws CryptcabError when there is none, or there are several
 */
export async function oneServer(
  { port, called }: Meant,
  place: Place,
  several: (servers: readonly RunningEnd[]) => CryptcabError,
): Promise<RunningEnd> {
  const { ends, faults } = await runningEnds(place, { called, everybodys: false });
  const servers = ends.filter(
    ({ status }) =>
      status.role === 'server' && status.mode !== 'classic' && (port ?? status.port) === status.port,
  );
  const [first, ...more] = servers;
  if (first === undefined) {
    if (faults[0] !== undefined) throw new CryptcabError(faults[0]);
    const which = called === undefined ? '' : ` called ${called}`;
    throw new CryptcabError(
      noEnd(`secure server${which}${port === undefined ? '' : ` on UDP port ${port}`}`, place),
    );
  }
  if (more.length === 0) return first;
  throw several(servers);
}

/** Of another version, perhaps. */
export function strange(path: string): CryptcabError {
  return new CryptcabError(`the end at ${path} does not answer as this program does: restart it`);
}
