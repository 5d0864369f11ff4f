// X25519 of the core (assembly/x25519.ts), in a memory of its own and without waiting: who wants a public key may be in no async function.
import { moduleBytes } from './embedded.js';
import { coreFault } from './fault.js';
import { X25519_BASE64 } from './x25519.generated.js';

const BYTES = 32;

interface Curve {
  readonly bytes: Uint8Array;
  readonly scalar: number;
  readonly point: number;
  readonly result: number;
  times(): void;
  timesBase(): void;
}

let loaded: Curve | undefined;

/** The module as it is compiled. */
export function curveBytes(): Uint8Array<ArrayBuffer> {
  return moduleBytes(X25519_BASE64);
}

function load(): Curve {
  try {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(curveBytes()));
    const address = (name: string) => (exports[name] as WebAssembly.Global).value as number;
    return {
      bytes: new Uint8Array((exports.memory as WebAssembly.Memory).buffer),
      scalar: address('SCALAR'),
      point: address('POINT'),
      result: address('RESULT'),
      times: exports.times as () => void,
      timesBase: exports.timesBase as () => void,
    };
  } catch (error) {
    throw coreFault(error) ?? error;
  }
}

/** The module's memory, for tests: what is secret does not stay there. */
export function curveMemory(): Uint8Array {
  loaded ??= load();
  return loaded.bytes;
}

/**
 * A multiple of a point (RFC 7748 §5); of the base point when there is none.
 * @param point 32 bytes, as the scalar has
 * @returns 32 bytes that do not move, so that wiping them wipes all of them
 * @throws CryptcabError where there is no WebAssembly
 */
export function multiple(scalar: Uint8Array, point?: Uint8Array): Uint8Array<ArrayBuffer> {
  loaded ??= load();
  const { bytes, result } = loaded;
  bytes.set(scalar, loaded.scalar);
  if (point === undefined) {
    loaded.timesBase();
  } else {
    bytes.set(point, loaded.point);
    loaded.times();
    bytes.fill(0, loaded.point, loaded.point + BYTES);
  }
  const out = new Uint8Array(new ArrayBuffer(BYTES));
  out.set(bytes.subarray(result, result + BYTES));
  bytes.fill(0, result, result + BYTES);
  return out;
}
