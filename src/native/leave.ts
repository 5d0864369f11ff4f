import { loadLibc } from './libc.js';
import { portsOpening } from './vde.js';

/**
 * Ends the process. While libvdeplug waits for a switch that does not answer, the usual exit would wait with it.
 * @param status the exit status
 */
export async function leave(status: number): Promise<void> {
  if (portsOpening() > 0) (await loadLibc()).exit(status);
  process.exit(status);
}
