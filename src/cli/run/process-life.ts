// Whether another process has ended, also where a later one has got its number meanwhile.
import { readFileSync } from 'node:fs';
import { codeOf } from '../../error.js';

/** Of what follows the name in /proc/PID/stat: the state, and the time of the start. */
const [STATE, START] = [0, 19];
/** It has ended, and its parent has not asked for its status yet. */
const OVER: readonly (string | undefined)[] = ['Z', 'X'];

const statOf = (pid: number) => readFileSync(`/proc/${pid}/stat`, 'latin1');

/** When a process was started, which no other with its number shares; empty where the system does not say, undefined where none runs. */
function lifeOf(pid: number, read: (pid: number) => string): string | undefined {
  try {
    const stat = read(pid);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return OVER.includes(fields[STATE]) ? undefined : fields[START];
  } catch {
    // It has ended, or there is no such file on this system.
  }
  try {
    process.kill(pid, 0);
    return '';
  } catch (error) {
    return codeOf(error) === 'EPERM' ? '' : undefined;
  }
}

/** @returns what says later whether the process has ended that has this number now; undefined where none is seen from here */
export function endOf(pid: number, read = statOf): (() => boolean) | undefined {
  const life = lifeOf(pid, read);
  return life === undefined ? undefined : () => lifeOf(pid, read) !== life;
}
