// What came to the same values without us, and its version then: vectors/oracle asks them, and prints their versions.
import type { Oracle } from './draft.js';

export const openssl = (confirms: string): Oracle => ({ name: 'OpenSSL', version: '3.0.19', confirms });

export const zlib = (confirms: string): Oracle => ({
  name: 'zlib.crc32 of Python',
  version: '3.11.7 (zlib 1.2.13)',
  confirms,
});

export const hashlib = (confirms: string): Oracle => ({
  name: 'hashlib.blake2s of Python',
  version: '3.11.7',
  confirms,
});

/** The C program, whose captures are in vectors/foreign. */
export const program = (version: string, confirms: string): Oracle => ({
  name: 'vde_cryptcab',
  version,
  confirms,
});

/** For framing, timers and the like, which no other program has by itself: what the specification says, written a second time. */
export const model = (confirms: string): Oracle => ({ name: 'vectors/oracle', version: '1', confirms });
