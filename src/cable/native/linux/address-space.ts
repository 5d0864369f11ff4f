import { readFileSync } from 'node:fs';

/** What a thread takes of the address space, bytes: 0.8 GiB with V8, of which little is used, and some more later. */
const THREAD_BYTES = 5 * 2 ** 28;

/**
 * Sees that the address space has room for one more thread: V8 ends the process when it finds none.
 * @throws Error that says so
 */
export function roomForThread(): void {
  let limit: number;
  let used: number;
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    limit = Number(/^Max address space +(\d+)/m.exec(limits)?.[1] ?? Infinity);
    used = 1024 * Number(/^VmSize:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0);
  } catch {
    return; // without /proc nobody knows
  }
  if (limit - used < THREAD_BYTES)
    throw new Error('the address space is limited, and has no room for a thread: raise ulimit -v');
}
