import type { Libc } from './libc.js';
import { Taps } from './tap.js';
import type { Vde, VdePort } from './vde.js';

/** Whoever opens ports within this process. */
export interface Opener {
  /** Whether a locator is for it. */
  serves(locator: string): boolean;
  /** @param done told the port, or the error's number */
  open(locator: string, done: (port: VdePort | number) => void): void;
  close(port: VdePort): void;
  /** Why there is no port, for people. @param errno 0 when it was lost */
  why(locator: string, errno: number): string;
}

/** All that there are; the first one that serves a locator has it, and a vde_plug child those that none serves. */
export class Openers {
  readonly #openers: readonly Opener[];

  constructor(libc: Libc, vde: Vde | undefined) {
    const taps = new Taps(libc);
    this.#openers = vde === undefined ? [taps] : [taps, vde];
  }

  find(locator: string | undefined): Opener | undefined {
    return locator === undefined ? undefined : this.#openers.find((opener) => opener.serves(locator));
  }
}
