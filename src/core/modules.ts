import { curveBytes } from './curve.js';
import { wasmBytes } from './wasm.js';

/** Both modules of the core, one behind the other: the core's SHA-256 is of these bytes. */
export function coreBytes(): Uint8Array<ArrayBuffer> {
  const [frames, curve] = [wasmBytes(), curveBytes()];
  const both = new Uint8Array(frames.length + curve.length);
  both.set(frames);
  both.set(curve, frames.length);
  return both;
}
