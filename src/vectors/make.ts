// Makes the files of vectors: the same bytes for the same seed on every runtime. No I/O.
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { blowfishCbc, blowfishEcb, crc32 } from './make/ciphers.js';
import { classicBlowfish, classicChaCha20, classicPlain } from './make/classic.js';
import { classicTraces } from './make/classic-traces.js';
import { fileText, type Maker } from './make/draft.js';
import { secureTransport } from './make/secure.js';
import { secureHandshakes } from './make/secure-handshakes.js';
import { secureHosts } from './make/secure-hosts.js';
import { secureTraces } from './make/secure-traces.js';
import { vdestream } from './make/vdestream.js';
import { seededRandom } from './random.js';
import { Tools } from './tools.js';

/** The seed of the files in the package. */
export const SEED = 1;
/** SHA-256 of each file, in the form of sha256sum. */
export const MANIFEST = 'SHA256SUMS';

const MAKERS: Readonly<Record<string, Maker>> = {
  'blowfish-ecb': blowfishEcb,
  'blowfish-cbc': blowfishCbc,
  crc32,
  vdestream,
  'classic-blowfish': classicBlowfish,
  'classic-chacha20': classicChaCha20,
  'classic-plain': classicPlain,
  'classic-traces': classicTraces,
  'secure-transport': secureTransport,
  'secure-handshake': secureHandshakes,
  'secure-traces': secureTraces,
  'secure-hosts': secureHosts,
};

export function sha256Of(text: string): string {
  return bytesToHex(sha256(utf8ToBytes(text)));
}

/**
 * @param seed a whole number from 0 to 2^53 - 1
 * @returns the text of each file, by its name; the manifest is the last one
 */
export async function make(seed: number): Promise<ReadonlyMap<string, string>> {
  const tools = await Tools.load();
  const files = new Map<string, string>();
  for (const [name, maker] of Object.entries(MAKERS))
    files.set(`${name}.json`, fileText(maker(seededRandom(seed, name), tools), seed));
  const sums = [...files].map(([name, text]) => `${sha256Of(text)}  ${name}\n`);
  files.set(MANIFEST, sums.join(''));
  return files;
}
