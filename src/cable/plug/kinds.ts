// What a locator may be, besides those of VDE: a file for each kind. On the native path those of ports/openers.ts come first.
import { CryptcabError } from '../../error.js';
import { optionName } from '../../options/name.js';
import { BRIDGE } from './bridge.js';
import { CMD } from './cmd.js';
import type { PlugKind } from './kind.js';
import { NIC } from './nic.js';
import type { OpenPlug } from './plug.js';
import { QEMU } from './qemu.js';
import { QEMU_DGRAM } from './qemu-dgram.js';
import { STDIO } from './stdio.js';
import { TAP } from './tap.js';
import { vdePlug } from './vde-plug.js';

const KINDS: readonly PlugKind[] = [BRIDGE, TAP, NIC, QEMU, QEMU_DGRAM, CMD, STDIO];

/** How the kinds begin that are no directory of a switch, and what a whole one looks like. */
const FORMS: readonly (readonly [RegExp, string])[] = [
  [/^bridge:/, 'bridge://NAME, with at most 15 characters'],
  [/^tap:/, 'tap://NAME or tap://NAME%d, with at most 15 characters after tap://'],
  [/^nic:/, 'nic://DEVICE, with at most 15 characters'],
  [/^qemu:/, 'qemu:PATH or qemu:PATH,connect'],
  [/^qemu-dgram:/, 'qemu-dgram:LOCAL,REMOTE'],
  [/^cmd:(?!\/\/)/, 'cmd:COMMAND'],
  [/^stdio:/, 'stdio: alone'],
];

/**
 * A locator as it is found from anywhere; a bare path is a switch's directory.
 * @param resolve makes a path absolute
 */
export function absoluteLocator(locator: string, resolve: (path: string) => string): string {
  const kind = KINDS.find((one) => one.serves(locator));
  if (kind !== undefined) return kind.absolute?.(locator, resolve) ?? locator;
  const form = FORMS.find(([begins]) => begins.test(locator));
  if (form !== undefined)
    throw new CryptcabError(`${optionName('plug')} ${locator} is not whole: write ${form[1]}`);
  return locator.includes('://') ? locator : resolve(locator);
}

/** Makes plugs of a locator; those that are none of ours are VDE's. */
export function plugOf(locator: string): OpenPlug {
  return KINDS.find((one) => one.serves(locator))?.open(locator) ?? vdePlug(locator);
}
