/**
 * The WebAssembly core: ciphers, framing and replay windows, as sessions. No I/O, no clock, no randomness; it runs in a
 * browser as well.
 * @module core
 */
export { CryptcabError } from '../error.js';
export {
  type AnySession,
  Core,
  type Opened,
  type OpenedMessage,
  type SecureSession,
  type Session,
} from './sessions.js';
export { type Refusal, STATUS, type Status } from './status.js';
export { type Keying, keyingText, type SessionCounts, type TransportKeys } from './terms.js';
