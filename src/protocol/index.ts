/**
 * The state machines of both cables, and their messages as bytes. They take what happened and when, and return what to
 * do: no I/O, no clock, no randomness of their own; they run in a browser as well.
 * @module protocol
 */
export type { Keying, TransportKeys } from '../core/terms.js';
export { ClassicClient } from './classic/client.js';
export {
  CLIENT_EVENTS,
  CLIENT_STATES,
  type ClientDenial,
  type ClientEffect,
  type ClientEvent,
  type ClientFailure,
  type ClientMode,
  type ClientOptions,
  type ClientState,
} from './classic/client-terms.js';
export { CHALLENGE_BYTES, DEFAULT_PORT, KEY_FILE_BYTES, RESPONSE_BYTES, TYPE } from './classic/constants.js';
/** The messages of the classic protocol as bytes (classic.md §1). */
export * as classicMessages from './classic/messages.js';
export {
  type ClassicDown,
  ClassicServer,
  PEER_STATES,
  type PeerState,
  type ServerEffect,
  type ServerOptions,
  type ServerRefusal,
} from './classic/server.js';
export {
  CIPHER_CHOICES,
  CIPHERS,
  type Cipher,
  type CipherChoice,
  newId,
  newKey,
  type Random,
  type Secret,
} from './classic/session-key.js';
export { HostMachine } from './host/host.js';
export { macOf } from './host/mac.js';
export {
  type AddressesEffect,
  HOST_DROPS,
  type HostDrop,
  type HostEffect,
  type HostNotice,
  type HostOptions,
  type Prefix,
  SERVICES,
  type Service,
} from './host/terms.js';
export type { Rate } from './rate-limit.js';
export { type Remote, remoteText } from './remote.js';
export {
  ENROL_RESULTS,
  type EnrolAnswer,
  type EnrolResult,
  type Introduction,
} from './secure/control.js';
export { SecureMachine } from './secure/machine.js';
/** The messages of the secure cable as bytes (secure.md §1.1). */
export * as secureMessages from './secure/messages.js';
export type { Initiation, Response } from './secure/noise.js';
export type { Hello, Peer } from './secure/peer.js';
export {
  type HandshakeKeys,
  type PeerOptions,
  SECURE_REFUSALS,
  type SecureDown,
  type SecureEffect,
  type SecureGone,
  type SecureHint,
  type SecureOptions,
  type SecureRefusal,
  type Stranger,
} from './secure/terms.js';
export { longestFrame } from './sizes.js';
