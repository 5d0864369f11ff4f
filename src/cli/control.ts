// The control socket of the command line's server; `enroll` and `status` ask it.
import { userOf } from '../control/credentials.js';
import { controlPaths, controlPlace, type Place } from '../control/path.js';
import { type Control, ControlTaken, openControl } from '../control/server.js';
import { messageOf } from '../error.js';
import type { Log } from '../log.js';
import type { PeerStatistics } from '../running.js';
import type { RunningServer } from '../server.js';

/**
 * Opens the control socket of a running server, in the first place that will do.
 * @returns undefined where none will: that is logged, and the server does without
 */
export async function openServerControl(
  running: RunningServer,
  log: Log,
  place: Place = controlPlace(),
): Promise<Control | undefined> {
  const { port } = running.local;
  let why: string | undefined;
  if (place.fault !== undefined) why = `${place.fault}: set it to a directory of your own`;
  for (const candidate of controlPaths(port, place)) {
    if ('fault' in candidate) {
      why ??= candidate.fault;
      continue;
    }
    const { path } = candidate;
    try {
      const control = await openControl({
        path,
        userOf: await userOf(),
        log,
        enrol: running.enrol,
        status: () => ({
          port,
          peers: [
            ...running.statistics().map((peer) => ({ ...statusOf(peer), io: running.io })),
            ...running.away().map(({ peer, address = '' }) => ({ peer, address, port: 'away' })),
          ],
        }),
      });
      if (place.fault !== undefined) log.warn({}, `${place.fault}: the control socket is ${path}`);
      log.info({ path }, 'clients enrol by ssh through this control socket');
      return control;
    } catch (error) {
      // A second socket for one port, elsewhere, would leave neither server to enrol with.
      if (error instanceof ControlTaken) {
        why = messageOf(error);
        break;
      }
      why ??= messageOf(error);
    }
  }
  log.warn(
    {},
    `no control socket, so clients cannot enrol by ssh and cryptcab status does not show this server: ${
      why ?? 'set XDG_RUNTIME_DIR to a directory of your own'
    }`,
  );
  return undefined;
}

function statusOf(counts: PeerStatistics): Record<string, string> & { peer: string } {
  const refused = Object.values(counts.refused).reduce((sum, one) => sum + one, 0n);
  const dropped = counts.droppedBySwitch + counts.droppedUnopened;
  return {
    peer: counts.peer,
    address: counts.address ?? counts.peer,
    port: counts.port ?? 'missing',
    sealed: String(counts.sealed),
    sealedBytes: String(counts.sealedBytes),
    opened: String(counts.opened),
    openedBytes: String(counts.openedBytes),
    refused: String(refused),
    dropped: String(dropped),
    rtt: counts.roundTrip === undefined ? '' : `${counts.roundTrip.toFixed(1)} ms`,
    loss: counts.loss === undefined ? '' : `${Math.round(100 * counts.loss)} %`,
  };
}
