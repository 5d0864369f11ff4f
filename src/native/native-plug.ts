import { CryptcabError } from '../error.js';
import { BackOff, noSwitch } from '../plug/back-off.js';
import { deferred } from '../running.js';
import type { Libc } from './libc.js';
import type { Vde, VdePort } from './vde.js';

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

/** A port of a switch by libvdeplug, which is opened again whenever it is lost. */
export class NativePlug {
  readonly #settled = deferred();
  readonly #libc: Libc;
  readonly #vde: Vde;
  readonly #locator: string;
  readonly #events: NativePlugEvents;
  readonly #backOff = new BackOff();
  #port: VdePort | undefined;
  #number = 0;
  #since = 0;
  #wasIn = false;
  #again: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(libc: Libc, vde: Vde, locator: string, events: NativePlugEvents) {
    this.#libc = libc;
    this.#vde = vde;
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
    this.#vde.open(this.#locator, (port) => {
      if (typeof port === 'number') {
        if (!this.#closed) this.#lost(this.#libc.strerror(port));
      } else if (this.#closed) {
        this.#vde.close(port);
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
    this.#vde.close(this.#port);
    this.#port = undefined;
    this.#lost('');
  }

  #lost(detail: string): void {
    const why = noSwitch(this.#locator, detail);
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
    if (this.#port !== undefined) this.#vde.close(this.#port);
    this.#port = undefined;
  }
}
