import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { coreBytes } from '../core/modules.js';
import { runtimeText } from './runtime.js';

/** What --version -v prints besides the version. */
export function details(): string[] {
  return [`runtime: ${runtimeText()}`, `core: SHA-256 ${bytesToHex(sha256(coreBytes()))}`];
}
