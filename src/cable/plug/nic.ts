// nic://eth1: the frames of a network card, for a machine without bridges. Its ports are native/ports/nic.ts.
import type { PlugKind } from './kind.js';
import { nativeOnly } from './native-only.js';

/** What a device may be called (IFNAMSIZ is 16). */
const LOCATOR = /^nic:\/\/([^/\s]{1,15})$/;

/** The card's name. */
export function nicName(locator: string): string | undefined {
  return LOCATOR.exec(locator)?.[1];
}

export const NIC: PlugKind = {
  serves: (locator) => nicName(locator) !== undefined,
  open: (locator) =>
    nativeOnly(locator, {
      alone: `${locator} is for one client, and another client of this server has it: put the card into a bridge (ip link set ${nicName(locator)} master BR), and plug into bridge://BR`,
    }),
};
