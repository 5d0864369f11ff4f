import { CryptcabError } from '../../error.js';
import { optionWithValue } from '../../options/name.js';
import type { OpenPlug, PlugEvents } from './plug.js';

/** Why a locator of the native path alone cannot be had. @param why there is no such path */
export function needsNative(locator: string, why: string): CryptcabError {
  return new CryptcabError(`${locator} is for the native I/O path alone: ${why}`);
}

/** Plugs that the native path makes by its own means, by their locator. */
export function nativeOnly(locator: string, more: Partial<OpenPlug> = {}): OpenPlug {
  const open = (events: PlugEvents) => {
    const why = needsNative(locator, `leave ${optionWithValue('io', 'io', 'portable')} out`);
    const settled = Promise.reject(why);
    settled.catch(() => events.lost(why.marked));
    return { settled, write: () => false, pause() {}, resume() {}, async close() {} };
  };
  return Object.assign(open, { locator, native: true, ...more });
}
