import type { Cable, CableEvents, WireTap } from './cable.js';
import type { Core } from './core/core.js';
import { CryptcabError, messageOf } from './error.js';
import { NativeCable } from './native/native-cable.js';
import { PortableCable } from './portable-cable.js';
import { openDgram } from './udp/dgram.js';
import type { OpenUdp } from './udp/udp.js';

/** The values of Io. */
export const IO_PATHS = ['auto', 'portable', 'native'] as const;
/** How frames and datagrams are moved: by what every system has, or by Linux's own calls; `auto` finds out. */
export type Io = (typeof IO_PATHS)[number];

export interface CableSetup {
  readonly core: Core;
  /** `auto` when undefined. */
  readonly io: Io | undefined;
  /** A socket of another kind; the native path has its own. */
  readonly openUdp: OpenUdp | undefined;
  /** Local UDP port; 0 for any. */
  readonly port: number;
  readonly events: CableEvents;
  readonly tap: WireTap | undefined;
}

/**
 * Opens a cable, natively where that can be.
 * @throws CryptcabError when the port, or the path that was asked for, cannot be had
 */
export async function openCable(setup: CableSetup): Promise<Cable> {
  const { core, io = 'auto', openUdp, port, events, tap } = setup;
  let why: string | undefined;
  if (io !== 'portable' && openUdp === undefined) {
    try {
      return await NativeCable.open(core, port, events, tap);
    } catch (error) {
      if (error instanceof CryptcabError) throw error;
      why = messageOf(error);
    }
  } else if (io === 'native') {
    why = 'it has sockets of its own';
  }
  if (io === 'native') {
    throw new CryptcabError(`no native I/O here: ${why}; mend that, or leave --io native away`);
  }
  return PortableCable.open(core, openUdp ?? openDgram, port, events, tap, { why });
}
