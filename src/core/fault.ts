import { CryptcabError, messageOf } from '../error.js';

/** Why the core cannot be had on this runtime, for people; undefined where an error says something else. */
export function coreFault(error: unknown): CryptcabError | undefined {
  if (typeof WebAssembly === 'undefined') {
    if (!(error instanceof ReferenceError)) return undefined;
    return new CryptcabError(
      'there is no WebAssembly here, and the core is made of it: start Node.js without --jitless and --no-expose-wasm (see NODE_OPTIONS)',
    );
  }
  if (error instanceof WebAssembly.CompileError || error instanceof WebAssembly.LinkError)
    return new CryptcabError(`this runtime cannot run the core, use a newer one: ${messageOf(error)}`);
  // Little of it is used: V8 sets 10 GiB of address space aside for each memory, so as to do without bounds checks.
  if (error instanceof RangeError && /memory/i.test(error.message))
    return new CryptcabError(
      'not enough address space for the core: raise the limit (ulimit -v unlimited), or start Node.js with NODE_OPTIONS=--disable-wasm-trap-handler, which needs far less',
    );
  return undefined;
}

/**
 * Loads the core.
 * @throws CryptcabError where it cannot be had
 */
