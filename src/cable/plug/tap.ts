// tap://NAME: a tap. Its ports are native/ports/tap.ts; on the portable path vde_plug opens it.
import type { PlugKind } from './kind.js';
import { tapName } from './locator.js';
import { vdePlug } from './vde-plug.js';

export const TAP: PlugKind = {
  serves: (locator) => tapName(locator) !== undefined,
  open: vdePlug,
};
