// The library's public face.
export type { WireTap } from './cable.js';
export { type CarryKey, type ClientConfiguration, startClient } from './client.js';
export { Core, type Keying, type SessionCounts } from './core/core.js';
export { type Refusal, STATUS, type Status } from './core/status.js';
export { newMemory } from './core/wasm.js';
export { CryptcabError } from './error.js';
export type { Enrolled } from './keys/enrolment.js';
export { readPresharedKey } from './keys/key-file.js';
export { carryKey, type ScpTarget, splitOptions } from './keys/scp.js';
export type { Log } from './log.js';
export { IO_PATHS, type Io } from './open-cable.js';
export { type MemoryPort, memoryPort } from './plug/memory-plug.js';
export type { OpenPlug, Plug, PlugEvents } from './plug/plug.js';
export { vdePlug } from './plug/vde-plug.js';
export { ClassicClient } from './protocol/classic-client.js';
export { ClassicServer, type ServerEffect, type ServerOptions } from './protocol/classic-server.js';
export type { ClientEffect, ClientMode, ClientOptions } from './protocol/client-terms.js';
export { DEFAULT_PORT, KEY_FILE_BYTES } from './protocol/constants.js';
export type { Remote } from './protocol/remote.js';
export type { Cipher } from './protocol/session-key.js';
export type { PeerStatistics, Running, RunningClient } from './running.js';
export {
  type Enrol,
  type SecureClientConfiguration,
  type SecureKeys,
  startSecureClient,
} from './secure/secure-client.js';
export type { SecureServerConfiguration } from './secure/secure-server.js';
export { type RunningServer, type ServerConfiguration, type ServerKeys, startServer } from './server.js';
export { openDgram } from './udp/dgram.js';
export type { OpenUdp, Udp, UdpEvents } from './udp/udp.js';
