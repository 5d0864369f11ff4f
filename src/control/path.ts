// Where control sockets lie: in $RUNTIME_DIRECTORY, or in `cryptcab/` of the directory that the system has for such things.
import { chmodSync, lstatSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { codeOf, messageOf } from '../error.js';

interface Environment {
  readonly RUNTIME_DIRECTORY?: string;
  readonly XDG_RUNTIME_DIR?: string;
}

/** Who looks for them, and where. */
export interface Place {
  readonly user: number | undefined;
  /** The directory that systemd has made for this unit, where sockets lie as they are. */
  readonly unit?: string | undefined;
  /** In order; those that are not there are passed over. Sockets lie in `cryptcab/` of each. */
  readonly roots: readonly string[];
  /** Why XDG_RUNTIME_DIR is not among them, though it is set. */
  readonly fault?: string | undefined;
}

/**
 * The unit's directory, the user's own runtime directory, then the system's, where only root may write. Someone who logs in
 * by ssh may have another XDG_RUNTIME_DIR than the server, or none: so the enrolment looks into all of them.
 */
export function controlPlace(
  { RUNTIME_DIRECTORY = '', XDG_RUNTIME_DIR: named = '' }: Environment = process.env,
  user = process.geteuid?.(),
): Place {
  const [unit = ''] = RUNTIME_DIRECTORY.split(':');
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
    ...(unit.startsWith('/') && { unit }),
    roots: [...new Set(roots.filter((root) => root.startsWith('/')))],
    // sudo -E and su leave it as it was.
    fault: foreign ? `XDG_RUNTIME_DIR is ${named}, which belongs to another user (${owner})` : undefined,
  };
}

/** What root makes for an end that becomes this user: /run/user/UID is there only as long as the user is logged in. */
export function runtimeDirectoryOf(user: number): string {
  return `/run/cryptcab-${user}`;
}

/** What a unit is called, by its directory `…/cryptcab/NAME`. */
export function unitName({ unit }: Place): string | undefined {
  return unit !== undefined && basename(dirname(unit)) === 'cryptcab' ? basename(unit) : undefined;
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

const OTHERS_WRITE = 0o022;

/** A directory that is the user's own: in another's, that one could put a socket of his in the place of ours. */
function isOwn(path: string, user: number | undefined): boolean {
  try {
    const stat = lstatSync(path);
    return stat.isDirectory() && (user === undefined || stat.uid === user);
  } catch {
    return false; // not there, or not for us to see
  }
}

/** A place for a control socket; or why a place will not do. */
export type ControlPath = { readonly path: string } | { readonly fault: string };

/**
 * The places for the control socket of that name, in order, each in a directory that is there and nobody else's. A
 * directory is made when its turn comes: who takes the first place leaves nothing at the others.
 */
export function* controlPaths(
  name: string,
  { user, unit, roots }: Place = controlPlace(),
): Generator<ControlPath> {
  const directories = roots.filter((root) => isOwn(root, user)).map((root) => join(root, 'cryptcab'));
  // In a directory that nobody else has, nobody else puts another one in its place.
  if (unit !== undefined && [0, user].some((owner) => isOwn(dirname(unit), owner))) directories.unshift(unit);
  for (const directory of directories) {
    const path = join(directory, `${name}.sock`);
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

/** Where systemd makes directories for units of all users, who have to get there. */
const OF_UNITS = '/run/cryptcab';

/** Makes a directory that nobody else writes in. */
function prepare(directory: string): void {
  const mode = directory === OF_UNITS ? 0o711 : 0o700;
  try {
    mkdirSync(directory, { mode });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    const stat = lstatSync(directory);
    if (stat.isDirectory() && (stat.mode & OTHERS_WRITE) !== 0) chmodSync(directory, mode);
  }
}

/** A control socket that is there, of an end that runs or ran. */
export interface Found {
  readonly path: string;
  readonly name: string;
}

const SOCKET = /^([\w.@%+-]{1,80})\.sock$/;

/**
 * The control sockets that are there.
 * @param everybodys whether root looks at those of all users as well
 */
export function controlSockets(place: Place = controlPlace(), everybodys = false): Found[] {
  const { user, unit, roots } = place;
  const all = everybodys && user === 0;
  const mine = (path: string) => isOwn(path, all ? undefined : user);
  const others = all
    ? [
        ...namesIn('/run/user').map((name) => join('/run/user', name)),
        ...namesIn('/run').flatMap((name) => (/^cryptcab-\d+$/.test(name) ? [join('/run', name)] : [])),
      ]
    : [];
  const directories = [...roots, ...others].flatMap((root) => {
    const directory = join(root, 'cryptcab');
    const own = mine(directory);
    // Of units there is one for each; what is above them is root's then.
    const units = own || isOwn(directory, 0) ? namesIn(directory).map((name) => join(directory, name)) : [];
    return [...(own ? [directory] : []), ...units.filter(mine)];
  });
  if (unit !== undefined && mine(unit)) directories.unshift(unit);
  return [...new Set(directories)].flatMap((directory) =>
    namesIn(directory).flatMap((file) => {
      const name = SOCKET.exec(file)?.[1];
      return name === undefined ? [] : [{ name, path: join(directory, file) }];
    }),
  );
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
