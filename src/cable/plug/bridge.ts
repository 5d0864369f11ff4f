// bridge://BR: each peer has a tap of its own in the kernel's bridge BR.
import { Bridge } from '../../network/bridge.js';
import type { PlugKind } from './kind.js';
import { nativeOnly } from './native-only.js';

/** What a device may be called (IFNAMSIZ is 16). */
const LOCATOR = /^bridge:\/\/([\w.-]{1,15})$/;

export const BRIDGE: PlugKind = {
  serves: (locator) => LOCATOR.test(locator),
  open(locator) {
    const network = new Bridge((LOCATOR.exec(locator) as RegExpExecArray)[1] as string);
    return nativeOnly(locator, { network, close: () => network.close() });
  },
};
