import type { CryptcabError } from '../../../error.js';
import type { OpenPlug } from '../../plug/plug.js';
import type { Port } from './port.js';

/** Opens ports within this process. */
export interface Opener {
  /** Whether a locator is for it. */
  serves(locator: string): boolean;
  /**
   * @param signal aborted when the port is not wanted any more
   * @throws CryptcabError that says why there is none; NoAnswer when it is worth waiting for
   */
  open(source: Source, signal: AbortSignal): Promise<Port>;
  close(port: Port, source: Source): void;
  /** Why a port is gone that was open. */
  gone(source: Source): CryptcabError;
}

/** A locator, what its plug says of it (OpenPlug), and who opens its ports. */
export interface Source extends Pick<OpenPlug, 'network' | 'policy'> {
  readonly opener: Opener;
  readonly locator: string;
  readonly standing: boolean;
}
