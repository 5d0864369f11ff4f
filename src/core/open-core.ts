import { Core } from './core.js';
import { coreFault } from './fault.js';

/**
 * Loads the core.
 * @throws CryptcabError where it cannot be had
 */
export async function openCore(): Promise<Core> {
  try {
    return await Core.load();
  } catch (error) {
    throw coreFault(error) ?? error;
  }
}
