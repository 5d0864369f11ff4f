import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { CryptcabError, codeOf } from '../../error.js';
import { optionName } from '../../options/name.js';
import { missingDirectory } from '../../socket-directory.js';
import { NoAnswer, NotThere } from '../start-patience.js';
import { deviceExists } from './devices.js';
import { switchPlace, tapName } from './locator.js';

/** A switch that gives no port for so long is said not to answer, ms. */
export const ANSWER_MS = 5_000;
/** A switch that runs closes an empty connection at once. */
const CLOSE_MS = 1_000;

/** Where the connections of a switch begin. */
export function controlSocket(directory: string): string {
  return join(directory, 'ctl');
}

/** The longest path of a socket on Linux, bytes (unix(7)). */
export const SOCKET_PATH_MAX = 107;

/** What the system says of a switch that is not there, or of the device that leads to one. */
const ABSENT = /no such file|connection refused|no such device|network is unreachable/i;

/**
 * Why there is no plug.
 * @param detail what the system said; empty when it said nothing
 */
export function noSwitch(locator: string, detail: string): CryptcabError {
  const tap = tapName(locator);
  if (tap !== undefined) return noTap(tap, detail);
  const place = switchPlace(locator);
  const tooLong = place && longSocket(place.directory);
  if (tooLong !== undefined) return new CryptcabError(tooLong);
  const forbidden = place && notAllowed(place.directory);
  if (forbidden !== undefined) return new CryptcabError(forbidden);
  if (/too many open files/i.test(detail))
    return new CryptcabError(
      `no port of the switch at ${locator} (${detail}): raise the limit of open files, with ulimit -n`,
    );
  const start = /^[/.\w-]+$/.test(locator) ? `vde_switch -s ${locator}` : 'a switch';
  const says = `no switch to plug into at ${locator}${detail ? ` (${detail})` : ''}: start ${start}, or name another with ${optionName('plug')}`;
  return ABSENT.test(detail) ? new NotThere(says) : new CryptcabError(says);
}

/** Why there is no plug into a tap. @param detail what the system said */
export function noTap(name: string, detail: string): CryptcabError {
  if (/busy/i.test(detail))
    return new CryptcabError(
      `the tap ${name} is in use: end the program that has it, or name another with ${optionName('plug')}`,
    );
  if (/not permitted/i.test(detail)) {
    // Only root makes one; who may open one that is there may have started first.
    const Fault = deviceExists(name) ? CryptcabError : NotThere;
    return new Fault(
      `may not open the tap ${name}: be root, or have one made by ip tuntap add ${name} mode tap user $USER`,
    );
  }
  // A number that does not fit is cut off, and leaves the name of a device that is there.
  if (name.includes('%d') && /file exists|open files in system/i.test(detail))
    return new CryptcabError(
      `no number is free for a tap ${name}: end a client, or give ${optionName('plug')} a shorter name, which leaves room for more digits`,
    );
  return new CryptcabError(
    `cannot open the tap ${name}${detail ? ` (${detail})` : ''}: name another with ${optionName('plug')}`,
  );
}

/** Why there is no plug into a tap that was there, for people. @param standing see OpenPlug */
export function tapGone(name: string, standing: boolean): string {
  return `the tap ${name} is gone${standing ? `: make it again, with ip tuntap add ${name} mode tap` : ''}`;
}

/** Why no socket can be made for QEMU, where its directory is missing: somebody may be about to make it. */
export function noDirectory(path: string): NotThere | undefined {
  const directory = missingDirectory(path);
  return directory === undefined
    ? undefined
    : new NotThere(
        `cannot make the socket ${path}: there is no directory ${directory}; make that directory, or name another path with ${optionName('plug')}`,
      );
}

/** Why there can be no switch in a directory; undefined where there can be one. */
function longSocket(directory: string): string | undefined {
  return Buffer.byteLength(controlSocket(directory)) <= SOCKET_PATH_MAX
    ? undefined
    : `the path ${directory} is too long for a switch: that of the socket in it may have ${SOCKET_PATH_MAX} bytes. Put the switch into a directory with a shorter path, and name that with ${optionName('plug')}`;
}

/** What keeps this user from a switch that is there; undefined when nothing does. */
function notAllowed(directory: string): string | undefined {
  const control = controlSocket(directory);
  try {
    accessSync(control, constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    if (codeOf(error) !== 'EACCES') return undefined;
  }
  const start = `vde_switch -s ${directory} -m 660 -g GROUP`;
  for (const [path, bits] of [
    [directory, 0o010],
    [control, 0o060],
  ] as const) {
    try {
      accessSync(path, path === control ? constants.R_OK | constants.W_OK : constants.X_OK);
      continue;
    } catch {
      // this is the one
    }
    const { gid, mode } = statOf(path) ?? {};
    if (gid === undefined || mode === undefined) break;
    if (gid === 0 || (mode & bits) !== bits) break;
    const group = groupName(gid);
    return `may not use the switch at ${directory}: join the group ${group} (usermod -aG ${group} $USER, then log in again or run newgrp ${group}), or start it for another group with ${start}`;
  }
  return `may not use the switch at ${directory}: start it for a group that this user is in, with ${start}`;
}

function statOf(path: string): { gid: number; mode: number } | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function groupName(gid: number): string {
  try {
    for (const line of readFileSync('/etc/group', 'utf8').split('\n')) {
      const [name, , number] = line.split(':');
      if (name !== undefined && number === String(gid)) return name;
    }
  } catch {
    // its number will do
  }
  return String(gid);
}

/** Why a switch gave no port within ANSWER_MS. */
export async function whySilent(locator: string): Promise<NoAnswer> {
  const place = switchPlace(locator);
  if (place === undefined)
    return new NoAnswer(
      `nothing answers at ${locator}: see what runs there, or name another with ${optionName('plug')}`,
    );
  const { directory, port } = place;
  if (!(await closesEmptyConnections(controlSocket(directory)))) {
    return new NoAnswer(
      `the switch at ${directory} does not answer: see whether its process is stopped, or is no vde_switch`,
    );
  }
  return new NoAnswer(
    port === undefined
      ? `the switch at ${directory} has no free port: start it with more, vde_switch -n N`
      : `the switch at ${directory} has no port ${port} for this user: name another, or start the switch with more ports, vde_switch -n N`,
  );
}

function closesEmptyConnections(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path, allowHalfOpen: true }, () => socket.end());
    const give = (closes: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(closes);
    };
    const timer = setTimeout(give, CLOSE_MS, false);
    socket.on('end', () => give(true)).on('error', () => give(false));
    socket.resume();
  });
}
