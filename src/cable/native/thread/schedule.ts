// How the kernel is to schedule an I/O thread.
import { Arena } from '../linux/arena.js';
import { type Libc, SCHED_ATTR_BYTES, SCHED_BATCH, SYS_SCHED_SETATTR } from '../linux/libc.js';

/**
 * The shortest that Linux gives, from 6.12 on: beside programs that never sleep, a thread that asks for little at a time has its turn
 * sooner. Its share of the processor stays what it is.
 */
const SLICE_NS = 100_000;
/** Of nice(1): what a server's thread has, unless its program was started with another one than 0. */
const SERVER_NICE = -10;

/**
 * Has the thread not take the processor from a switch that wakes it with a frame: so the switch gives the next ones before this thread
 * has the first, and fewer wakes carry more. Has it wait little for its turn; and has a server's thread, which carries for others, go before
 * other programs, where the system lets it: while it waited behind them, what one client sends would keep all others waiting.
 * @returns what the system refused, and can be done without
 */
export function schedule(libc: Libc, serves: boolean): string[] {
  const arena = new Arena(libc, SCHED_ATTR_BYTES);
  const at = arena.take(SCHED_ATTR_BYTES);
  const set = (nice: number) => {
    arena.words.set([SCHED_ATTR_BYTES, SCHED_BATCH, 0, 0, nice, 0, SLICE_NS], at >> 2);
    return libc.syscall(SYS_SCHED_SETATTR, 0, arena.address(at), 0) === 0;
  };
  const nice = libc.getpriority(0, 0); // of the calling thread
  if (serves && nice === 0 && set(SERVER_NICE)) return [];
  return set(nice) ? [] : [`sched_setattr refused: ${libc.errorName(libc.errno())}`];
}
