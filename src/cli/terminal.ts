// Whether the terminal that a program was started from is still there.
import { readFileSync } from 'node:fs';
import { isatty } from 'node:tty';

/** Standard input, output and error, as far as they were a terminal at the start: nohup(1) leaves none. */
const terminals = [0, 1, 2].filter((fd) => isatty(fd));

/** Whether SIGHUP was ignored at the start. Node does not keep that: a start by nohup is recognised by `terminals`. */
function ignoredHangup(): boolean {
  try {
    const mask = /^SigIgn:\s*[0-9a-f]*([0-9a-f])$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    return mask !== undefined && (Number.parseInt(mask, 16) & 1) === 1; // SIGHUP is number 1: the lowest bit
  } catch {
    return false; // no such file on this system, or none that may be read
  }
}

const staysAfterHangup = ignoredHangup();

/** Whether this program has to end because its terminal was closed. */
export function terminalGone(): boolean {
  return !staysAfterHangup && terminals.some((fd) => !isatty(fd));
}
