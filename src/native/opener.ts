import type { CryptcabError } from '../error.js';
import type { OpenPlug } from '../plug/plug.js';
import type { Libc } from './libc.js';
import { Switches } from './switches.js';
import { Taps } from './tap.js';
import type { Vde, VdePort } from './vde.js';

/** Opens ports within this process. */
export interface Opener {
  /** Whether a locator is for it. */
  serves(locator: string): boolean;
  /**
   * @param standing see OpenPlug
   * @param signal aborted when the port is not wanted any more
   * @throws CryptcabError that says why there is none; NoAnswer when it is worth waiting for
   */
  open(locator: string, standing: boolean, signal: AbortSignal): Promise<VdePort>;
  close(port: VdePort): void;
  /** Why a port is gone that was open. */
  gone(locator: string, standing: boolean): CryptcabError;
}

/** A locator, and who opens its ports. */
export interface Source {
  readonly opener: Opener;
  readonly locator: string;
  readonly standing: boolean;
}

/** All that there are; the first one that serves a locator has it, and a vde_plug child those that none serves. */
export class Openers {
  readonly #openers: readonly Opener[];

  constructor(libc: Libc, vde: Vde | undefined) {
    const own = [new Taps(libc), new Switches(libc)];
    this.#openers = vde === undefined ? own : [...own, vde];
  }

  find({ locator, standing = false }: OpenPlug): Source | undefined {
    if (locator === undefined) return undefined;
    const opener = this.#openers.find((one) => one.serves(locator));
    return opener && { opener, locator, standing };
  }
}
