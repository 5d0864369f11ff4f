// What can be found out on this machine alone.
import { accessSync, constants } from 'node:fs';
import type { Cable, CableEvents } from '../../../cable/cable.js';
import { openCable } from '../../../cable/open-cable.js';
import { plugOf } from '../../../cable/plug/kinds.js';
import { ownUdp } from '../../../cable/udp/own.js';
import { runningEnds } from '../../../control/ends.js';
import { controlPaths, controlPlace } from '../../../control/path.js';
import { openCore } from '../../../core/open-core.js';
import { codeOf, messageOf } from '../../../error.js';
import { runtimeText } from '../../runtime.js';
import { bad, type Finding, good } from './finding.js';

const DEVICE = '/dev/net/tun';

const SILENT: CableEvents = {
  ...{ control() {}, heard() {}, sent() {}, refused() {}, large() {}, tooLong() {}, worn() {} },
  ...{ plugLost() {}, plugged() {}, unreachable() {}, sendFailed() {}, failed() {} },
};

/** @param locator of a switch; @param port that a server would have */
export async function findHere(locator: string, port: number): Promise<Finding[]> {
  const found: Finding[] = [];
  const cable = await findCable(found);
  if (cable !== undefined) {
    found.push(await findSwitch(cable, locator));
    await cable.close();
  }
  found.push(findTun(), findPlace(port), await findPort(port));
  return found;
}

/** A cable with nobody at its other end, to try things with. */
async function findCable(found: Finding[]): Promise<Cable | undefined> {
  const open = async (io: 'native' | 'portable') =>
    openCable({ core: await openCore(), io, openUdp: undefined, port: 0, events: SILENT, tap: undefined });
  try {
    const cable = await open('native');
    found.push(good(`${runtimeText()} runs the core`), good(`frames are moved by ${cable.io}`));
    return cable;
  } catch (error) {
    const why = messageOf(error).replace(/; fix that.*/, '');
    try {
      const cable = await open('portable');
      found.push(
        good(`${runtimeText()} runs the core`),
        bad(`${why}: cables work, and are slower; fix that, if speed matters`),
      );
      return cable;
    } catch (portable) {
      found.push(bad(`${runtimeText()} runs no cable: ${messageOf(portable)}`));
      return undefined;
    }
  }
}

async function findSwitch(cable: Cable, locator: string): Promise<Finding> {
  const plug = cable.probe(plugOf(locator), () => {});
  try {
    await plug.settled;
    return good(`the switch at ${locator} gives a port`);
  } catch (error) {
    return bad(messageOf(error));
  } finally {
    await plug.close();
  }
}

function findTun(): Finding {
  try {
    accessSync(DEVICE, constants.R_OK | constants.W_OK);
    return good(`${DEVICE} can be opened, for taps`);
  } catch (error) {
    const load =
      codeOf(error) === 'ENOENT' ? 'load it with modprobe tun' : 'be root, or in the group that may';
    return bad(
      `${DEVICE} cannot be opened (${codeOf(error)}), so that there are no taps; a switch needs none: ${load}`,
    );
  }
}

function findPlace(port: number): Finding {
  const place = controlPlace();
  let why = place.fault;
  for (const candidate of controlPaths(String(port), place)) {
    if ('path' in candidate) return good(`the control socket can be ${candidate.path}`);
    why ??= candidate.fault;
  }
  return bad(
    `there is no place for a control socket${why === undefined ? '' : ` (${why})`}: set XDG_RUNTIME_DIR to a directory of your own`,
  );
}

async function findPort(port: number): Promise<Finding> {
  try {
    const udp = await ownUdp()(port, { datagram() {}, unreachable() {}, failed() {} });
    await udp.close();
    return good(`UDP port ${port} is free`);
  } catch (error) {
    const { ends } = await runningEnds(controlPlace(), { called: String(port) });
    return ends.length === 0
      ? bad(messageOf(error))
      : good(`UDP port ${port} is that of a server of yours, which runs`);
  }
}
