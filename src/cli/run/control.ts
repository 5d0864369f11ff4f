// The control socket of the command line's end; `enroll`, `status`, `peers`, `ping` and `log` ask it.
import { userOf } from '../../control/credentials.js';
import { controlPaths, controlPlace, type Place, unitName } from '../../control/path.js';
import { type Control, type Controlled, ControlTaken, openControl } from '../../control/server.js';
import { STATUS_VERSION } from '../../control/status.js';
import { NobodyThere } from '../../ends/pings.js';
import type { Running } from '../../ends/running.js';
import type { RunningServer } from '../../ends/server.js';
import { CryptcabError, messageOf } from '../../error.js';
import type { Log } from '../../log.js';
import type { LogHistory } from '../log/history.js';
import { commandText } from '../names.js';
import { VERSION } from '../version.generated.js';
import { serverName } from './state.js';

/** How often it is looked whether the socket is still there, ms. */
const LOOK_MS = 1_000;

type RunningEnd = Running | RunningServer;

/** What an end is called, where nobody has named it. */
function nameOf(running: RunningEnd, place: Place): string {
  const unit = unitName(place);
  if (unit !== undefined) return unit;
  return 'enrol' in running ? serverName(running.local.port, running.serverId) : `client-${process.pid}`;
}

function controlled(
  running: RunningEnd,
  name: string,
  called: string | null,
  history: LogHistory,
): Controlled {
  const server = (): RunningServer => {
    if ('enrol' in running) return running;
    throw new CryptcabError('this end is a client, whose one peer is its server');
  };
  return {
    status: () => ({
      ...{ version: STATUS_VERSION, name, program: VERSION, pid: process.pid, called },
      ...running.report(),
    }),
    enrol: (...client) => server().enrol(...client),
    invite: (request) => server().invite(request),
    cancelInvites: (...which) => server().cancelInvites(...which),
    ping: (peer) =>
      running.ping(peer).catch((error) => {
        if (error instanceof NobodyThere) return undefined;
        throw error;
      }),
    capture: (wish, sink, ended) => running.captures.begin(wish, sink, `cryptcab ${VERSION}`, ended),
    readLog: (follow, sink, ended) => history.read(follow, sink, ended),
    addPeer: async (peer) => server().peers.add(peer),
    removePeer: (peer) => server().peers.remove(peer),
    renamePeer: (peer, to) => server().peers.rename(peer, to),
    limitPeer: async (peer, policy) => server().peers.limit(peer, policy),
    usedAddresses: async (addresses) => server().peers.usedAddresses(addresses),
    leaseAddress: async (publicKey, name) => server().peers.leaseAddress(publicKey, name),
    kick: (peer) => server().peers.kick(peer),
    drain: (seconds) => server().drain(1_000 * seconds),
  };
}

/**
 * Opens the control socket of a running end, in the first place that will do; made again when its directory was removed.
 * @param called what a client's server was named
 * @returns undefined where none will: that is logged, and the end does without
 */
export async function openEndControl(
  running: RunningEnd,
  log: Log,
  history: LogHistory,
  place: Place = controlPlace(),
  name: string = nameOf(running, place),
  called: string | null = null,
): Promise<Pick<Control, 'close'> | undefined> {
  const end = {
    ...controlled(running, name, called, history),
    userOf: await userOf(),
    words: commandText,
    log,
  };
  const open = async (): Promise<Control | string> => {
    let why = place.fault === undefined ? undefined : `${place.fault}: set it to a directory of your own`;
    for (const candidate of controlPaths(name, place)) {
      if ('fault' in candidate) {
        why ??= candidate.fault;
        continue;
      }
      const { path } = candidate;
      try {
        const control = await openControl({ ...end, path });
        if (place.fault !== undefined) log.warn({}, `${place.fault}: the control socket is ${path}`);
        log.info({ path }, 'this end can be asked through this control socket');
        return control;
      } catch (error) {
        // A second socket of one name, elsewhere, would leave neither of them to be found.
        if (error instanceof ControlTaken) return messageOf(error);
        why ??= messageOf(error);
      }
    }
    return why ?? 'set XDG_RUNTIME_DIR to a directory of your own';
  };
  let control = await open();
  if (typeof control === 'string') {
    const enrols = 'enrol' in running && running.report().mode !== 'classic';
    const lacks = enrols ? 'clients cannot enrol by ssh, and ' : '';
    log.warn({}, `no control socket, so ${lacks}cryptcab status does not show this end: ${control}`);
    return undefined;
  }
  let closed = false;
  let told = false;
  let opening: Promise<unknown> | undefined;
  const again = async () => {
    if (typeof control !== 'string') await control.close();
    if (closed) return;
    control = await open();
    if (typeof control === 'string' && !told)
      log.warn({}, `the control socket was removed, and cannot be made again yet: ${control}`);
    told = typeof control === 'string';
  };
  const timer = setInterval(() => {
    if (opening !== undefined || (typeof control !== 'string' && control.there)) return;
    opening = again().finally(() => {
      opening = undefined;
    });
  }, LOOK_MS);
  return {
    async close() {
      closed = true;
      clearInterval(timer);
      await opening;
      history.close();
      if (typeof control !== 'string') await control.close();
    },
  };
}
