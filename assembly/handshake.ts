// What a handshake computes, as a module with a memory of its own: no key is where frames are. src/core/handshake.ts calls it, and
// wipes what it wrote and read; nothing else is left when a function has ended.
export { hash, hkdf } from './blake2s';
export { HASH, INPUT, INPUT_BYTES, KEY, POINT, RESULT, SCALAR } from './handshake-layout';
export { times, timesBase, timesBoth } from './x25519';
