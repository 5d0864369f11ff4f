import type { Keying } from '../core/terms.js';
import type { Log, SeldomLog } from '../log.js';
import { commandOr, optionName, optionWithValue } from '../options/name.js';
import type { Remote } from '../protocol/remote.js';
import type { PeersDirectory } from './peers/peers-option.js';
import { putThere } from './peers/read-only.js';

/** Logged once per session, at its start (classic.md §5.2): people should know what this cable does not protect. */
export function warnOfWeakness(log: Log, peer: string, suite: Keying['suite']): void {
  log.warn(
    { peer },
    suite === 'plain'
      ? notEncrypted()
      : 'the classic protocol hides frames from a casual eye only: no forward secrecy, no proof of who sent them (see SECURITY.md)',
  );
}

function notEncrypted(): string {
  return `not encrypted (${optionName('plain')}): everybody on the way can read and change the frames; for controlled networks only`;
}

/** Logged once, by a server that starts without encryption. */
export function warnOfPlain(log: Log): void {
  log.warn({}, notEncrypted());
}

/** Logged once, by a server that serves both: the weaker protocol decides who gets in. */
export function warnOfBoth(log: Log): void {
  log.warn(
    {},
    `classic clients are served, too: their frames reach the same switch with none of what the secure cable gives (see SECURITY.md); ${optionName('classic', 'classic: false')} refuses them`,
  );
}

/** Logged once, by one of several servers that serves classic clients, too. */
export function warnOfClassicBehindBalancer(log: Log): void {
  log.warn(
    {},
    `a balancer passes no datagram of the classic cable: classic clients reach this server at its own address alone; ${optionName('classic', 'classic: false')} refuses them`,
  );
}

/** Logged when the system refused to send: as a warning only if that lasts. */
export function noteRefusal(log: Log, seldom: SeldomLog, why: string, times: number, lasts: boolean): void {
  const say = (all: number) =>
    lasts
      ? log.warn({ times: all }, `cannot send: ${why}`)
      : log.info({ times: all }, `lost datagrams that the system refused to send: ${why}`);
  seldom.note(performance.now(), `send ${why} ${lasts}`, say, times);
}

/** Logged when the network reports that the server's port is closed. */
export function warnOfNobody(log: Log, seldom: SeldomLog, where: string): void {
  seldom.note(performance.now(), `nobody ${where}`, (times) =>
    log.warn(
      { times },
      `nobody listens at ${where}, still trying: start the server there, or name the port that it has with ${optionWithValue('host', 'port')}`,
    ),
  );
}

/**
 * Logged when somebody calls who may not connect (secure.md §3.2).
 * @param list what the server has: a peers file, or a directory that it only reads
 */
export function warnOfStranger(
  log: Log,
  peer: string,
  publicKey: string,
  list: 'file' | PeersDirectory | undefined,
): void {
  const where = list === 'file' ? 'the peers file' : `a file for ${optionName('secure.peers')}`;
  const todo =
    typeof list === 'object'
      ? putThere(list, 'this line')
      : `use ${commandOr('cryptcab peers add', 'addPeer()')}, or add this line to ${where}`;
  log.warn(
    { peer, publicKey },
    `somebody calls whose public key is not known here: to let them in, ${todo}: ${publicKey}`,
  );
}

/** Logged when somebody calls with another server's public key, or comes with its invite. */
export function warnOfMisdirected(log: Log, peer: string, times: number): void {
  log.warn(
    { peer, times },
    'dropped: bad mac1, of somebody who calls another server: with its public key, or by its invite; if they mean this one, give them its public key, or an invite of its own',
  );
}

/** Ethernet header: what a frame has besides the MTU. */
const HEADER_BYTES = 14;

/** Logged once per session, when a frame from the switch was too long to be carried (§6). */
export function warnOfLength(log: Log, peer: string, frameMax: number, cut: boolean): void {
  const why = cut ? 'the C program there would cut them' : 'no cable carries them';
  log.warn(
    { peer },
    `dropped a frame of more than ${frameMax} bytes, ${why}: set the MTU of what is behind the switch to ${frameMax - HEADER_BYTES} at most`,
  );
}

/**
 * A port of the switch was lost, or there is none yet.
 * @param had whether there was one
 * @param peer whose it is, at a server
 */
export function warnOfPort(log: Log, seldom: SeldomLog, had: boolean, why: string, peer?: string): void {
  const what = had ? 'lost the switch' : 'no port of the switch yet';
  const fields = peer === undefined ? {} : { peer };
  seldom.note(performance.now(), `plug ${why}`, (times) =>
    log.warn({ ...fields, times }, `${what}, trying again: ${why}`),
  );
}

/** Logged once per session, when as much has gone under one key as is safe with blocks of 64 bits (§5.2). */
export function warnOfWear(log: Log, peer: string): void {
  log.warn(
    { peer },
    '32 GiB have gone under one Blowfish key, and equal blocks may become visible: restart this cable with a new key',
  );
}

/** Logged once a minute at most, when frames from the switch are this end's own datagrams. */
export function warnOfLoop(log: Log, peer: string, remote: Remote, times: number): void {
  const { address } = remote;
  log.warn(
    { peer, times },
    `the route to ${address} leads into the cable itself, its datagrams come back as frames and are dropped: give ${address} a route of its own past the cable (see ip route get ${address})`,
  );
}
