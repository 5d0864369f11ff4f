/**
 * The WebAssembly core: ciphers, framing, replay windows and the ring. No I/O, no clock, no randomness; it runs in a
 * browser as well.
 * @module core
 */
export { CryptcabError } from '../error.js';
export {
  Core,
  type Keying,
  keyingText,
  type OpenedFrame,
  type SessionCounts,
  type SessionNews,
  type TransportKeys,
} from './core.js';
export type { Ring, Slot } from './ring.js';
export { type Refusal, STATUS, type Status } from './status.js';
export { type Layout, newMemory } from './wasm.js';
