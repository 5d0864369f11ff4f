// Who has an account on this machine, as passwd(5) and group(5) have it.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Shells that let nobody in. */
const NO_SHELL = /\/(nologin|false|true|sync|halt|shutdown)$/;
/** How long the system has to name whom its own file does not, ms: a directory service may be asked. */
const LIMIT_MS = 1_000;
const NUMBER = /^\d{1,10}$/;

/** A user of this machine. */
export interface Account {
  /** undefined for a number that has no account. */
  readonly name: string | undefined;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

/** The fields of the line whose first field (a name) or third one (a number) is this. */
function find(database: 'passwd' | 'group', which: string): string[] | undefined {
  const at = NUMBER.test(which) ? 2 : 0;
  const lineIn = (text: string) =>
    text
      .split('\n')
      .map((line) => line.split(':'))
      .find((fields) => fields[at] === which);
  let file = '';
  try {
    file = readFileSync(`/etc/${database}`, 'utf8');
  } catch {
    // A system that keeps its accounts elsewhere.
  }
  const ask = () => spawnSync('getent', [database, which], { encoding: 'utf8', timeout: LIMIT_MS }).stdout;
  return lineIn(file) ?? lineIn(ask() ?? '');
}

/** @param which a name, or a number in decimal */
export function accountOf(which: string): Account | undefined {
  const fields = find('passwd', which);
  if (fields === undefined) return undefined;
  const [name, , uid, gid, , home = '/', shell = ''] = fields;
  return { name, uid: Number(uid), gid: Number(gid), home, shell };
}

/**
 * The number of a group.
 * @param which a name, or the number itself
 */
export function groupOf(which: string): number | undefined {
  if (NUMBER.test(which)) return Number(which);
  const fields = find('group', which);
  return fields && Number(fields[2]);
}

/** Whether a user has an account with a shell, as those have who log in by ssh. */
export function mayLogIn(uid: number): boolean {
  const account = accountOf(String(uid));
  return account !== undefined && !NO_SHELL.test(account.shell);
}
