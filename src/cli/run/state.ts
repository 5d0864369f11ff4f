// Where a server keeps what it needs to go on after a restart: a directory of its own, by its port.
import { lchownSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { CryptcabError } from '../../error.js';
import type { Account } from '../../keys/accounts.js';
import { makeDirectory } from '../../keys/files.js';

interface Environment {
  readonly STATE_DIRECTORY?: string;
  readonly XDG_STATE_HOME?: string;
}

/** systemd names the directory of a unit; root's is the system's, a user's lies in their home. */
export function stateRoot(
  environment: Environment = process.env,
  user = process.geteuid?.(),
): string | undefined {
  const { STATE_DIRECTORY: ofUnit, XDG_STATE_HOME: ofUser = '' } = environment;
  if (ofUnit !== undefined) {
    const [first = ''] = ofUnit.split(':');
    return first === '' ? undefined : absolute(first);
  }
  if (user === 0) return '/var/lib/cryptcab';
  return join(ofUser.startsWith('/') ? ofUser : join(homedir(), '.local/state'), 'cryptcab');
}

/** A daemon changes its directory. */
function absolute(path: string): string {
  try {
    return resolve(path);
  } catch {
    throw new CryptcabError(
      `the working directory is gone, and '${path}' of STATE_DIRECTORY is a path from there: change to another directory`,
    );
  }
}

/** What a server is called by what is its own: several with one port on one machine differ by their numbers. */
export function serverName(port: number, serverId: number | undefined): string {
  return serverId === undefined ? String(port) : `${port}-${serverId}`;
}

/** @returns undefined where nothing is kept: STATE_DIRECTORY is empty, or the port is another one each time */
export function stateDirectory(
  port: number,
  serverId?: number,
  environment: Environment = process.env,
  user = process.geteuid?.(),
): string | undefined {
  const within = stateRoot(environment, user);
  return within === undefined || port === 0 ? undefined : join(within, serverName(port, serverId));
}

/** Makes it, for that user. */
export function makeStateDirectory(path: string, owner?: Pick<Account, 'uid' | 'gid'>): void {
  try {
    makeDirectory(dirname(path), 0o755);
    mkdirSync(path, { mode: 0o700 });
    if (owner !== undefined) lchownSync(path, owner.uid, owner.gid);
  } catch {
    // it is there already, or cannot be: who writes there will say so
  }
}
