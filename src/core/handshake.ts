// What a handshake computes (assembly/handshake.ts), in its own memory and without waiting: the caller for a public key may be in no
// async function. What is returned does not move, so that wiping it wipes all of it.
import { moduleBytes } from './embedded.js';
import { coreFault } from './fault.js';
import { HANDSHAKE_BASE64 } from './handshake.generated.js';

const HASH_BYTES = 32;
const TAG_BYTES = 16;

/** Addresses of assembly/handshake-layout.ts. */
const LAYOUT = [
  'AAD',
  'HASH',
  'INPUT',
  'INPUT_BYTES',
  'KEY',
  'POINT',
  'RESULT',
  'SCALAR',
  'TEXT_BYTES',
] as const;

interface Handshake {
  readonly bytes: Uint8Array;
  readonly at: Readonly<Record<(typeof LAYOUT)[number], number>>;
  readonly functions: {
    hash(length: number, keyBytes: number, hashBytes: number): void;
    hkdf(length: number, outputs: number): void;
    open(length: number): number;
    seal(length: number): void;
    times(): void;
    timesBase(): void;
    timesBoth(): void;
  };
}

let loaded: Handshake | undefined;

/** The module as it is compiled. */
export function handshakeBytes(): Uint8Array<ArrayBuffer> {
  return moduleBytes(HANDSHAKE_BASE64);
}

/** @throws CryptcabError where there is no WebAssembly */
function load(): Handshake {
  if (loaded !== undefined) return loaded;
  try {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(handshakeBytes()));
    loaded = {
      bytes: new Uint8Array((exports.memory as WebAssembly.Memory).buffer),
      at: Object.fromEntries(
        LAYOUT.map((name) => [name, (exports[name] as WebAssembly.Global).value]),
      ) as Handshake['at'],
      functions: exports as unknown as Handshake['functions'],
    };
    return loaded;
  } catch (error) {
    throw coreFault(error) ?? error;
  }
}

/** The module's memory, for tests: what is secret does not stay there. */
export function handshakeMemory(): Uint8Array {
  return load().bytes;
}

/** Takes bytes out of the module's memory, and wipes all from an address on up to there. */
function takeOut(
  bytes: Uint8Array,
  address: number,
  length: number,
  wipeFrom: number,
): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(new ArrayBuffer(length));
  out.set(bytes.subarray(address, address + length));
  bytes.fill(0, wipeFrom, address + length);
  return out;
}

/**
 * A multiple of a point of X25519 (RFC 7748 §5); of the base point when there is none.
 * @param point 32 bytes, as the scalar has
 * @returns 32 bytes
 * @throws CryptcabError where there is no WebAssembly
 */
export function multiple(scalar: Uint8Array, point?: Uint8Array): Uint8Array<ArrayBuffer> {
  const { bytes, at, functions } = load();
  bytes.set(scalar, at.SCALAR);
  if (point === undefined) {
    functions.timesBase();
  } else {
    bytes.set(point, at.POINT);
    functions.times();
  }
  return takeOut(bytes, at.RESULT, 32, at.POINT);
}

/**
 * Two multiples of points, in three quarters of the time that they take one after the other.
 * @param scalars 32 bytes each, as the points have
 * @returns 32 bytes each
 * @throws CryptcabError where there is no WebAssembly
 */
export function multiples(
  scalars: readonly [Uint8Array, Uint8Array],
  points: readonly [Uint8Array, Uint8Array],
): [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>] {
  const { bytes, at, functions } = load();
  for (const i of [0, 1] as const) {
    bytes.set(scalars[i], at.SCALAR + 32 * i);
    bytes.set(points[i], at.POINT + 32 * i);
  }
  functions.timesBoth();
  const first = takeOut(bytes, at.RESULT, 32, at.POINT);
  return [first, takeOut(bytes, at.RESULT + 32, 32, at.RESULT + 32)];
}

function putInput({ bytes, at }: Handshake, parts: readonly Uint8Array[]): number {
  let length = 0;
  for (const part of parts) {
    if (length + part.length > at.INPUT_BYTES) throw new RangeError('this is too long to be hashed here');
    bytes.set(part, at.INPUT + length);
    length += part.length;
  }
  return length;
}

/**
 * BLAKE2s (RFC 7693).
 * @param parts one behind the other, 384 bytes in all at most
 * @throws RangeError for more, CryptcabError where there is no WebAssembly
 */
export function blake2s(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const module = load();
  module.functions.hash(putInput(module, parts), 0, HASH_BYTES);
  return takeOut(module.bytes, module.at.HASH, HASH_BYTES, module.at.KEY);
}

