import { spawn } from 'node:child_process';
import { kill } from '../child.js';
import { messageOf } from '../error.js';

/** A command that takes longer is killed. */
const LIMIT_MS = 10_000;
const TEXT_BYTES = 4_000;
/** After its end, what it has said comes so soon. */
const STREAMS_MS = 200;

/** What became of a command. */
export interface Outcome {
  /** How it failed; undefined when it did not. */
  readonly failure: string | undefined;
  /** The beginning of what it has printed. */
  readonly printed: string;
}

/** Runs a command by sh, for 10 s at most. @param told variables of its environment, besides our own */
export function runShell(command: string, told: Readonly<Record<string, string>>): Promise<Outcome> {
  return new Promise((resolve) => {
    // A process group of its own: what it has started is killed with it.
    const child = spawn('sh', ['-c', command], {
      env: { ...process.env, ...told },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    let said = '';
    let printed = '';
    let late = false;
    child.stdout?.on('data', (bytes: Buffer) => {
      if (printed.length < TEXT_BYTES) printed += bytes.toString();
    });
    child.stderr?.on('data', (bytes: Buffer) => {
      if (said.length < TEXT_BYTES) said += bytes.toString();
    });
    const timer = setTimeout(() => {
      late = true;
      kill(child, 'SIGKILL', true);
    }, LIMIT_MS);
    const done = (failure: string | undefined) => {
      clearTimeout(timer);
      resolve({ failure, printed });
    };
    child.once('error', (error) => done(`does not start: ${messageOf(error)}`));
    const end = (status: number | null, signal: string | null) => {
      child.stdout?.destroy();
      child.stderr?.destroy();
      if (late) return done(`was killed, as it took more than ${LIMIT_MS / 1_000} s`);
      if (status === 0) return done(undefined);
      const first = said.trim().split('\n')[0];
      const how = signal === null ? `failed with status ${status}` : `was ended by ${signal}`;
      done(`${how}${first ? `: ${first}` : ''}`);
    };
    child.once('close', end);
    // What it leaves in the background may keep its streams.
    child.once('exit', (status, signal) => setTimeout(end, STREAMS_MS, status, signal));
  });
}
