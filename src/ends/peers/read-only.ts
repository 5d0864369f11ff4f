// Peers whose lines this server only reads: in etcd, or as a command or a URL answers.
import { CryptcabError } from '../../error.js';
import { optionName } from '../../options/name.js';
import type { PeersDirectory } from './peers-option.js';

/** The line of a peer that this server cannot change. */
export interface ReadOnlyLine {
  /** Where it comes from, for people. */
  readonly from: string;
  /** Until when something else than what it says may hold here. */
  readonly until: string;
}

/** The name of a directory, for people. Of a URL only the origin: the rest may contain a password. */
export function directoryText(directory: PeersDirectory): string {
  switch (directory.kind) {
    case 'exec':
      return `the command of ${optionName('secure.peers')}`;
    case 'https':
      return new URL(directory.url).origin;
    case 'etcd':
      return `etcd, below ${directory.prefix}/`;
  }
}

/**
 * To be called before a peer is let in that this server alone would keep, as it is in no list.
 * @throws CryptcabError for one of several servers, as the peer may call any of them
 */
export function refuseWhereSeveral({
  serverId,
  directory,
}: {
  readonly serverId?: number | undefined;
  readonly directory?: PeersDirectory | undefined;
}): void {
  if (serverId === undefined) return;
  const what = "the peer's line";
  const todo =
    directory === undefined
      ? `add ${what} to the list of ${optionName('secure.peers')} at each of them`
      : putThere(directory, what);
  throw new CryptcabError(
    `this is one of several servers (${optionName('secure.serverId')}), and the others would not know this peer: ${todo}`,
  );
}

/** What to do so that a line is there. @param what the line, for people */
export function putThere(directory: PeersDirectory, what: string): string {
  return directory.kind === 'etcd'
    ? `put ${what} under a key below ${directory.prefix}/ in etcd`
    : `have ${directoryText(directory)} answer with ${what}`;
}
