import { Arena } from '../linux/arena.js';
import { type Libc, SCHED_BATCH } from '../linux/libc.js';

/**
 * Has the thread not take the processor from a switch that wakes it with a frame: so the switch gives the next ones
 * before this thread has the first, and fewer wakes carry more. It costs no share of the processor; where it cannot be
 * had, nothing else is lost.
 * @returns what the system refused
 */
export function letSwitchesFinish(libc: Libc): string[] {
  if (libc.schedSetscheduler(0, SCHED_BATCH, new Arena(libc, 16).address(0)) === 0) return [];
  return [`SCHED_BATCH refused: ${libc.errorName(libc.errno())}`];
}
