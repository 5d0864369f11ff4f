// The thread that an I/O thread becomes: starting it takes as long as loading the program, so that the command starts one before it
// knows what the thread is to do.
import { Worker } from 'node:worker_threads';
import { roomForThread } from '../linux/address-space.js';

const PROGRAM = new URL('./worker.js', import.meta.url);
/** What the thread is told when it is not needed; else a Start. */
const NOTHING_TO_DO = null;

let waiting: Worker | undefined;

function forget(): void {
  waiting = undefined;
}

/** Starts a thread that waits to be taken, where there is room for one. It keeps no process alive. */
export function startThread(): void {
  try {
    roomForThread();
    waiting = new Worker(PROGRAM);
  } catch {
    return; // the next one to try says why
  }
  waiting.once('error', forget).once('exit', forget).unref();
}

/**
 * The thread that waits, or a new one.
 * @param program what it runs; the I/O thread's when undefined
 * @throws Error where there is no room for it
 */
export function takeThread(program?: URL): Worker {
  const taken = program === undefined ? waiting : undefined;
  if (taken === undefined) {
    roomForThread();
    return new Worker(program ?? PROGRAM);
  }
  taken.off('error', forget).off('exit', forget).ref();
  forget();
  return taken;
}

/**
 * Ends a thread that nobody has taken, to be awaited before the process exits: one that is ended while it loads koffi takes the whole
 * process with it (SIGABRT).
 */
export async function endThread(): Promise<void> {
  const thread = waiting;
  if (thread === undefined) return;
  const gone = new Promise<void>((resolve) => {
    thread.once('error', () => resolve()).once('exit', () => resolve());
  });
  thread.ref();
  thread.postMessage(NOTHING_TO_DO);
  await gone;
}
