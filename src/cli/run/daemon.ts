import { spawn } from 'node:child_process';
import { messageOf } from '../../error.js';
import { onHangup } from '../early.js';
import { again } from '../program.js';
import { terminalGone } from '../terminal.js';
import { type Carried, handOver } from './hand-over.js';

/** Marks the child of detach(); its own children do not inherit it. */
const MARK = 'CRYPTCAB_DAEMON';

type FromChild = { readonly says: string } | { readonly status: number };

/** Takes the mark of a daemon's child away; returns whether it was there. */
export function isDaemonChild(): boolean {
  const marked = process.env[MARK] !== undefined && process.send !== undefined;
  delete process.env[MARK];
  return marked;
}

const endedText = (signal: string) => `the daemon was ended by ${signal} before it was up`;

/**
 * Starts this program again, without a terminal, and waits until it is up or has failed.
 * @param carried handed over through its standard input, never by argument or environment
 * @param say prints a line of the child's
 * @returns the exit status for the program that waited
 */
export function detach(carried: Carried | undefined, say: (line: string) => void): Promise<number> {
  const [program, args] = again(process.argv.slice(2));
  const child = spawn(program, args, {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore', 'ipc'],
    env: { ...process.env, [MARK]: '1' },
  });
  if (child.stdin) handOver(child.stdin, carried); // there is none where it could not be started
  return new Promise((resolve) => {
    child.on('error', (error) => {
      say(`cannot start the daemon: ${messageOf(error)}`);
      resolve(1);
    });
    // Who ends the wait ends what it waits for; so does who closes the terminal.
    let ended: string | undefined;
    const pass = (signal: string) => {
      ended = signal;
      child.kill('SIGTERM');
    };
    process.on('SIGINT', pass).on('SIGTERM', pass).on('SIGQUIT', pass);
    onHangup(() => {
      if (terminalGone()) pass('SIGHUP');
    });
    child.on('message', (message: FromChild) => {
      if ('says' in message) {
        say(message.says);
      } else {
        child.disconnect();
        child.unref();
        child.removeAllListeners('exit'); // it has said how it ends
        if (ended === undefined || message.status !== 0) return resolve(message.status);
        say(endedText(ended));
        resolve(1);
      }
    });
    child.on('exit', (status, signal) => {
      const by = ended ?? signal;
      if (by !== null) say(endedText(by));
      resolve(by === null ? (status ?? 1) : 1);
    });
  });
}

/** In the child: a line for the terminal, while somebody waits there. */
export function tellParent(says: string): void {
  if (process.connected) process.send?.({ says } satisfies FromChild);
}

/** In the child: it is up (0), or it failed; nobody waits any more. */
export function releaseParent(status: number): Promise<void> {
  return new Promise((resolve) => {
    if (!process.connected || process.send === undefined) return resolve();
    process.once('disconnect', resolve);
    process.send({ status } satisfies FromChild);
  });
}
