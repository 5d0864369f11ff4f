import { lookup } from 'node:dns/promises';
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { CryptcabError, codeOf, messageOf, TemporaryError } from '../error.js';
import type { Log } from '../log.js';
import { optionName } from '../options/name.js';
import { RESOLVE_WAIT } from '../protocol/classic/constants.js';
import { familiesInTurn } from '../protocol/race.js';
import { type Pause, pause } from './try-again.js';
import { systemInterfaces, type Unusable, usableAddress } from './usable-address.js';

/** A system that has not answered after this is said not to answer, ms; what it says later still counts. */
const SLOW_MS = 5_000;

const NO_SERVER = 'the name server does not answer';

/** All addresses of a name, in the order of the system's choice. */
export type Ask = (host: string) => Promise<string[]>;

let underWay = 0;

/** How many names the system is being asked for: it cannot be told to stop, and a process waits for it at its end. */
export function lookupsUnderWay(): number {
  return underWay;
}

const askSystem: Ask = async (host) => {
  underWay++;
  try {
    return (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address);
  } finally {
    underWay--;
  }
};

/** Why a name has no address, for people. Each runtime has its own names for what the system says. */
function reasonOf(error: unknown): string {
  const code = codeOf(error) ?? '';
  if (/ENOTFOUND|ENODATA|ENONAME/.test(code)) return 'no such host';
  if (/EAI_AGAIN|EAI_FAIL|TIMEOUT|SERVFAIL|REFUSED/.test(code)) return NO_SERVER;
  return messageOf(error);
}

/** Looks up a name that may have no address yet. */
export class Resolver {
  readonly #host: string;
  /** Of the addresses that the socket can reach; undefined for both. */
  readonly #family: 4 | 6 | undefined;
  /** The socket's own address. */
  readonly #own: string;
  readonly #log: Log;
  readonly #ask: Ask;
  readonly #pause: Pause;
  readonly #interfaces: typeof systemInterfaces;
  /** What was said since it had an address last: each reason once. */
  readonly #said = new Set<string>();
  /** Whether nobody looks again: the error alone then says why there is no address. */
  #last = false;
  /** Why it has no address, while it has none. */
  #trouble: string | undefined;

  /** @param own the socket's own address; `::` for all of both families */
  constructor(
    host: string,
    own: string,
    log: Log,
    ask = askSystem,
    wait = pause,
    interfaces = systemInterfaces,
  ) {
    this.#host = host;
    this.#family = isIPv4(own) ? 4 : isIPv6(own) && own !== '::' ? 6 : undefined;
    this.#own = own;
    this.#log = log;
    this.#ask = ask;
    this.#pause = wait;
    this.#interfaces = interfaces;
  }

  /** Why it has no address, as far as it was asked for: one line. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /**
   * Asks once; says it, once, when there is no address, and when there is one after all.
   * @param signal ends the waiting: the system cannot be told to stop
   * @param last whether nobody asks again: the error alone says it then
   * @returns the addresses that the socket can reach: the system's first choice, then both families in turn
   * @throws TemporaryError when there is none; CryptcabError when the host is itself an address, and none of those; the
   * signal's reason when that is aborted
   */
  async look(signal: AbortSignal, last = false): Promise<string[]> {
    signal.throwIfAborted();
    this.#last = last;
    const slow = setTimeout(() => this.#say(NO_SERVER), SLOW_MS);
    try {
      const all = await unlessAborted(this.#ask(this.#host), signal);
      const reached = all.filter(
        (address) => this.#family === undefined || familyOf(address) === this.#family,
      );
      const looked = reached.map((address) => usableAddress(address, this.#own, this.#interfaces));
      const found = looked.filter((one) => typeof one === 'string');
      if (found.length > 0) {
        if (this.#said.size > 0)
          this.#log.warn({}, `${this.#host} has an address now, ${found[0]}: going on`);
        this.#said.clear();
        this.#trouble = undefined;
        return familiesInTurn(found);
      }
      const [unusable] = looked.filter((one) => typeof one !== 'string');
      if (unusable !== undefined) throw this.#unusable(unusable);
      throw all.length === 0 ? this.#none('no such host') : this.#beyond();
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof CryptcabError ? error : this.#none(reasonOf(error));
    } finally {
      clearTimeout(slow);
    }
  }

  /**
   * Asks until there is an address.
   * @throws CryptcabError when the host is itself an address that the socket cannot reach; the signal's reason when that is
   * aborted
   */
  async wait(signal: AbortSignal): Promise<string[]> {
    for (let ms: number = RESOLVE_WAIT.first; ; ms = RESOLVE_WAIT.next) {
      try {
        return await this.look(signal);
      } catch (error) {
        if (!(error instanceof TemporaryError)) throw error;
      }
      await this.#pause(ms, signal);
    }
  }

  /** Its addresses are all of the family that the socket has not. */
  #beyond(): CryptcabError {
    const why = `has no IPv${this.#family} address, and this end has no other: see what ${optionName('bind')} says, and what ip address shows here`;
    return isIP(this.#host) > 0 ? new CryptcabError(`${this.#host} ${why}`) : this.#none(`it ${why}`);
  }

  #unusable({ why, forGood }: Unusable): CryptcabError {
    return forGood && isIP(this.#host) > 0 ? new CryptcabError(why) : this.#none(why);
  }

  #none(why: string): TemporaryError {
    this.#say(why);
    return new TemporaryError(`cannot resolve ${this.#host} (${why})`);
  }

  #say(why: string): void {
    this.#trouble = `cannot resolve ${this.#host} yet (${why})`;
    if (this.#last || this.#said.has(why)) return;
    this.#said.add(why);
    this.#log.warn({}, `cannot resolve ${this.#host} yet (${why}), trying again`);
  }
}

/** A link-local address has its interface behind it. */
function familyOf(address: string): 4 | 6 {
  return isIPv4(address) ? 4 : 6;
}

function unlessAborted<T>(task: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop);
    task.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
