import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { wasmBytes } from '../core/wasm.js';
import { runtimeText } from './runtime.js';

/** What --version -v prints besides the version. */
export function details(): string[] {
  return [`runtime: ${runtimeText()}`, `core: SHA-256 ${bytesToHex(sha256(wasmBytes()))}`];
}
