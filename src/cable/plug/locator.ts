import { optionName } from '../../options/name.js';

/** Where a switch is, by its locator. */
export interface SwitchPlace {
  readonly directory: string;
  /** Of the switch, when the locator names one. */
  readonly port: number | undefined;
}

const SWITCH = /^(?:vde:\/\/)?(\/[^[\]]*)(?:\[(\d{1,5})\])?$/;
/** A name that the kernel takes for a device, perhaps with one %d; brackets and braces mean something to vde_plug. */
const TAP = /^tap:\/\/(?!\.{1,2}$)([^/:%\s\p{Cc}[\]{}]*(?:%d[^/:%\s\p{Cc}[\]{}]*)?)$/u;
/** IFNAMSIZ is 16. Of a name with %d the kernel takes no more either, so there is room for two digits at least. */
const DEVICE_BYTES = 15;
/** Networks that their first plug makes: others join them by `vde://`, not by the same locator. */
const MADE_BY_ONE = /^(?:switch|hub|multi|bonding):\/\//;

/** Of a locator that is a switch's directory, perhaps with a port: `/run/vde.ctl`, `vde:///run/vde.ctl[3]`. */
export function switchPlace(locator: string): SwitchPlace | undefined {
  const [, directory, port] = SWITCH.exec(locator) ?? [];
  return directory === undefined
    ? undefined
    : { directory, port: port === undefined ? undefined : Number(port) };
}

/** The name of a tap, as its locator has it: with `%d` the kernel chooses a number. */
export function tapName(locator: string): string | undefined {
  const name = TAP.exec(locator)?.[1] ?? '';
  return name !== '' && Buffer.byteLength(name) <= DEVICE_BYTES ? name : undefined;
}

/** Why a server can have one client alone on this locator, and what to do; undefined where it can have many. */
export function onlyForOne(locator: string): string | undefined {
  const tap = tapName(locator);
  if (tap !== undefined) {
    return tap.includes('%d')
      ? undefined
      : `the tap ${tap} is for one client, and another client of this server has it: give each client a tap of its own with ${optionName('plug')} tap://NAME%d, or plug into a switch`;
  }
  return MADE_BY_ONE.test(locator)
    ? `${locator} is for one client, and another client of this server has it: start vde_switch -s PATH, and plug into that with ${optionName('plug')} PATH`
    : undefined;
}
