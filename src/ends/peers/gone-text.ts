import type { SecureDown, SecureGone } from '../../protocol/secure/terms.js';

/** What the log says of a peer that is not up any more. */
export const DOWN: Readonly<Record<SecureDown, string>> = {
  expired: 'peer is gone: nothing has come from it for long',
  goodbye: 'peer is gone: it said goodbye',
  moved: 'peer is gone: it is at another server now',
  removed: 'peer is cut off',
  disconnected: 'peer is cut off',
};

/** Of a peer of a server that ends. */
export const ENDS = 'peer is gone: the server ends';
/** A device that is silent is asleep, and may come back by itself. */
export const SLEEPS =
  'a device is asleep: nothing has come from it for long, and its addresses are held for an hour';

/** And of one that has enrolled and was removed. */
export const GONE: Readonly<Record<SecureGone, string>> = {
  silent: 'it was silent for long',
  'no room': 'it was away, and another one took its place',
  goodbye: 'it has ended, and its keys with it',
};
