import type { OpenPlug } from './plug.js';

/** A kind of locator, and what plugs it makes. */
export interface PlugKind {
  /** Whether a locator is one of it. */
  serves(locator: string): boolean;
  /**
   * The locator with its paths as they are found from anywhere; as it is where it has none.
   * @param resolve makes a path absolute
   * @throws CryptcabError for paths that cannot be used together
   */
  absolute?(locator: string, resolve: (path: string) => string): string;
  /** @throws CryptcabError for a locator that nothing can be made of */
  open(locator: string): OpenPlug;
}
