import type { Log } from '../log.js';
import type { Remote } from '../protocol/remote.js';

/** What the system says of an address that it has no route to. On each path it has another verb before it, or none. */
const NO_ROUTE = /\bE(NET|HOST)UNREACH\b/;

/** Notices that the system has no route to any address of a server, and that there is one again. */
export class NoRoute {
  readonly #log: Log;
  /** The server, for people. */
  readonly #where: string;
  /** Addresses that there was no route to, since anything was sent. */
  readonly #refused = new Set<string>();
  #trouble: string | undefined;

  constructor(log: Log, where: string) {
    this.#log = log;
    this.#where = where;
  }

  /** Why nothing can be sent, while there is no route; one line. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /**
   * A call was refused, or sent.
   * @param all the addresses of the server: while one of them has a route, nothing is wrong
   * @param refused why the system did not send it; undefined when it did
   * @returns whether it is known from now on that there is no route
   */
  called({ address }: Remote, all: readonly Remote[], refused: string | undefined): boolean {
    const [code] = NO_ROUTE.exec(refused ?? '') ?? [];
    if (code === undefined) {
      this.#refused.clear();
      if (this.#trouble !== undefined) this.#log.warn({}, `${this.#where} can be reached now: going on`);
      this.#trouble = undefined;
      return false;
    }
    this.#refused.add(address);
    if (this.#trouble !== undefined || !all.every((one) => this.#refused.has(one.address))) return false;
    this.#trouble = `cannot reach ${this.#where}: there is no route to it (${code})`;
    return true;
  }

  /** Whether a refusal to send is that, and needs no line of its own. */
  explains(refused: string): boolean {
    return this.#trouble !== undefined && NO_ROUTE.test(refused);
  }
}
