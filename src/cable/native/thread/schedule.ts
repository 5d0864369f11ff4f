// How the kernel is to schedule an I/O thread.
import { Arena } from '../linux/arena.js';
import { type Libc, SCHED, SCHED_ATTR_BYTES, SYS_SCHED_SETATTR } from '../linux/libc.js';

/**
 * The shortest that Linux gives, from 6.12 on: beside programs that never sleep, a thread that asks for little at a time has its turn
 * sooner. Its share of the processor stays what it is.
 */
const SLICE_NS = 100_000;
/** Of nice(1): what a server's thread has, unless its program was started with another one than 0. */
const SERVER_NICE = -10;
/** After so many waits it is looked how long they took, ms: in less than BUSY_MS frames come fast, in more than QUIET_MS they do not. */
const WAITS = 64;
const BUSY_MS = 16;
const QUIET_MS = 32;

/**
 * The turns of a thread. One that wakes seldom takes the processor from whatever program runs: a frame that comes alone waits for none.
 * One that wakes often lets the program go on that wakes it, a switch above all: so that gives the next frames before the thread has
 * the first, and fewer wakes carry more. A server's thread, which carries for others, goes before other programs where the system lets
 * it: while it waited behind them, what one client sends would keep all others waiting.
 */
export class Turns {
  /** What the system refused, and can be done without. */
  readonly lacks: readonly string[];
  readonly #libc: Libc;
  readonly #arena: Arena;
  readonly #at: number;
  #nice: number;
  #policy: number = SCHED.OTHER;
  #waits = 0;
  #since: number;

  /** @param now ms */
  constructor(libc: Libc, serves: boolean, now: number) {
    this.#libc = libc;
    this.#arena = new Arena(libc, SCHED_ATTR_BYTES);
    this.#at = this.#arena.take(SCHED_ATTR_BYTES);
    this.#since = now;
    const nice = libc.getpriority(0, 0); // of the calling thread
    this.#nice = SERVER_NICE;
    if (serves && nice === 0 && this.#set()) {
      this.lacks = [];
      return;
    }
    this.#nice = nice;
    this.lacks = this.#set() ? [] : [`sched_setattr refused: ${libc.errorName(libc.errno())}`];
  }

  /** It has waited once more. */
  waited(now: () => number): void {
    this.#waits++;
    if (this.#waits < WAITS || this.lacks.length > 0) return;
    const time = now();
    const took = time - this.#since;
    [this.#waits, this.#since] = [0, time];
    const policy = took < BUSY_MS ? SCHED.BATCH : took > QUIET_MS ? SCHED.OTHER : this.#policy;
    if (policy === this.#policy) return;
    this.#policy = policy;
    this.#set();
  }

  #set(): boolean {
    const { words } = this.#arena;
    words.set([SCHED_ATTR_BYTES, this.#policy, 0, 0, this.#nice, 0, SLICE_NS], this.#at >> 2);
    return this.#libc.syscall(SYS_SCHED_SETATTR, 0, this.#arena.address(this.#at), 0) === 0;
  }
}
