import { keepalive } from '../../protocol/classic/messages.js';
import { Race } from '../../protocol/race.js';
import type { Remote } from '../../protocol/remote.js';
import type { OpenUdp, Udp } from './udp.js';

/**
 * Asks the other addresses of a server whether somebody is there, while the one that was sent a LOGIN is silent (RFC 8305). The
 * question is a KEEPALIVE from a socket of its own: a server answers it with DENY and keeps nothing of it (classic.md §2.3, §7.1).
 * A second LOGIN would leave a session behind that nobody wants, and from the same port it could take the place of the first.
 */
export class Elsewhere {
  readonly #open: OpenUdp;
  readonly #bind: string | undefined;
  readonly #told: () => void;
  readonly #tasks = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #stop = new AbortController();
  #answered: Remote | undefined;

  /**
   * @param bind our only address; all of this machine's when undefined
   * @param told called when one has answered, once for each ask()
   */
  constructor(open: OpenUdp, bind: string | undefined, told: () => void) {
    this.#open = open;
    this.#bind = bind;
    this.#told = told;
  }

  /** The one of those that were asked last that has answered first. */
  get answered(): Remote | undefined {
    return this.#answered;
  }

  /** Asks these one after the other, from soon on, until one answers. */
  ask(others: readonly Remote[]): void {
    this.stop();
    this.#stop = new AbortController();
    this.#arm(new Race(performance.now(), others));
  }

  /** Asks nobody any more, and forgets who has answered. */
  stop(): void {
    this.#answered = undefined;
    clearTimeout(this.#timer);
    this.#stop.abort();
  }

  async close(): Promise<void> {
    this.stop();
    await Promise.all(this.#tasks);
  }

  #arm(race: Race<Remote>): void {
    if (race.due === Infinity) return;
    this.#timer = setTimeout(
      () => {
        const to = race.next(performance.now());
        if (to !== undefined) this.#run(this.#ask(to, this.#stop.signal));
        this.#arm(race);
      },
      Math.ceil(race.due - performance.now()),
    );
  }

  async #ask(to: Remote, stop: AbortSignal): Promise<void> {
    let udp: Udp | undefined;
    try {
      const events = { datagram: () => this.#hear(to, stop), unreachable() {}, failed() {} };
      udp = await this.#open(0, events, { bind: this.#bind });
      await udp.connect(to);
      const question = keepalive();
      udp.send(question, 0, question.length, to, () => {});
      await new Promise<void>((done) => {
        if (stop.aborted) done();
        else stop.addEventListener('abort', () => done());
      });
    } catch {
      // No way there from here.
    } finally {
      await udp?.close();
    }
  }

  #hear(from: Remote, stop: AbortSignal): void {
    if (stop.aborted) return;
    this.stop();
    this.#answered = from;
    this.#told();
  }

  #run(task: Promise<void>): void {
    const running = task.finally(() => this.#tasks.delete(running));
    this.#tasks.add(running);
  }
}
