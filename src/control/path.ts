// Where control sockets lie: `cryptcab/PORT.sock` in the directory that the system has for such things.
import { chmodSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../error.js';

/** Who looks for them, and where. */
export interface Place {
  readonly user: number | undefined;
  /** In order; those that are not there are passed over. */
  readonly roots: readonly string[];
}

/**
 * The user's own runtime directory, then the system's, where only root may write. Someone who logs in by ssh may have
 * another XDG_RUNTIME_DIR than the server, or none: so the enrolment looks into all of them.
 */
export function controlPlace(
  { XDG_RUNTIME_DIR }: { readonly XDG_RUNTIME_DIR?: string } = process.env,
  user = process.geteuid?.(),
): Place {
  const roots = [XDG_RUNTIME_DIR ?? '', `/run/user/${user}`, '/run'];
  return { user, roots: [...new Set(roots.filter((root) => root.startsWith('/')))] };
}

/** A directory that is the user's own: in another's, that one could put a socket of his in the place of ours. */
function isOwn(path: string, user: number | undefined): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && (user === undefined || stat.uid === user);
}

/**
 * The socket's path for a server on this UDP port, in a directory that is there, and nobody else's.
 * @returns undefined where the system has no place for it
 */
export function controlPath(port: number, { user, roots }: Place = controlPlace()): string | undefined {
  for (const root of roots) {
    if (!isOwn(root, user)) continue;
    const directory = join(root, 'cryptcab');
    try {
      mkdirSync(directory, { mode: 0o700 });
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') continue;
    }
    if (!isOwn(directory, user)) continue;
    chmodSync(directory, 0o700);
    return join(directory, `${port}.sock`);
  }
  return undefined;
}

/** The control sockets that are there, of servers that run or ran. */
export function controlSockets({ user, roots }: Place = controlPlace()): { port: number; path: string }[] {
  return roots.flatMap((root) => {
    const directory = join(root, 'cryptcab');
    if (!isOwn(directory, user)) return [];
    return readdirSync(directory).flatMap((name) => {
      const digits = /^(\d{1,5})\.sock$/.exec(name)?.[1];
      return digits === undefined ? [] : [{ port: Number(digits), path: join(directory, name) }];
    });
  });
}
