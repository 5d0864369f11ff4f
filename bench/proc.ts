// What processes have used, from /proc: time and memory, with all that they have started.
import { readdirSync, readFileSync } from 'node:fs';

/** Ticks of the kernel's clock per second, as user space sees it. */
const TICKS = 100;

interface Stat {
  readonly parent: number;
  /** Seconds of processor time, of children that have ended as well. */
  readonly seconds: number;
  /** Bytes. */
  readonly resident: number;
}

function stat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // From the third field on: the second one, the name, may hold spaces and parentheses.
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const ticks = fields.slice(11, 15).reduce((sum, one) => sum + one, 0);
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return { parent: fields[1] as number, seconds: ticks / TICKS, resident: Number(kilobytes ?? 0) * 1024 };
  } catch {
    return undefined; // it has ended
  }
}

/** Seconds of processor time of this process's children that have ended. */
export function childrenSeconds(): number {
  const text = readFileSync('/proc/self/stat', 'utf8');
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return ((fields[13] as number) + (fields[14] as number)) / TICKS;
}

/** What processes have used so far, together with all that they have started. */
export function usage(pids: readonly number[]): { readonly seconds: number; readonly resident: number } {
  const all = new Map<number, Stat>();
  for (const entry of readdirSync('/proc')) {
    const found = /^\d+$/.test(entry) ? stat(Number(entry)) : undefined;
    if (found !== undefined) all.set(Number(entry), found);
  }
  const family = new Set(pids);
  // As often as generations: a child may be before its parent.
  for (let before = 0; before !== family.size; ) {
    before = family.size;
    for (const [pid, { parent }] of all) if (family.has(parent)) family.add(pid);
  }
  let seconds = 0;
  let resident = 0;
  for (const pid of family) {
    seconds += all.get(pid)?.seconds ?? 0;
    resident += all.get(pid)?.resident ?? 0;
  }
  return { seconds, resident };
}

/** How long the main thread of a process ran so far, and how long it could have, had a processor been free, s. */
export function scheduled(pid: number): { readonly ran: number; readonly waited: number } {
  const [ran = 0, waited = 0] = readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ').map(Number);
  return { ran: ran / 1e9, waited: waited / 1e9 };
}
