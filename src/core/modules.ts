import { handshakeBytes } from './handshake.js';
import { wasmBytes } from './wasm.js';

/** Both modules of the core, one behind the other: the core's SHA-256 is of these bytes. */
export function coreBytes(): Uint8Array<ArrayBuffer> {
  const [frames, handshake] = [wasmBytes(), handshakeBytes()];
  const both = new Uint8Array(frames.length + handshake.length);
  both.set(frames);
  both.set(handshake, frames.length);
  return both;
}
