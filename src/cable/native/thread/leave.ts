import { loadLibc } from '../linux/libc.js';
import { endThread } from './start-thread.js';

/**
 * Ends the process. The usual exit would wait for calls that are under way on other threads, and wants a terminal that it had.
 * @param status the exit status
 * @param hanging how long such a call may take; undefined when there is none, and the terminal is there
 */
export async function leave(status: number, hanging: 'for ever' | 'for a while' | undefined): Promise<void> {
  if (hanging !== undefined) {
    try {
      (await loadLibc()).exit(status);
    } catch {
      if (hanging === 'for ever') process.kill(process.pid, 'SIGKILL'); // the only other way that waits for nothing
    }
  }
  await endThread();
  process.exit(status);
}
