import { CryptcabError } from '../error.js';
import { BackOff } from '../plug/back-off.js';
import { deferred } from '../running.js';
import type { Opener } from './opener.js';
import type { VdePort } from './vde.js';

export interface NativePlugEvents {
  /** The port is open. */
  plugged(port: VdePort, number: number): void;
  /** The port was lost, and is tried again; what used it has let go of it. */
  lost(why: string): void;
  /** It is back. */
  back(): void;
}

/** Ports opened so far, of all plugs: a link's next plug must not take an old port's end for its own. */
let ports = 0;

/** A port that is opened within this process, and is opened again whenever it is lost. */
export class NativePlug {
  readonly #settled = deferred();
  readonly #opener: Opener;
  readonly #locator: string;
  readonly #events: NativePlugEvents;
  readonly #backOff = new BackOff();
  #port: VdePort | undefined;
  #number = 0;
  #since = 0;
  #wasIn = false;
  #again: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(opener: Opener, locator: string, events: NativePlugEvents) {
    this.#opener = opener;
    this.#locator = locator;
    this.#events = events;
    this.#open();
  }

  /** As of any plug. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  #open(): void {
    this.#since = performance.now();
    this.#opener.open(this.#locator, (port) => {
      if (typeof port === 'number') {
        if (!this.#closed) this.#lost(port);
      } else if (this.#closed) {
        this.#opener.close(port);
      } else {
        this.#port = port;
        this.#number = ++ports;
        this.#events.plugged(port, this.#number);
        if (this.#wasIn) this.#events.back();
        this.#wasIn = true;
        this.#settled.resolve();
      }
    });
  }

  /** The I/O thread has lost a port, and let go of it. */
  gone(number: number): void {
    if (number !== this.#number || this.#port === undefined || this.#closed) return;
    this.#opener.close(this.#port);
    this.#port = undefined;
    this.#lost(0);
  }

  /** @param errno why it cannot be opened; 0 when it was open */
  #lost(errno: number): void {
    const why = this.#opener.why(this.#locator, errno);
    this.#settled.reject(new CryptcabError(why));
    this.#wasIn = true; // from now on whoever waits is told by back()
    this.#events.lost(why);
    if (this.#closed) return; // whoever was told closed it
    this.#again = setTimeout(() => this.#open(), this.#backOff.after(performance.now() - this.#since));
  }

  /** Whoever used the port has let go of it. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#again);
    if (this.#port !== undefined) this.#opener.close(this.#port);
    this.#port = undefined;
  }
}
