import type { CryptcabError } from '../../../error.js';
import type { OpenPlug } from '../../plug/plug.js';
import type { Libc } from '../linux/libc.js';
import { Nics } from './nic.js';
import { QemuDatagrams } from './qemu-dgram.js';
import { Switches } from './switches.js';
import { Taps } from './tap.js';
import type { Vde, VdePort } from './vde.js';

/** Opens ports within this process. */
export interface Opener {
  /** Whether a locator is for it. */
  serves(locator: string): boolean;
  /**
   * @param signal aborted when the port is not wanted any more
   * @throws CryptcabError that says why there is none; NoAnswer when it is worth waiting for
   */
  open(source: Source, signal: AbortSignal): Promise<VdePort>;
  close(port: VdePort, source: Source): void;
  /** Why a port is gone that was open. */
  gone(source: Source): CryptcabError;
}

/** A locator, what its plug says of it (OpenPlug), and who opens its ports. */
export interface Source extends Pick<OpenPlug, 'network' | 'policy'> {
  readonly opener: Opener;
  readonly locator: string;
  readonly standing: boolean;
}

/** All that there are; the first one that serves a locator has it, and a vde_plug child those that none serves. */
export class Openers {
  readonly #openers: readonly Opener[];

  constructor(libc: Libc, vde: Vde | undefined) {
    const own = [new Taps(libc), new Nics(libc), new QemuDatagrams(libc), new Switches(libc)];
    this.#openers = vde === undefined ? own : [...own, vde];
  }

  find({ locator, standing = false, network, policy }: OpenPlug): Source | undefined {
    if (locator === undefined) return undefined;
    const opener = this.#openers.find((one) => one.serves(locator));
    return opener && { opener, locator, standing, ...(network && { network }), ...(policy && { policy }) };
  }
}
