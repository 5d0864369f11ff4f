// Why ssh failed: what somebody has to fix, and what may pass by itself.
import { CryptcabError, TemporaryError } from '../error.js';

/** Where ssh logs in. */
export interface SshLogin {
  /** A name that ssh knows, of its configuration too, or an address. */
  readonly host: string;
  /** The user there; the one who runs the program when undefined. */
  readonly user: string | undefined;
}

/** How people write it. */
export function loginText({ user, host }: SshLogin): string {
  return user === undefined ? host : `${user}@${host}`;
}

/** Neither the far side nor the network: trying again would get the same answer. */
const HOPELESS =
  /Host key verification failed|Permission denied \(|Too many authentication failures|Unable to negotiate|no matching |[Bb]ad (?:configuration|owner|port|number|.*argument)|(?:unknown|illegal|invalid) option|^usage:|Can't open user config|terminating, \d+ bad/;

/** Said where the connection is gone, behind the reason. */
const LOST = /^(?:lost connection|scp: Connection closed)$/;
/** And where the far side does not take the file. */
const NOT_TAKEN = /^scp: failed to upload (?:file|directory) /;

/** The line that says why, of several. */
export function reasonIn(says: readonly string[]): string | undefined {
  return says.filter((line) => !LOST.test(line) && !NOT_TAKEN.test(line)).at(-1) ?? says.at(-1);
}

/** Whether ssh, or an scp by its ssh, did not get through, for a reason that may pass. */
export function mayPass(status: number | null, says: readonly string[]): boolean {
  if (says.some((line) => HOPELESS.test(line))) return false;
  return status === 255 || says.some((line) => LOST.test(line));
}

/** Whether scp was logged in, and could not write its file over there. */
export function isRefusedThere(says: readonly string[]): boolean {
  return reasonIn(says)?.startsWith('scp: ') === true && !mayPass(1, says);
}

/**
 * What is said of an ssh, or scp, that failed itself.
 * @param what it was to do
 * @param instead what else can be done
 */
export function sshFault(
  login: SshLogin,
  what: string,
  status: number | null,
  says: readonly string[],
  instead: string,
): CryptcabError {
  if (says.some((line) => line.startsWith('Host key verification failed')))
    return new CryptcabError(
      `ssh does not trust the host key of ${login.host}: see what 'ssh ${loginText(login)}' says of it`,
    );
  const reason = reasonIn(says);
  const Fault = mayPass(status, says) ? TemporaryError : CryptcabError;
  return new Fault(
    `${what}${reason === undefined ? '' : ` (${reason})`}: see that 'ssh ${loginText(login)}' works, ${instead}`,
  );
}
