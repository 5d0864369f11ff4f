import { CryptcabError, TemporaryError } from '../error.js';

/**
 * What an end that starts waits for, while it is not there yet:
 * - `all`: a switch, a name, a route, an address of this machine
 * - `network`: a name and a route
 * - `nothing`: it fails at once
 */
export type Patience = 'all' | 'network' | 'nothing';

/**
 * What a plug's first attempt comes to.
 * @returns what it waits for, in one line; undefined when it is in
 * @throws CryptcabError where waiting is of no use, or not wanted
 */
export async function firstAttempt(settled: Promise<void>, patience: Patience): Promise<string | undefined> {
  try {
    await settled;
    return undefined;
  } catch (error) {
    const comes =
      (error instanceof NoAnswer && patience !== 'nothing') ||
      (error instanceof NotThere && patience === 'all');
    if (comes) return error.marked;
    throw error;
  }
}

/**
 * A switch does not answer, or has no port: it may answer later, and is asked again until it does.
 */
export class NoAnswer extends CryptcabError {}

/** A switch, or a device, is not there: somebody may be about to start it. */
export class NotThere extends TemporaryError {}
