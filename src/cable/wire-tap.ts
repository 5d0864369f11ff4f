import type { Remote } from '../protocol/remote.js';

/** Sees every datagram as it is on the wire: for `-vvvv` and for teaching. */
export type WireTap = (direction: 'in' | 'out', remote: Remote, datagram: Uint8Array) => void;
