import { deferred } from '../../deferred.js';
import { CryptcabError, messageOf } from '../../error.js';
import { BackOff } from '../plug/back-off.js';
import type { Port } from './ports/port.js';
import type { Source } from './ports/source.js';

export interface NativePlugEvents {
  /** The port is open, for the first time or again. */
  plugged(port: Port, number: number): void;
  /** The port was lost, or there is none, and is tried again; what used it has let go of it. */
  lost(why: string): void;
}

/** Ports opened so far, of all plugs: a link's next plug must not take an old port's end for its own. */
let ports = 0;

/** A port that is opened within this process, and is opened again whenever it is lost. */
export class NativePlug {
  readonly #settled = deferred();
  readonly #source: Source;
  readonly #events: NativePlugEvents;
  readonly #backOff = new BackOff();
  readonly #abort = new AbortController();
  #port: Port | undefined;
  #number = 0;
  #since = 0;
  #again: NodeJS.Timeout | undefined;

  constructor(source: Source, events: NativePlugEvents) {
    this.#source = source;
    this.#events = events;
    this.#open();
  }

  /** As of any plug. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  get #closed(): boolean {
    return this.#abort.signal.aborted;
  }

  async #open(): Promise<void> {
    const { opener } = this.#source;
    let port: Port;
    try {
      port = await opener.open(this.#source, this.#abort.signal);
    } catch (error) {
      const known = error instanceof CryptcabError ? error : new CryptcabError(messageOf(error));
      if (!this.#closed) this.#lost(known, 0);
      return;
    }
    if (this.#closed) {
      opener.close(port, this.#source);
      return;
    }
    this.#port = port;
    this.#since = performance.now();
    this.#number = ++ports;
    this.#events.plugged(port, this.#number);
    this.#settled.resolve();
  }

  /** The I/O thread has lost a port, and let go of it. */
  gone(number: number): void {
    if (number !== this.#number || this.#port === undefined || this.#closed) return;
    const { opener } = this.#source;
    opener.close(this.#port, this.#source);
    this.#port = undefined;
    this.#lost(opener.gone(this.#source), performance.now() - this.#since);
  }

  /** @param lived how long it was open, ms */
  #lost(why: CryptcabError, lived: number): void {
    this.#settled.reject(why);
    this.#events.lost(why.marked);
    if (this.#closed) return; // the listener closed it
    this.#again = setTimeout(() => this.#open(), this.#backOff.after(lived));
  }

  /** The user of the port has let go of it. */
  close(): void {
    this.#abort.abort();
    clearTimeout(this.#again);
    if (this.#port !== undefined) this.#source.opener.close(this.#port, this.#source);
    this.#port = undefined;
  }
}
