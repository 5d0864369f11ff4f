// What came to the same values without us, and its version then: test/vectors/oracle.mjs asks it.
import type { Oracle } from './draft.js';

export const openssl = (confirms: string): Oracle => ({
  name: 'OpenSSL',
  version: 'OPENSSL_VERSION',
  confirms,
});
export const zlib = (confirms: string): Oracle => ({
  name: 'zlib.crc32 of Python',
  version: 'PYTHON_VERSION',
  confirms,
});
export const hashlib = (confirms: string): Oracle => ({
  name: 'hashlib.blake2s of Python',
  version: 'PYTHON_VERSION',
  confirms,
});
/** For framing, timers and the like, which no other program has by itself. */
export const model = (confirms: string): Oracle => ({
  name: 'test/vectors/oracle.mjs',
  version: '1',
  confirms,
});
