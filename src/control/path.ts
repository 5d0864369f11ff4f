// Where control sockets lie: `cryptcab/PORT.sock` in the directory that the system has for such things.
import { chmodSync, lstatSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, messageOf } from '../error.js';

/** Who looks for them, and where. */
export interface Place {
  readonly user: number | undefined;
  /** In order; those that are not there are passed over. */
  readonly roots: readonly string[];
  /** Why XDG_RUNTIME_DIR is not among them, though it is set. */
  readonly fault?: string | undefined;
}

/**
 * The user's own runtime directory, then the system's, where only root may write. Someone who logs in by ssh may have
 * another XDG_RUNTIME_DIR than the server, or none: so the enrolment looks into all of them.
 */
export function controlPlace(
  { XDG_RUNTIME_DIR }: { readonly XDG_RUNTIME_DIR?: string } = process.env,
  user = process.geteuid?.(),
): Place {
  const named = XDG_RUNTIME_DIR ?? '';
  const owner = named.startsWith('/') ? ownerOf(named) : undefined;
  const foreign = owner !== undefined && user !== undefined && owner !== user;
  const roots = [
    foreign ? '' : named,
    ...(user ? [runtimeDirectoryOf(user)] : []),
    `/run/user/${user}`,
    '/run',
  ];
  return {
    user,
    roots: [...new Set(roots.filter((root) => root.startsWith('/')))],
    // sudo -E and su leave it as it was.
    fault: foreign ? `XDG_RUNTIME_DIR is ${named}, which belongs to another user (${owner})` : undefined,
  };
}

/** What root makes for a server that becomes this user: /run/user/UID is there only as long as the user is logged in. */
export function runtimeDirectoryOf(user: number): string {
  return `/run/cryptcab-${user}`;
}

/** Whose a directory is; undefined when it is not there. */
function ownerOf(path: string): number | undefined {
  try {
    return statSync(path).uid;
  } catch {
    return undefined;
  }
}

/** Bytes of a socket's path, without the NUL behind it (unix(7)); some runtimes cut a longer one in silence. */
const PATH_BYTES = 107;

/** A directory that is the user's own: in another's, that one could put a socket of his in the place of ours. */
function isOwn(path: string, user: number | undefined): boolean {
  try {
    const stat = lstatSync(path);
    return stat.isDirectory() && (user === undefined || stat.uid === user);
  } catch {
    return false; // not there, or not for us to see
  }
}

/** A place for a server's control socket; or why a place will not do. */
export type ControlPath = { readonly path: string } | { readonly fault: string };

/**
 * The places for the control socket of a server on this UDP port, in order, each in a directory that is there and nobody
 * else's. A directory is made when its turn comes: who takes the first place leaves nothing at the others.
 */
export function* controlPaths(port: number, { user, roots }: Place = controlPlace()): Generator<ControlPath> {
  for (const root of roots) {
    if (!isOwn(root, user)) continue;
    const directory = join(root, 'cryptcab');
    const path = join(directory, `${port}.sock`);
    if (Buffer.byteLength(path) > PATH_BYTES) {
      yield { fault: `${path} is longer than the ${PATH_BYTES} bytes that a socket's path may have` };
      continue;
    }
    try {
      prepare(directory);
    } catch (error) {
      yield { fault: `cannot make ${directory}: ${messageOf(error)}` };
      continue;
    }
    yield isOwn(directory, user) ? { path } : { fault: `${directory} is not a directory of this user` };
  }
}

/** Makes a directory that only its user gets into. */
function prepare(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    const stat = lstatSync(directory);
    if (stat.isDirectory() && (stat.mode & 0o777) !== 0o700) chmodSync(directory, 0o700);
  }
}

/** The control sockets that are there, of servers that run or ran. */
export function controlSockets({ user, roots }: Place = controlPlace()): { port: number; path: string }[] {
  return roots.flatMap((root) => {
    const directory = join(root, 'cryptcab');
    if (!isOwn(directory, user)) return [];
    return namesIn(directory).flatMap((name) => {
      const digits = /^(\d{1,5})\.sock$/.exec(name)?.[1];
      return digits === undefined ? [] : [{ port: Number(digits), path: join(directory, name) }];
    });
  });
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
