import type { Core } from '../core/core.js';
import { CryptcabError, messageOf } from '../error.js';
import type { Io } from '../options/io-path.js';
import { optionName } from '../options/name.js';
import type { Cable, CableEvents } from './cable.js';
import { NativeCable } from './native/native-cable.js';
import { SharedCable } from './native/shared-cable.js';
import { needsNative } from './plug/native-only.js';
import type { OpenPlug } from './plug/plug.js';
import { PortableCable } from './portable/portable-cable.js';
import { ownUdp } from './udp/own.js';
import type { OpenUdp } from './udp/udp.js';
import type { WireTap } from './wire-tap.js';

export interface CableSetup {
  readonly core: Core;
  /** `auto` when undefined. */
  readonly io: Io | undefined;
  /** What its links are plugged into. */
  readonly plug?: OpenPlug | undefined;
  /** I/O threads of the native path, 1 when undefined. */
  readonly threads?: number | undefined;
  /** A socket of another kind; the native path has its own. */
  readonly openUdp: OpenUdp | undefined;
  /** Local UDP port; 0 for any. */
  readonly port: number;
  /** Our only address; all of this machine's when undefined. */
  readonly bind?: string | undefined;
  /** Whether it has one peer, and connects its socket to that. */
  readonly connects?: boolean;
  /** Whether it is a server's, which carries for many. */
  readonly serves?: boolean;
  readonly events: CableEvents;
  readonly tap: WireTap | undefined;
}

async function openNative(setup: CableSetup): Promise<Cable> {
  const { core, port, bind, threads = 1, serves = false, events, tap } = setup;
  let alone: string | undefined;
  if (threads > 1) {
    try {
      return await SharedCable.open(core, port, threads, events, tap, bind);
    } catch (error) {
      if (error instanceof CryptcabError) throw error;
      // What it takes to share a port is refused here: one thread does it all, and the log says why.
      alone = `one thread: ${messageOf(error)}`;
    }
  }
  return NativeCable.open(core, port, events, tap, { bind, alone, serves });
}

/**
 * Opens a cable, natively where that can be.
 * @throws CryptcabError when the port, or the path that was asked for, cannot be had
 */
export async function openCable(setup: CableSetup): Promise<Cable> {
  const { core, io = 'auto', plug, openUdp, port, bind, connects = false, events, tap } = setup;
  let why: string | undefined;
  if (io !== 'portable' && openUdp === undefined) {
    try {
      return await openNative(setup);
    } catch (error) {
      if (error instanceof CryptcabError) throw error;
      why = messageOf(error);
    }
  } else if (io === 'native') {
    why = 'it has sockets of its own';
  }
  if (io === 'native') {
    throw new CryptcabError(`no native I/O here: ${why}; fix that, or leave ${optionName('io')} native out`);
  }
  if (plug?.native && plug.locator !== undefined)
    throw needsNative(
      plug.locator,
      why ??
        (openUdp === undefined ? `leave ${optionName('io')} portable out` : 'there are sockets of its own'),
    );
  return PortableCable.open(core, openUdp ?? ownUdp(), port, events, tap, {
    why,
    wish: { bind, locals: !connects },
  });
}
