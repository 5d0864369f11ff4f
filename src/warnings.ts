import type { Keying } from './core/core.js';
import type { Log } from './log.js';

/** Said once per session, at its start (classic-protocol §5): people should know what this cable does not give. */
export function warnOfWeakness(log: Log, peer: string, suite: Keying['suite']): void {
  log.warn(
    { peer },
    suite === 'plain'
      ? 'not encrypted (-x): everybody on the way can read and change the frames; for controlled networks only'
      : 'the classic protocol hides frames from a casual eye only: no forward secrecy, no proof of who sent them (see SECURITY.md)',
  );
}

/** Said once, by a server that serves both: who is let in by the weaker of two doors is in. */
export function warnOfBoth(log: Log): void {
  log.warn(
    {},
    'classic clients are served, too: their frames reach the same switch with none of what the secure cable gives (see SECURITY.md); --no-classic shuts them out',
  );
}

/** Ethernet header: what a frame has besides the MTU. */
const HEADER_BYTES = 14;

/** Said once per session, when a frame from the switch was too long to be carried (§6). */
export function warnOfLength(log: Log, peer: string, frameMax: number, cut: boolean): void {
  const why = cut ? 'the C program there would cut them' : 'no cable carries them';
  log.warn(
    { peer },
    `dropped a frame of more than ${frameMax} bytes, ${why}: set the MTU of what is behind the switch to ${frameMax - HEADER_BYTES} at most`,
  );
}

/** Said once per session, when as much has gone under one key as a cipher with blocks of 64 bits bears (§5). */
export function warnOfWear(log: Log, peer: string): void {
  log.warn(
    { peer },
    '32 GiB have gone under one Blowfish key, and equal blocks begin to tell: restart this cable with a new key',
  );
}
