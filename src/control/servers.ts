import { CryptcabError } from '../error.js';
import { ask } from './ask.js';
import { parseStatus, type Status } from './message.js';
import { controlSockets, type Place } from './path.js';

/** A server that runs here, and can be asked. */
export interface RunningServer {
  /** Path of its control socket. */
  readonly path: string;
  readonly status: Status;
}

/**
 * The servers that answer; one that was killed leaves its socket behind.
 * @param port the one on that UDP port; all when undefined
 * @throws CryptcabError when there is none, or one does not answer as it should
 */
export async function runningServers(
  port: number | undefined,
  place: Place,
): Promise<[RunningServer, ...RunningServer[]]> {
  const found = controlSockets(place).filter((one) => port === undefined || one.port === port);
  const asked = found.map(async ({ path }) => {
    const line = await ask(path, { do: 'status' });
    if (line === undefined) return [];
    const status = parseStatus(line);
    if (status === undefined) throw strange(path);
    return [{ path, status }];
  });
  const [first, ...more] = (await Promise.all(asked)).flat();
  if (first !== undefined) return [first, ...more];
  throw new CryptcabError(
    `no secure server${port === undefined ? '' : ` on UDP port ${port}`} is run by this user here: start one, or be the user who did${place.fault === undefined ? '' : ` (${place.fault})`}`,
  );
}

/** @throws CryptcabError also when there are several */
export async function oneServer(port: number | undefined, place: Place): Promise<RunningServer> {
  const [first, ...more] = await runningServers(port, place);
  if (more.length === 0) return first;
  const ports = [first, ...more].map(({ status }) => status.port).join(', ');
  throw new CryptcabError(
    `several servers run here, on UDP ports ${ports}: choose one with --port, or -c USER@HOST:PORT`,
  );
}

/** Of another version, perhaps. */
export function strange(path: string): CryptcabError {
  return new CryptcabError(`the server at ${path} does not answer as this program does: restart it`);
}
