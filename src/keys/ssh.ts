import { CryptcabError, TemporaryError } from '../error.js';
import { hideKeys } from '../key-like.js';
import { optionName } from '../options/name.js';
import { drawSecret } from './draw.js';
import { AnswerFinder, introductionLine } from './enrolment.js';
import { newPresharedKey, newPrivateKey } from './key-text.js';
import { canAsk, REASON_CHARACTERS, start } from './openssh-child.js';
import { publicKeyOf } from './public-key.js';
import { loginText, reasonIn, type SshLogin, sshFault } from './ssh-failure.js';

export interface SshTarget extends SshLogin {
  /** The server's UDP port, where there may be several; undefined for the one that is there. */
  readonly port: number | undefined;
  /** More arguments for ssh, before the host. */
  readonly extra: readonly string[];
  /** The command `cryptcab` on the far side, as the shell there runs it. */
  readonly remoteCommand: string;
}

/** All that a client needs to connect. */
export interface Enrolment {
  readonly privateKey: Uint8Array;
  readonly presharedKey: Uint8Array;
  readonly serverPublicKey: Uint8Array;
  /** UDP. */
  readonly serverPort: number;
}

/**
 * How long the far side has, ms: to answer, from the login on; to let somebody type a password (sshd itself gives them two
 * minutes, unless configured otherwise); to end, when it has answered.
 */
const LIMIT_MS = { answer: 60_000, asking: 600_000, end: 2_000 } as const;

/** What ssh prints itself when it is logged in, where somebody may have to type a password before. */
const LOGGED_IN = 'cryptcab-logged-in';

/**
 * What scp gives ssh, too: nothing but the one command, whatever the user's configuration opens besides. And an ssh
 * whose network has gone ends by itself. What is in `extra` comes before these, and so counts.
 */
function options(asking: boolean): string[] {
  const local = asking
    ? ['PermitLocalCommand=yes', `LocalCommand=echo ${LOGGED_IN}`]
    : ['PermitLocalCommand=no'];
  return [
    ...['-T', '-x', '-a'],
    ...[
      ...['ClearAllForwardings=yes', 'RemoteCommand=none', ...local],
      ...['ConnectTimeout=30', 'ServerAliveInterval=10'],
    ].flatMap((one) => ['-o', one]),
  ];
}

/**
 * Enrols at a server by ssh, with keys made for the occasion. They go through ssh's standard input; nothing touches a
 * disk. ssh may ask for a password on the terminal.
 * @param signal ends an ssh that is still running
 * @param asking whether ssh can ask somebody for a password
 * @throws TemporaryError when the far side cannot be reached now, or does not answer; CryptcabError that says what else is
 * wrong, and on which side
 */
export async function enrolBySsh(
  target: SshTarget,
  signal: AbortSignal,
  asking = canAsk(),
): Promise<Enrolment> {
  const privateKey = newPrivateKey(drawSecret);
  const presharedKey = newPresharedKey(drawSecret);
  try {
    const introduction = introductionLine({ publicKey: publicKeyOf(privateKey), presharedKey });
    const enrolled = await ssh(target, introduction, signal, asking).finally(() => introduction.fill(0));
    return { privateKey, presharedKey, serverPublicKey: enrolled.publicKey, serverPort: enrolled.port };
  } catch (error) {
    privateKey.fill(0);
    presharedKey.fill(0);
    throw error;
  }
}

/** Runs `cryptcab enroll` on the far side; gives its answer, however the shell there ended. */
async function ssh(target: SshTarget, input: Uint8Array, signal: AbortSignal, asking: boolean) {
  const login = loginText(target);
  const command = `${target.remoteCommand} enroll${target.port === undefined ? '' : ` --port ${target.port}`}`;
  const answers = new AnswerFinder();
  let waitsFor: keyof typeof LIMIT_MS = asking ? 'asking' : 'answer';
  const run = start('ssh', [...target.extra, ...options(asking), '--', login, command], {
    input,
    signal,
    instead: `use ${optionName('secure.privateKey')} and ${optionName('secure.serverPublicKey')}`,
    prints(text) {
      answers.push(text);
      if (answers.found !== undefined && waitsFor !== 'end') wait('end');
      else if (waitsFor === 'asking' && text.includes(LOGGED_IN)) wait('answer');
    },
  });
  function wait(what: typeof waitsFor): void {
    waitsFor = what;
    run.within(LIMIT_MS[what]);
  }
  wait(waitsFor);
  const { status, says } = await run.ended;
  const answer = answers.end();
  if (answer !== undefined) return answer;
  if (status === undefined) {
    const minutes = LIMIT_MS[waitsFor] / 60_000;
    throw new TemporaryError(
      `${login} has not answered within ${minutes} min: see what 'ssh ${login} ${target.remoteCommand} --version' prints`,
    );
  }
  const printed = withoutKeys([answers.last], input).find((line) => line !== '' && line !== LOGGED_IN);
  throw failure(
    target,
    status,
    withoutKeys(says, input),
    printed && hideKeys(printed).slice(0, REASON_CHARACTERS),
  );
}

/** Lines of what was said, but those that repeat a key: a far side that is no cryptcab may print what it reads. */
function withoutKeys(says: readonly string[], input: Uint8Array): string[] {
  const half = input.length / 2;
  const keys = [input.subarray(0, half - 1), input.subarray(half, -1)];
  return says.filter((line) => !keys.some((key) => holds(line, key)));
}

function holds(line: string, word: Uint8Array): boolean {
  for (let from = 0; from + word.length <= line.length; from++)
    if (word.every((byte, i) => line.charCodeAt(from + i) === byte)) return true;
  return false;
}

/** A shell does not find Node.js for the script that `cryptcab` is: `env` says so, or the shell of the script's first line. */
const NO_NODE = /\bnode\b.{0,3}: (?:command )?not found|\bnode\b.{0,3}: No such file|node: bad interpreter/;

/** Before what cryptcab says over there, which is of that machine and not of this one. */
const OWN = /^(?:vde_)?cryptcab: /;

/**
 * ssh ends with 255 when it fails itself, and with the status of the far side's command otherwise.
 * @param printed on standard output, where a login that may run nothing is told so
 */
function failure(
  target: SshTarget,
  status: number | null,
  says: readonly string[],
  printed: string | undefined,
): CryptcabError {
  const login = loginText(target);
  const { remoteCommand } = target;
  if ((status === 127 || status === 126) && says.some((line) => NO_NODE.test(line)))
    return new CryptcabError(
      `${remoteCommand} does not find Node.js for ${login}: install it there, or set ${optionName('ssh.command')}='/PATH/TO/node /PATH/TO/cryptcab'`,
    );
  if (status === 127)
    return new CryptcabError(
      `there is no ${remoteCommand} for ${login}: install it there, or say in ${optionName('ssh.command')} where it is`,
    );
  if (status === 0)
    return new CryptcabError(
      `${login} does not answer as cryptcab does: see what 'ssh ${login} ${remoteCommand} --version' prints`,
    );
  if (status !== 255 && status !== null)
    return new CryptcabError(
      says.some((line) => OWN.test(line))
        ? `${login} did not enrol this client: ${reasonIn(says)?.replace(OWN, 'it says: ')}`
        : `${login} did not enrol this client (${reasonIn(says) ?? printed ?? `status ${status}`}): see what 'ssh ${login} ${remoteCommand} --version' prints`,
    );
  const instead = `set ${optionName('sshOptions', 'ssh.options')}, or use ${optionName('secure.privateKey')} and ${optionName('secure.serverPublicKey')}`;
  return sshFault(target, `cannot enrol at ${login} by ssh`, status, says, instead);
}
