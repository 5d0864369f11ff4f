// What holds from the first moment on: main.ts loads this module before all others.
import * as inspector from 'node:inspector';
import { terminalGone } from './terminal.js';

/** Whether a debugger was asked for on the command line of the runtime. */
const debugged = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].some((option) =>
  option.includes('--inspect'),
);

/** Deno hears of the signal by itself as well, and opens its debugger a moment later, on a busy machine some moments. */
const LOOKS = 200;
const LOOK_MS = 5;

/**
 * SIGUSR1 has Node and Deno open a debugger at a port of this machine, through which all of its users could run code as
 * this one. With a listener Node does not; what was opened before there was one is closed. Whether it is open is not asked:
 * Deno allows few to ask, and everybody to close.
 */
function closeDebugger(): void {
  if (debugged) return;
  let looks = 0;
  const look = () => {
    try {
      inspector.close();
    } catch {
      // A runtime that has no debugger to close.
    }
    if (++looks === LOOKS) clearInterval(timer);
  };
  const timer = setInterval(look, LOOK_MS);
  timer.unref();
  look();
}

process.on('SIGUSR1', closeDebugger);
closeDebugger();

/** Deno's own listener hears nothing of the signal when the system passes it over, for which the C library is needed. */
export async function ignoreDebugSignal(): Promise<void> {
  if (process.versions.deno === undefined) return;
  try {
    const { loadLibc, SIG_IGN, SIGUSR1 } = await import('../cable/native/linux/libc.js');
    (await loadLibc()).signal(SIGUSR1, SIG_IGN);
  } catch {
    // closeDebugger() is left: it closes what has just been opened.
  }
}

// It is asked for what was carried before anything was.
process.on('SIGUSR2', () => {});

/** Until a cable runs and does more (cable.ts). */
function endWithTerminal(): void {
  if (!terminalGone()) return;
  // As if nobody listened: Node's own exit aborts where the terminal is gone.
  process.off('SIGHUP', endWithTerminal);
  process.kill(process.pid, 'SIGHUP');
}

process.on('SIGHUP', endWithTerminal);

/** What SIGHUP does from now on. */
export function onHangup(act: () => void): void {
  process.on('SIGHUP', act).off('SIGHUP', endWithTerminal);
}
