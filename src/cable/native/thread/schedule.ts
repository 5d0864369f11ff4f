// How the kernel is to schedule an I/O thread.
import { Arena } from '../linux/arena.js';
import { type Libc, SCHED_ATTR_BYTES, SCHED_BATCH, SYS_SCHED_SETATTR } from '../linux/libc.js';

/**
 * The shortest that Linux gives, from 6.12 on: beside programs that never sleep, a thread that asks for little at a time has its turn
 * sooner. Its share of the processor stays what it is.
 */
const SLICE_NS = 100_000;
/** Of nice(1): what a server's thread has while it is behind, unless its program was started with another one than 0. */
const SERVER_NICE = -10;
/** So long it keeps that when it is no longer behind, ms. */
const AHEAD_MS = 1_000;

/**
 * The turns of a thread. It does not take the processor from a switch that wakes it with a frame: so the switch gives the next ones before
 * this thread has the first, and fewer wakes carry more. It waits little for its turn. And a server's thread, which carries for others, goes
 * before other programs while datagrams stand in a queue, where the system lets it: while it waited behind them, what one client sends
 * would keep all others waiting. At other times it would only wake more often.
 */
export class Turns {
  /** What the system refused, and can be done without. */
  readonly lacks: readonly string[];
  readonly #libc: Libc;
  readonly #arena: Arena;
  readonly #at: number;
  readonly #nice: number;
  #mayHurry: boolean;
  #ahead = false;
  #until = Number.NEGATIVE_INFINITY;

  constructor(libc: Libc, serves: boolean) {
    this.#libc = libc;
    this.#arena = new Arena(libc, SCHED_ATTR_BYTES);
    this.#at = this.#arena.take(SCHED_ATTR_BYTES);
    this.#nice = libc.getpriority(0, 0); // of the calling thread
    this.lacks = this.#set(this.#nice) ? [] : [`sched_setattr refused: ${libc.errorName(libc.errno())}`];
    this.#mayHurry = serves && this.#nice === 0 && this.lacks.length === 0;
  }

  /** @param behind whether datagrams stand in a queue */
  look(behind: boolean, now: () => number): void {
    if (!this.#mayHurry || (!behind && !this.#ahead)) return;
    const time = now();
    if (behind) this.#until = time + AHEAD_MS;
    const ahead = time < this.#until;
    if (ahead === this.#ahead) return;
    if (this.#set(ahead ? SERVER_NICE : this.#nice)) this.#ahead = ahead;
    else this.#mayHurry = false; // who is not root may not
  }

  #set(nice: number): boolean {
    this.#arena.words.set([SCHED_ATTR_BYTES, SCHED_BATCH, 0, 0, nice, 0, SLICE_NS], this.#at >> 2);
    return this.#libc.syscall(SYS_SCHED_SETATTR, 0, this.#arena.address(this.#at), 0) === 0;
  }
}