/**
 * hash = BLAKE2s of itself and what is behind it.
 * @param bytes 352 at most
 * @throws RangeError for more, CryptcabError where there is no WebAssembly
 */
export function mixHash(hash: Uint8Array, bytes: Uint8Array): void {
  const module = load();
  const { at } = module;
  module.functions.hash(putInput(module, [hash, bytes]), 0, HASH_BYTES);
  hash.set(module.bytes.subarray(at.HASH, at.HASH + HASH_BYTES));
  module.bytes.fill(0, at.KEY, at.HASH + HASH_BYTES);
}

/**
 * BLAKE2s with a key.
 * @param key 32 bytes at most
 * @param input not empty, 384 bytes at most
 * @param length bytes of the result, 32 at most
 * @throws RangeError for other lengths, CryptcabError where there is no WebAssembly
 */
export function keyedBlake2s(key: Uint8Array, input: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  if (key.length === 0 || key.length > HASH_BYTES || input.length === 0)
    throw new RangeError('BLAKE2s takes a key of 1 to 32 bytes, and something to hash');
  const module = load();
  const { bytes, at, functions } = module;
  const inputBytes = putInput(module, [input]);
  bytes.set(key, at.KEY);
  functions.hash(inputBytes, key.length, length);
  const mac = takeOut(bytes, at.HASH, HASH_BYTES, at.KEY);
  return length === HASH_BYTES ? mac : mac.slice(0, length);
}

/**
 * HKDF of Noise (revision 34, §4.3) with BLAKE2s: the chaining key becomes the first output.
 * @param chain the chaining key, 32 bytes
 * @param input 384 bytes at most
 * @param outputs 1 to 3
 * @returns the others, 32 bytes each, one behind the other
 * @throws RangeError for other lengths, CryptcabError where there is no WebAssembly
 */
export function mixKey(chain: Uint8Array, input: Uint8Array, outputs: 1 | 2 | 3): Uint8Array<ArrayBuffer> {
  if (chain.length !== HASH_BYTES) throw new RangeError('a chaining key has 32 bytes');
  const module = load();
  const { bytes, at, functions } = module;
  bytes.set(chain, at.KEY);
  functions.hkdf(putInput(module, [input]), outputs);
  const rest = at.HASH + HASH_BYTES;
  chain.set(bytes.subarray(at.HASH, rest));
  return takeOut(bytes, rest, (outputs - 1) * HASH_BYTES, at.KEY);
}

/** Puts in what is sealed or opened. @returns where the text begins */
function putText(
  { bytes, at }: Handshake,
  key: Uint8Array,
  data: Uint8Array,
  text: Uint8Array,
  room: number,
): number {
  if (key.length !== HASH_BYTES || data.length !== HASH_BYTES || text.length > room)
    throw new RangeError('this is no key, or too long to be sealed here');
  bytes.set(key, at.KEY);
  bytes.set(data, at.AAD);
  bytes.set(text, at.AAD + HASH_BYTES);
  return at.AAD + HASH_BYTES;
}

/**
 * ChaCha20-Poly1305 (RFC 8439 §2.8) with a nonce of zeros: a key seals once.
 * @param key 32 bytes
 * @param data additional data, 32 bytes
 * @param plain 368 bytes at most
 * @returns what is sealed, and behind it a tag of 16 bytes
 * @throws RangeError for other lengths, CryptcabError where there is no WebAssembly
 */
export function seal(key: Uint8Array, data: Uint8Array, plain: Uint8Array): Uint8Array<ArrayBuffer> {
  const module = load();
  const { bytes, at, functions } = module;
  const text = putText(module, key, data, plain, at.TEXT_BYTES - TAG_BYTES);
  functions.seal(plain.length);
  return takeOut(bytes, text, plain.length + TAG_BYTES, at.AAD);
}

/**
 * Opens what seal() has sealed.
 * @returns undefined where the tag is another one
 * @throws RangeError for other lengths, CryptcabError where there is no WebAssembly
 */
export function open(
  key: Uint8Array,
  data: Uint8Array,
  sealed: Uint8Array,
): Uint8Array<ArrayBuffer> | undefined {
  const module = load();
  const { bytes, at, functions } = module;
  if (sealed.length < TAG_BYTES) return undefined;
  const text = putText(module, key, data, sealed, at.TEXT_BYTES);
  const length = sealed.length - TAG_BYTES;
  if (functions.open(length) === 0) return undefined;
  return takeOut(bytes, text, length, at.AAD);
}
