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
