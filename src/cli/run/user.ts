// --user: the cable is that user's from the start, except for what only root can do, which is done before.
import { accessSync, closeSync, constants, fchownSync, lchownSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { loadLibc } from '../../cable/native/linux/libc.js';
import { become, CAP, type Capability } from '../../cable/native/linux/privileges.js';
import { runtimeDirectoryOf } from '../../control/path.js';
import { CryptcabError, codeOf, messageOf } from '../../error.js';
import { type Account, accountOf, groupOf } from '../../keys/accounts.js';
import type { Settings } from '../options.js';
import { openOwn } from '../own-path.js';

/**
 * The user of `--user NAME[:GROUP]`.
 * @throws CryptcabError when there is no such user, or this program may not become it
 */
export function findUser(text: string): Account {
  const [name = '', group] = text.split(':', 2);
  const gid = group === undefined ? undefined : groupOf(group);
  if (group !== undefined && gid === undefined)
    throw new CryptcabError(`--user ${text}: there is no group ${group} here; see getent group`);
  // A number needs no account, if its group is named.
  const bare = /^\d{1,10}$/.test(name) && gid !== undefined;
  const account =
    accountOf(name) ?? (bare ? { name: undefined, uid: Number(name), gid, home: '/', shell: '' } : undefined);
  if (account === undefined)
    throw new CryptcabError(
      `--user ${text}: there is no user ${name} here; make one with: useradd --system ${name}`,
    );
  const user = { ...account, gid: gid ?? account.gid };
  if (user.uid === 0)
    throw new CryptcabError(`--user ${text} gives nothing up: name another user than root, or leave it out`);
  const own = process.geteuid?.();
  if (own !== 0 && (own !== user.uid || process.getegid?.() !== user.gid))
    throw new CryptcabError(
      `--user ${text}: only root can become another user; start as root, or leave it out`,
    );
  return user;
}

/** Ports below this one are root's. */
function firstFreePort(): number {
  try {
    return Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'latin1'));
  } catch {
    return 1024;
  }
}

/** What only root may do, and may have to be done again while the cable runs. */
export function needs({ socket, port }: Pick<Settings, 'socket' | 'port'>): Capability[] {
  return [
    ...(/^(?:tap|bridge):\/\//.test(socket) ? [CAP.NET_ADMIN] : []),
    ...(socket.startsWith('nic://') ? [CAP.NET_RAW] : []),
    ...(port > 0 && port < firstFreePort() ? [CAP.NET_BIND_SERVICE] : []),
  ];
}

/** Makes what has to be there, and what that user could not make: the log file, and a directory for the control socket. */
export function prepareFor({ uid, gid }: Account, { logFile }: Settings): void {
  if (process.geteuid?.() !== 0) return;
  if (logFile !== undefined) {
    try {
      const { O_WRONLY, O_CREAT, O_EXCL } = constants;
      const fd = openOwn(logFile, O_WRONLY | O_CREAT | O_EXCL, 0o640);
      fchownSync(fd, uid, gid);
      closeSync(fd);
    } catch {
      // It is there, or cannot be: the log will say so.
    }
  }
  const directory = runtimeDirectoryOf(uid);
  try {
    mkdirSync(directory, { mode: 0o700 });
    lchownSync(directory, uid, gid); // in /run, where only root makes anything
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') return; // other places are left
  }
}

/**
 * Becomes that user for good, without new privileges and with no capabilities but those that are kept.
 * @throws CryptcabError when that cannot be, or what the cable opens again while it runs would be closed to it
 */
export async function becomeUser(
  user: Account,
  keep: readonly Capability[],
  settings: Settings,
): Promise<void> {
  const name = user.name ?? String(user.uid);
  if (process.geteuid?.() === 0) await change(user, name, keep);
  Object.assign(process.env, { HOME: user.home, USER: name, LOGNAME: name });
  delete process.env.XDG_RUNTIME_DIR; // root's
  const { W_OK, X_OK } = constants;
  const may = (path: string, mode: number, fault: string) => {
    try {
      accessSync(path, mode);
    } catch (error) {
      throw new CryptcabError(`the user ${name} ${fault} (${messageOf(error)})`);
    }
  };
  const { logFile, pidFile } = settings;
  if (logFile !== undefined)
    may(
      logFile,
      W_OK,
      `may not write the log file ${logFile}, which is opened again on SIGHUP: make it theirs, or name another with --log-file`,
    );
  if (pidFile !== undefined)
    may(
      dirname(pidFile),
      W_OK | X_OK,
      `may not make the pid file ${pidFile}: name one in a directory of theirs with --pidfile`,
    );
}

/** Node has it, its types do not. */
interface InitGroups {
  readonly initgroups?: (user: string, extraGroup: number) => void;
}

async function change(user: Account, name: string, keep: readonly Capability[]): Promise<void> {
  const fail = (why: string): never => {
    throw new CryptcabError(`cannot become the user ${name}: ${why}`);
  };
  let libc: Awaited<ReturnType<typeof loadLibc>> | undefined;
  let why = '';
  try {
    libc = await loadLibc();
  } catch (error) {
    why = messageOf(error);
  }
  try {
    if (libc !== undefined) return become(libc, user, keep);
    // Without the C library there are no capabilities, and new privileges are not given up.
    const { setgroups, initgroups, setgid, setuid } = process as typeof process & InitGroups;
    if (!setgroups || !initgroups || !setgid || !setuid)
      return fail(`this runtime cannot give up root's groups without the C library (${why})`);
    if (user.name === undefined) setgroups([user.gid]);
    else initgroups(user.name, user.gid);
    setgid(user.gid);
    setuid(user.uid);
  } catch (error) {
    if (error instanceof CryptcabError) throw error;
    fail(messageOf(error));
  }
}
