import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { guardedCommand } from '../child.js';
import { CryptcabError, codeOf, messageOf } from '../error.js';

/** Of what a program says on its standard error, so many characters are kept. */
const SAYS_CHARACTERS = 10_000;
/** How much of a line of it goes into a message. */
export const REASON_CHARACTERS = 300;
/** How long a program has to end after SIGTERM, ms. */
const END_MS = 2_000;

/** How a program ended. */
export interface Ended {
  /** undefined: time was up. */
  readonly status: number | null | undefined;
  /** What it said on standard error: lines with something in them, but no warnings. */
  readonly says: readonly string[];
}

export interface Child {
  /** @throws CryptcabError when it does not start */
  readonly ended: Promise<Ended>;
  /** From now on it has so long, ms; then it is ended. */
  within(ms: number): void;
}

export interface ChildOptions {
  /** For its standard input; the terminal's when undefined. */
  readonly input?: string | Uint8Array;
  /** Told what it prints, as bytes in characters. */
  readonly prints?: (text: string) => void;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** What to do when it is not there, for people. */
  readonly instead: string;
}

/** Runs a program of OpenSSH's. It may have children that hold its output open: it is not waited for those. */
export function start(program: string, args: readonly string[], options: ChildOptions): Child {
  const { input, prints, signal, instead } = options;
  const stdin = input === undefined ? 'inherit' : 'pipe';
  const child = spawn(...guardedCommand(program, args), {
    stdio: [stdin, prints === undefined ? 'ignore' : 'pipe', 'pipe'],
  });
  let says = '';
  let late = false;
  let timer: NodeJS.Timeout | undefined;
  let force: NodeJS.Timeout | undefined;
  child.stdout?.setEncoding('latin1').on('data', prints ?? (() => {}));
  child.stderr?.on('data', (bytes: Buffer) => {
    says = (says + bytes.toString()).slice(-SAYS_CHARACTERS);
  });
  child.stdin?.on('error', () => {}); // it has ended before it read: its status says why
  child.stdin?.end(input);

  function stop(): void {
    child.kill('SIGTERM');
    force ??= setTimeout(() => child.kill('SIGKILL'), END_MS);
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
  }
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop);

  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', (error) => {
      if (child.pid !== undefined) return; // it could not be ended
      reject(
        codeOf(error) === 'ENOENT'
          ? missing(program, instead)
          : new CryptcabError(`${program} does not start: ${messageOf(error)}`),
      );
    });
    child.on('close', (status) => {
      if (NOT_THERE.test(says)) return reject(missing(program, instead));
      resolve({ status: late ? undefined : status, says: linesOf(says) });
    });
  }).finally(() => {
    clearTimeout(timer);
    clearTimeout(force);
    signal.removeEventListener('abort', stop);
  });
  return {
    ended,
    within(ms) {
      clearTimeout(timer);
      timer = setTimeout(() => {
        late = true;
        stop();
      }, ms);
    },
  };
}

/** What setpriv says of a program that is not there. */
const NOT_THERE = /^setpriv: failed to execute /;

function missing(program: string, instead: string): CryptcabError {
  return new CryptcabError(
    `${program} is not installed, or not on the PATH: install the package openssh-client, or ${instead}`,
  );
}

function linesOf(text: string): string[] {
  return text
    .split(/[\r\n]/)
    .map((line) => line.trim().slice(0, REASON_CHARACTERS))
    .filter((line) => line !== '' && !/^(Warning|debug\d):/.test(line));
}

/** Whether ssh can ask for a password: on the terminal, or by a program that it has been told. */
export function canAsk(env: NodeJS.ProcessEnv = process.env): boolean {
  if (env.SSH_ASKPASS && (env.DISPLAY || env.WAYLAND_DISPLAY || env.SSH_ASKPASS_REQUIRE)) return true;
  try {
    closeSync(openSync('/dev/tty', 'r+'));
    return true;
  } catch {
    return false;
  }
}
