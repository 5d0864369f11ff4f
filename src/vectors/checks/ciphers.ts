// Ciphers and checksums. The types and fields are Wycheproof's where it has them.

import { poly1305 } from '@noble/ciphers/_poly1305.js';
import { chacha20poly1305, type xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { bytesToHex, concatBytes } from '@noble/hashes/utils.js';
import { agree } from '../../protocol/secure/noise.js';
import { Refused, same } from '../fields.js';
import type { Check } from '../tools.js';

/** What a cipher does not take at all: a key, a nonce or a ciphertext of another length. */
function taken<T>(work: () => T): T {
  try {
    return work();
  } catch {
    throw new Refused('bad length');
  }
}

/** Blowfish, block by block, both ways. */
export const blockCipher: Check = (fields, { primitives }) => {
  const [key, msg, ct] = [fields.bytes('key'), fields.bytes('msg'), fields.bytes('ct')];
  const sealed = taken(() => primitives.blowfish(key, msg, 'encrypt'));
  same('the ciphertext', ct, sealed);
  same('the plaintext', msg, primitives.blowfish(key, ct, 'decrypt'));
};

/** Blowfish-CBC with PKCS#7 padding. */
export const cbc: Check = (fields, { primitives }) => {
  const [key, iv, msg, ct] = [
    fields.bytes('key'),
    fields.bytes('iv'),
    fields.bytes('msg'),
    fields.bytes('ct'),
  ];
  const opened = taken(() => primitives.cbcOpen(key, iv, ct));
  if (opened === undefined) throw new Refused('bad padding');
  same('the plaintext', msg, opened);
  same('the ciphertext', ct, primitives.cbcSeal(key, iv, msg));
};

/** Blowfish-CBC of whole blocks: ours has a block of padding behind. */
export const cbcUnpadded: Check = (fields, { primitives }) => {
  const [key, iv, msg, ct] = [
    fields.bytes('key'),
    fields.bytes('iv'),
    fields.bytes('msg'),
    fields.bytes('ct'),
  ];
  const sealed = taken(() => primitives.cbcSeal(key, iv, msg));
  same('the ciphertext', ct, sealed.subarray(0, msg.length));
  same('the plaintext', msg, primitives.cbcOpen(key, iv, sealed) ?? 'nothing');
};

/** CRC-32 (IEEE 802.3), as a number in hexadecimal, its first digit the most significant. */
export const checksum: Check = (fields, { primitives }) => {
  const got = primitives.crc32(fields.bytes('msg')).toString(16).padStart(8, '0');
  if (!fields.valid && got !== fields.text('crc')) throw new Refused('bad checksum');
  same('the checksum', fields.text('crc'), got);
};

/** ChaCha20-Poly1305 and XChaCha20-Poly1305: the handshake's, and where there is no additional data the core's, too. */
export const aead =
  (cipher: typeof chacha20poly1305 | typeof xchacha20poly1305): Check =>
  (fields, { primitives }) => {
    const [key, iv, aad] = [fields.bytes('key'), fields.bytes('iv'), fields.bytes('aad')];
    const [msg, sealed] = [fields.bytes('msg'), concatBytes(fields.bytes('ct'), fields.bytes('tag'))];
    const make = taken(() => cipher(key, iv, aad));
    let opened: Uint8Array | undefined;
    try {
      opened = make.decrypt(sealed);
    } catch {
      opened = undefined;
    }
    if (cipher === chacha20poly1305 && aad.length === 0 && sealed.length <= primitives.mostSealed) {
      const core = taken(() => primitives.aeadOpen(key, iv, sealed));
      same('what the core opens', opened ?? 'nothing', core ?? 'nothing');
      if (core !== undefined) same('what the core seals', sealed, primitives.aeadSeal(key, iv, msg));
    }
    if (opened === undefined) throw new Refused('decrypt failed');
    same('the plaintext', msg, opened);
    same('the ciphertext', sealed, cipher(key, iv, aad).encrypt(msg));
  };

/** Poly1305: of whole blocks the core's, too. */
export const mac: Check = (fields, { primitives }) => {
  const [key, msg, tag] = [fields.bytes('key'), fields.bytes('msg'), fields.bytes('tag')];
  const got = taken(() => poly1305(msg, key));
  if (msg.length % 16 === 0) same("the core's tag", got, primitives.poly1305(key, msg));
  if (!fields.valid && bytesToHex(got) !== bytesToHex(tag)) throw new Refused('decrypt failed');
  same('the tag', tag, got);
};

/** X25519, as the handshake uses it: what would agree on zero is refused. */
export const agreement: Check = (fields) => {
  const [secret, other] = [fields.bytes('private'), fields.bytes('public')];
  let shared: Uint8Array;
  try {
    shared = agree(secret, other);
  } catch {
    throw new Refused('small order');
  }
  same('the shared secret', fields.bytes('shared'), shared);
};
