// What the model of several servers is given that is not measured, and how other programs are asked for what is.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { CONTROL_MAX } from '../src/cable/native/thread/talk.js';

export const SERVERS = 3;
/** Calls that wait for a server's main thread: its I/O thread takes them from the socket at once. */
export const QUEUED = CONTROL_MAX;
/**
 * What a server needs for a client that comes, besides the handshake, s of processor time: a port of its switch, what the two ends say to
 * each other, a line of the log. Measured by `fleet-run` (5.5 to 7.2 ms, all threads), on a machine where others wanted its processors as well.
 */
export const ARRIVAL = 0.006;
/** secure.md §1.5, §7.3, §7.4: s. Who sends a frame a second notices 3 s after the first one that nobody has got. */
export const [RENEWED, NOTICED, AGAIN] = [120, [3, 4], [0.4, 0.733]] as const;

/** xorshift32: the same numbers each time. */
export function numbers(): () => number {
  let state = 0x2545f491;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Runs another program of the benchmark. @returns what it has printed last, as JSON */
export function printed<T>(name: string, ...args: string[]): T {
  const path = fileURLToPath(new URL(name, import.meta.url));
  const text = execFileSync(process.execPath, ['--expose-gc', path, ...args], {
    encoding: 'utf8',
    timeout: 600_000,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(text.trim().split('\n').at(-1) as string) as T;
}
