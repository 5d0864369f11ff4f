// `cryptcab drain`: takes a server out of several with one key, without a client losing its cable.
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../../control/ask.js';
import { type RunningEnd, runningEnds, severalServers, strange } from '../../control/ends.js';
import { parseTold } from '../../control/message.js';
import { controlPlace, type Place } from '../../control/path.js';
import { CryptcabError } from '../../error.js';
import { DRAIN_SECONDS } from '../../protocol/secure/fleet.js';
import { endOf } from '../run/process-life.js';
import type { Said } from '../said.js';
import { nobodyRuns } from './status.js';

const LOOK_MS = 100;
/** How long a server may take to end after its time, ms: it cuts off its peers, and runs the command of --down. */
const END_MS = 30_000;

/** @throws CryptcabError where there is none, or there are several */
async function serverCalled(called: string | undefined, place: Place): Promise<RunningEnd> {
  const { ends, faults } = await runningEnds(place, { called });
  const servers = ends.filter(({ status }) => status.role === 'server' && status.mode !== 'classic');
  const [first, ...others] = servers;
  if (first === undefined)
    throw new CryptcabError(
      faults[0] ??
        (ends.length > 0 ? 'only a server of the secure cable can be drained' : nobodyRuns(called, place)),
    );
  if (others.length === 0) return first;
  throw severalServers(servers, 'use cryptcab drain NAME');
}

/**
 * Tells a server's peers to go, and waits until the server has ended.
 * @param within s
 */
export async function drain(
  called: string | undefined,
  within: number = DRAIN_SECONDS.usual,
  place: Place = controlPlace(),
): Promise<Said> {
  const { path, status } = await serverCalled(called, place);
  const over = endOf(status.pid); // of the process that answers the next question still
  const line = await ask(path, { do: 'drain', seconds: within });
  if (line === undefined) throw new CryptcabError(`${status.name} has just ended`);
  const answer = parseTold(line);
  if (answer === undefined) throw strange(path);
  const from = performance.now();
  while (over === undefined ? await answers(path) : !over()) {
    if (performance.now() - from > 1_000 * within + END_MS)
      throw new CryptcabError(
        `${status.name}, process ${status.pid}, has not ended: end it with kill ${status.pid}`,
      );
    await sleep(LOOK_MS);
  }
  const { told } = answer;
  const peers = told === 1 ? '1 peer was' : `${told} peers were`;
  return { out: `${status.name} has ended: ${peers} told to go to another server\n`, faults: [] };
}

/** Whether a server is there still, whose process is not seen from here, as that of a container. */
async function answers(path: string): Promise<boolean> {
  try {
    return (await ask(path, { do: 'status' })) !== undefined;
  } catch {
    return true; // it may be about to end
  }
}
