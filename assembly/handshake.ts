// What a handshake computes, as a module with a memory of its own: no key is where frames are. src/core/handshake.ts calls it, and
// wipes what it wrote and read; nothing else is left when a function has ended.
export { hash, hkdf } from './blake2s';
export { AAD, HASH, INPUT, INPUT_BYTES, KEY, POINT, RESULT, SCALAR, TEXT_BYTES } from './handshake-layout';
export { open, seal } from './short-aead';
export { times, timesBase, timesBoth } from './x25519';
