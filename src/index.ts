// The library's public face.
export type { LinkCounts, WireTap } from './cable.js';
export { type CarryKey, type ClientConfiguration, type RunningClient, startClient } from './client.js';
export { Core, type Keying, type SessionCounts } from './core/core.js';
export { type Refusal, STATUS, type Status } from './core/status.js';
export { newMemory } from './core/wasm.js';
export { CryptcabError } from './error.js';
export { readPresharedKey } from './keys/key-file.js';
export { carryKey, type ScpTarget, splitOptions } from './keys/scp.js';
export type { Log } from './log.js';
export { type MemoryPort, memoryPort } from './plug/memory-plug.js';
export type { OpenPlug, Plug, PlugEvents } from './plug/plug.js';
export { vdePlug } from './plug/vde-plug.js';
export {
  ClassicClient,
  type ClientEffect,
  type ClientMode,
  type ClientOptions,
} from './protocol/classic-client.js';
export { ClassicServer, type ServerEffect, type ServerOptions } from './protocol/classic-server.js';
export { DEFAULT_PORT, KEY_FILE_BYTES } from './protocol/constants.js';
export type { Remote } from './protocol/remote.js';
export type { Cipher } from './protocol/session-key.js';
export type { PeerStatistics, Running } from './running.js';
export { type ServerConfiguration, type ServerKeys, startServer } from './server.js';
export { openDgram } from './udp/dgram.js';
export type { OpenUdp, Udp, UdpEvents } from './udp/udp.js';
