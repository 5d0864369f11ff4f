// The control socket as the command line uses it: a secure server opens one; `enroll` and `status` ask it.
import { userOf } from '../control/credentials.js';
import { controlPath } from '../control/path.js';
import { type Control, openControl } from '../control/server.js';
import type { Log } from '../log.js';
import type { PeerStatistics } from '../running.js';
import type { RunningServer } from '../server.js';
import { enroll } from './enroll.js';
import { UsageError } from './options.js';
import { status } from './status.js';

export type ControlCommand = 'enroll' | 'enrol' | 'status';

/**
 * What a command prints.
 * @throws UsageError, or CryptcabError when there is no such server
 */
export function runControlCommand(command: ControlCommand, rest: readonly string[]): Promise<string> {
  const port = portIn(command, rest);
  return command === 'status' ? status(port) : enroll(process.stdin, port);
}

function portIn(command: ControlCommand, rest: readonly string[]): number | undefined {
  if (rest.length === 0) return undefined;
  const digits = /^--port[= ](\d{1,5})$/.exec(rest.join(' '))?.[1];
  if (digits === undefined || Number(digits) > 65_535)
    throw new UsageError(`${command} takes --port PORT, the server's UDP port, and nothing else`);
  return Number(digits);
}

/**
 * Opens the control socket of a running server.
 * @returns undefined where there is no place for one; clients cannot enrol by ssh then
 * @throws CryptcabError when another server has it
 */
export async function openServerControl(running: RunningServer, log: Log): Promise<Control | undefined> {
  const { port } = running.local;
  const path = controlPath(port);
  if (path === undefined) {
    log.warn(
      {},
      'no place for a control socket, clients cannot enrol by ssh: set XDG_RUNTIME_DIR to a directory of your own',
    );
    return undefined;
  }
  const control = await openControl({
    path,
    userOf: await userOf(),
    log,
    enrol: running.enrol,
    status: () => ({
      port,
      peers: running.statistics().map((peer) => ({ ...statusOf(peer), io: running.io })),
    }),
  });
  log.info({ path }, 'clients enrol by ssh through this control socket');
  return control;
}

function statusOf(counts: PeerStatistics): Record<string, string> & { peer: string } {
  const refused = Object.values(counts.refused).reduce((sum, one) => sum + one, 0n);
  const dropped = counts.droppedBySwitch + counts.droppedUnopened;
  return {
    peer: counts.peer,
    address: counts.address ?? counts.peer,
    sealed: String(counts.sealed),
    sealedBytes: String(counts.sealedBytes),
    opened: String(counts.opened),
    openedBytes: String(counts.openedBytes),
    refused: String(refused),
    dropped: String(dropped),
  };
}
