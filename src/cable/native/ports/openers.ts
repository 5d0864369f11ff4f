import type { OpenPlug } from '../../plug/plug.js';
import type { Libc } from '../linux/libc.js';
import { Nics } from './nic.js';
import { QemuDatagrams } from './qemu-dgram.js';
import type { Opener, Source } from './source.js';
import { Switches } from './switches.js';
import { Taps } from './tap.js';
import type { Vde } from './vde.js';

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
