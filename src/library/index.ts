/**
 * A whole cable, or a server, as an object: {@link connect} and {@link serve}, with sockets, plugs, key files and ssh. For
 * Node, Bun and Deno.
 * @module node
 */

export { type MemoryPort, memoryPort } from '../cable/plug/memory-plug.js';
export type { OpenPlug, PeerIdentity, Plug, PlugEvents } from '../cable/plug/plug.js';
export type { OpenUdp, Sent, Udp, UdpEvents, UdpWish } from '../cable/udp/udp.js';
export type { WireTap } from '../cable/wire-tap.js';
export type {
  Dropped,
  EndReport,
  Flow,
  Origin,
  OriginKind,
  PeerStatus,
  PendingPeer,
  Rates,
  Reasons,
  SeenMac,
  Traffic,
  Why,
  WireGuardHost,
} from '../control/status.js';
export type { Refusal } from '../core/status.js';
export type { Keying, SessionCounts } from '../core/terms.js';
export type { CarryKey } from '../ends/carry-key.js';
export type { Endpoint } from '../ends/endpoint.js';
export type { NamedPlace } from '../ends/peers/line-of.js';
export type { PeerDown, PeerStatistics, PeerUp } from '../ends/running.js';
export { CryptcabError, TemporaryError } from '../error.js';
export type { Enrolled } from '../keys/enrolment.js';
export type { Log } from '../log.js';
export type { Policy } from '../network/policy.js';
export type { TapNetwork } from '../network/tap-network.js';
export { IO_PATHS, type Io } from '../options/io-path.js';
export type { Cipher, CipherChoice } from '../protocol/classic/session-key.js';
export type { Remote } from '../protocol/remote.js';
export type { SecureRefusal } from '../protocol/secure/terms.js';
export { type Client, connect } from './connect.js';
export type { CableEnd, Stats } from './end.js';
export type {
  AnyCableEvent,
  CableEvent,
  CableEventMap,
  CableListener,
  CableListenerObject,
  CableListenerOptions,
  CloseDetail,
  DownDetail,
  PluggedDetail,
  UnpluggedDetail,
} from './events.js';
export { join } from './join.js';
export { keyText, newPresharedKey, newPrivateKey, parseKey, publicKeyOf } from './keys.js';
export type {
  ConnectOptions,
  EndOptions,
  Enrol,
  EnrolKeys,
  InviteOptions,
  Joined,
  JoinOptions,
  SecureConnectOptions,
  SecurePeer,
  SecureServeOptions,
  ServeOptions,
  SshOptions,
} from './options.js';
export { type Server, type ServerPeers, serve } from './serve.js';
