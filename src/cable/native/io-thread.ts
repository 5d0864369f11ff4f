import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import { messageOf } from '../../error.js';
import { Arena } from './linux/arena.js';
import { type Libc, SOCK } from './linux/libc.js';
import { takeThread } from './thread/start-thread.js';
import type { Order, Report, Start } from './thread/talk.js';

/** The I/O thread answers within a ms or two, or not at all. */
const ANSWER_MS = 700;

export interface IoThreadEvents {
  report(report: Report): void;
  /** It has ended, and was not told to; or has not begun. */
  failed(why: string): void;
  /** It has ended, for whatever reason; comes first. */
  gone(): void;
}

/** What rules the I/O thread (worker.ts) from the main one: its beginning and end, orders and what it says. */
export class IoThread {
  readonly #libc: Libc;
  readonly #events: IoThreadEvents;
  readonly #worker: Worker;
  readonly #orders: MessagePort;
  readonly #wakeFd: number;
  readonly #one: Arena;
  readonly #waiting = new Map<number, () => void>();
  readonly #gone: Promise<void>;
  #tickets = 0;
  #alive = true;
  #stopping = false;

  /** @param program what it runs, unless it is what I/O threads run */
  constructor(
    libc: Libc,
    program: URL | undefined,
    start: Omit<Start, 'orders' | 'wake'>,
    events: IoThreadEvents,
  ) {
    this.#libc = libc;
    this.#events = events;
    this.#one = new Arena(libc, 16);
    this.#one.store64(0, 1);
    this.#worker = takeThread(program);
    this.#wakeFd = libc.eventfd(0, SOCK.NONBLOCK | SOCK.CLOEXEC);
    if (this.#wakeFd < 0) {
      this.#worker.terminate();
      throw new Error(`eventfd ${libc.errorName(libc.errno())}`);
    }
    const { port1, port2 } = new MessageChannel();
    this.#orders = port1;
    port1.unref();
    const first: Start = { ...start, orders: port2, wake: this.#wakeFd };
    this.#worker.postMessage(first, [port2]);
    this.#worker.on('message', (report: Report) => {
      if (report.says === 'unplugged') this.#waiting.get(report.ticket)?.();
      else events.report(report);
    });
    this.#worker.on('error', (error) => this.#died(messageOf(error)));
    this.#gone = new Promise((resolve) => {
      this.#worker.on('exit', (status) => {
        this.#died(`status ${status}`);
        resolve();
      });
    });
  }

  #died(why: string): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#events.gone();
    for (const done of this.#waiting.values()) done();
    if (!this.#stopping) this.#events.failed(why);
  }

  order(order: Order): void {
    if (!this.#alive) return;
    this.#orders.postMessage(order);
    this.#libc.write(this.#wakeFd, this.#one.address(0), 8);
  }

  /** Gives an order, and waits until it has been carried out, or will not be. */
  async done(session: number, what: 'pull' | 'unplug'): Promise<void> {
    if (!this.#alive) return;
    const ticket = this.#tickets++;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ANSWER_MS);
      this.#waiting.set(ticket, () => {
        clearTimeout(timer);
        resolve();
      });
      this.order({ do: what, session, ticket });
    });
    this.#waiting.delete(ticket);
  }

  /** Ends it; returns false when it hangs in a call: closing what it uses could hit others. */
  async stop(): Promise<boolean> {
    this.#stopping = true;
    this.order({ do: 'stop' });
    if (!(await this.#ends())) {
      this.#worker.terminate();
      if (!(await this.#ends())) return false;
    }
    this.#orders.close();
    this.#libc.close(this.#wakeFd);
    return true;
  }

  /** Whether it ends within its time. */
  #ends(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ANSWER_MS, false);
      this.#gone.then(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }
}
