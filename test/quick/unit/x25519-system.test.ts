// X25519 against that of the runtime: OpenSSL's on Node.
import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';
import { expect, test } from 'vitest';
import { agree, publicKeyOf } from '../../../src/protocol/secure/x25519.js';
import { rounds } from '../../support/rounds.js';
import { randomness } from '../../support/seed.js';

const random = randomness().bytes;
/** What is before the 32 bytes of a key (RFC 8410 §4, §7). */
const PRIVATE = Buffer.from('302e020100300506032b656e04220420', 'hex');
const PUBLIC = Buffer.from('302a300506032b656e032100', 'hex');

const der = (prefix: Buffer, key: Uint8Array) => Buffer.concat([prefix, key]);

test('says the same as node:crypto', () => {
  for (let i = 0; i < rounds(500, 50); i++) {
    const secret = random(32);
    const other = publicKeyOf(random(32));
    const privateKey = createPrivateKey({ key: der(PRIVATE, secret), format: 'der', type: 'pkcs8' });
    const publicKey = createPublicKey({ key: der(PUBLIC, other), format: 'der', type: 'spki' });
    const theirs = diffieHellman({ privateKey, publicKey });
    expect(theirs.equals(agree(secret, other))).toBe(true);
    const own = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(PUBLIC.length);
    expect(own.equals(publicKeyOf(secret))).toBe(true);
  }
});
