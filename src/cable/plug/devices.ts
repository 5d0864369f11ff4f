// What /proc says about network devices and processes. Elsewhere nothing is known.
import { readdirSync, readFileSync } from 'node:fs';

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Whether there is a network device of this name. */
export function deviceExists(name: string): boolean {
  const lines = read('/proc/net/dev')?.split('\n') ?? [];
  return lines.some((line) => line.trimStart().startsWith(`${name}:`));
}

/** The tap that a process has open: its name, empty when the device was deleted; undefined when it has none. */
export function tapOf(pid: number): string | undefined {
  const directory = `/proc/${pid}/fdinfo`;
  let files: string[];
  try {
    files = readdirSync(directory);
  } catch {
    return undefined;
  }
  for (const file of files) {
    const name = /^iff:\t(.*)$/m.exec(read(`${directory}/${file}`) ?? '')?.[1];
    if (name !== undefined) return name;
  }
  return undefined;
}

/** Numbers of the system calls poll and ppoll. */
const POLLS: Readonly<Record<string, readonly string[]>> = { x64: ['7', '271'], arm64: ['73'] };

/**
 * Whether a process waits in poll, with no limit of time, for one of several files: a vde_plug does once it is plugged in.
 * @returns undefined where the system does not tell
 */
export function waitsForFiles(pid: number): boolean | undefined {
  const polls = POLLS[process.arch];
  const call = read(`/proc/${pid}/syscall`);
  if (polls === undefined || call === undefined) return undefined;
  const [number = '', , count, limit = ''] = call.split(' ');
  return polls.includes(number) && Number(count) > 1 && /^0x(?:0|f{8}|f{16})$/.test(limit);
}
