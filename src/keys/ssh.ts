import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { CryptcabError, codeOf, messageOf } from '../error.js';
import { findEnrolled, introductionLine } from './enrolment.js';
import { newPresharedKey, newPrivateKey } from './key-text.js';
import { publicKeyOf } from './public-key.js';

export interface SshTarget {
  readonly host: string;
  /** For ssh; the user who runs the program when undefined. */
  readonly user: string | undefined;
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

/** Of what the far side prints, this many characters are kept. */
const OUTPUT_CHARACTERS = 10_000;
/** How much of a line that the far side printed goes into ours. */
const REASON_CHARACTERS = 300;

/**
 * What scp gives ssh, too: nothing but the one command, whatever the user's configuration opens besides. And an ssh
 * whose network has gone ends by itself. What is in `extra` comes before these, and so counts.
 */
const OPTIONS = [
  '-T',
  '-x',
  '-a',
  ...['ClearAllForwardings=yes', 'PermitLocalCommand=no', 'RemoteCommand=none'].flatMap((one) => ['-o', one]),
  ...['ConnectTimeout=30', 'ServerAliveInterval=10'].flatMap((one) => ['-o', one]),
];

/**
 * Enrols at a server by ssh, with keys made for the occasion. They go through ssh's standard input; nothing touches a
 * disk. ssh may ask for a password on the terminal.
 * @param signal ends an ssh that is still running
 * @throws CryptcabError that says what is wrong, and on which side
 */
export async function enrolBySsh(target: SshTarget, signal: AbortSignal): Promise<Enrolment> {
  const privateKey = newPrivateKey(randomBytes);
  const presharedKey = newPresharedKey(randomBytes);
  try {
    const introduction = introductionLine({ publicKey: publicKeyOf(privateKey), presharedKey });
    const enrolled = findEnrolled(await ssh(target, introduction, signal));
    if (enrolled === undefined) {
      throw new CryptcabError(
        `${loginOf(target)} does not answer as cryptcab does: see what 'ssh ${loginOf(target)} ${target.remoteCommand} --version' prints`,
      );
    }
    return { privateKey, presharedKey, serverPublicKey: enrolled.publicKey, serverPort: enrolled.port };
  } catch (error) {
    privateKey.fill(0);
    presharedKey.fill(0);
    throw error;
  }
}

function loginOf({ user, host }: SshTarget): string {
  return user === undefined ? host : `${user}@${host}`;
}

/** Runs `cryptcab enroll` on the far side; gives what it printed. */
function ssh(target: SshTarget, input: string, signal: AbortSignal): Promise<string> {
  const command = `${target.remoteCommand} enroll${target.port === undefined ? '' : ` --port ${target.port}`}`;
  const args = [...target.extra, ...OPTIONS, '--', loginOf(target), command];
  return new Promise((resolve, reject) => {
    const child = spawn('ssh', args, { stdio: 'pipe', signal });
    let prints = '';
    let says = '';
    child.stdout.on('data', (bytes: Buffer) => {
      prints = (prints + bytes.toString()).slice(-OUTPUT_CHARACTERS);
    });
    child.stderr.on('data', (bytes: Buffer) => {
      says = (says + bytes.toString()).slice(-OUTPUT_CHARACTERS);
    });
    child.stdin.on('error', () => {}); // it has ended before it read: its status says why
    child.stdin.end(input);
    child.on('error', (error) => {
      if (error.name === 'AbortError') return; // 'close' follows
      reject(
        new CryptcabError(
          codeOf(error) === 'ENOENT'
            ? 'ssh is not installed, or not on the PATH: install the package openssh-client, or use --key and --peer'
            : `ssh does not start: ${messageOf(error)}`,
        ),
      );
    });
    child.on('close', (status) => {
      if (status === 0) resolve(prints);
      else reject(new CryptcabError(failureText(target, status, withoutKeys(says, input))));
    });
  });
}

/** Lines of what was said, but those that repeat a key: a far side that is no cryptcab may print what it reads. */
function withoutKeys(says: string, input: string): string[] {
  const keys = input.trim().split(' ');
  return says.split('\n').filter((line) => !keys.some((key) => line.includes(key)));
}

/** ssh ends with 255 when it fails itself, and with the status of the far side's command otherwise. */
function failureText(target: SshTarget, status: number | null, says: readonly string[]): string {
  const login = loginOf(target);
  const lines = says
    .map((line) => line.trim().slice(0, REASON_CHARACTERS))
    .filter((line) => line !== '' && !/^(Warning|debug\d):/.test(line));
  const reason = lines.at(-1);
  if (status === 127) {
    return `there is no ${target.remoteCommand} for ${login}: install it there, or say in CRYPTCAB_REMOTE where it is`;
  }
  if (status !== 255 && status !== null) {
    return `${login} did not enrol this client: ${reason ?? `status ${status}`}`;
  }
  if (lines.some((line) => line.startsWith('Host key verification failed'))) {
    return `ssh does not trust the host key of ${target.host}: see what 'ssh ${login}' says of it`;
  }
  return `cannot enrol at ${login} by ssh${reason === undefined ? '' : ` (${reason})`}: see that 'ssh ${login}' works, set SSH_EXTRA_OPTIONS, or use --key and --peer`;
}
