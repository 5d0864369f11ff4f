// The handshake's pattern against vectors of another implementation, and the libraries that it stands on against the
// RFCs that they implement.
import { readFileSync } from 'node:fs';
import { chacha20poly1305, xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { x25519 } from '@noble/curves/ed25519.js';
import { blake2s } from '@noble/hashes/blake2.js';
import { describe, expect, it } from 'vitest';
import {
  agree,
  begin,
  copyState,
  keyPair,
  readInitiator,
  readPayload,
  readResponse,
  split,
  writeInitiation,
  writeResponse,
} from '../../src/protocol/secure/noise.js';
import { randomness } from '../seed.js';
import { hex, unhex } from '../unit/core/harness.js';
import { aeadSeal } from '../unit/core/secure-twins.js';

const { vectors } = JSON.parse(readFileSync(new URL('noise-ikpsk2.json', import.meta.url), 'utf8')) as {
  vectors: Record<string, string>[];
};

describe('Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s', () => {
  it('there are vectors with and without payload and prologue', () => {
    expect(vectors).toHaveLength(4);
    expect(new Set(vectors.map((one) => one.prologue)).size).toBe(2);
  });

  it.each(vectors)('vector %#', (vector) => {
    const get = (name: string) => Uint8Array.from(unhex(vector[name] ?? ''));
    const [own, peer] = [keyPair(get('init_static')), keyPair(get('resp_static'))];
    const [ephemeral, answering] = [keyPair(get('gen_init_ephemeral')), keyPair(get('gen_resp_ephemeral'))];
    const preshared = get('preshared_key');
    const shared = agree(own.secret, peer.public);

    const initiator = begin(get('prologue'), peer.public);
    const first = writeInitiation(initiator, own, ephemeral, peer.public, shared, get('msg_0_payload'));
    expect(hex(Buffer.concat([first.ephemeral, first.sealedStatic, first.sealedPayload]))).toBe(
      vector.msg_0_ciphertext,
    );
    const responder = begin(get('prologue'), peer.public);
    expect(hex(readInitiator(responder, peer, first))).toBe(hex(own.public));
    expect(hex(readPayload(responder, shared, first))).toBe(vector.msg_0_payload);

    const second = writeResponse(
      responder,
      answering,
      own.public,
      first.ephemeral,
      preshared,
      get('msg_1_payload'),
    );
    expect(hex(Buffer.concat([second.ephemeral, second.sealedPayload]))).toBe(vector.msg_1_ciphertext);
    const wrong = copyState(initiator);
    expect(() => readResponse(wrong, own, ephemeral, new Uint8Array(32), second)).toThrow();
    expect(hex(readResponse(initiator, own, ephemeral, preshared, second))).toBe(vector.msg_1_payload);

    const keys = split(initiator);
    expect(split(responder).map(hex)).toEqual(keys.map(hex));
    for (const [i, key] of keys.entries()) {
      const sealed = aeadSeal(key, new Uint8Array(12), get(`msg_${2 + i}_payload`));
      expect(hex(sealed)).toBe(vector[`msg_${2 + i}_ciphertext`]);
    }
    expect(
      [initiator, responder].flatMap(({ chain, hash }) => [...chain, ...hash]).every((b) => b === 0),
    ).toBe(true);
  });
});

describe('the libraries', () => {
  it('X25519: RFC 7748 §6.1, and no key of small order', () => {
    const bob = unhex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb');
    const alice = unhex('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a');
    expect(hex(keyPair(bob).public)).toBe('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f');
    expect(hex(agree(bob, alice))).toBe('4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742');
    for (const zero of ['00'.repeat(32), `01${'00'.repeat(31)}`])
      expect(() => agree(bob, unhex(zero))).toThrow();
  });

  it('X25519: RFC 7748 §5.2', () => {
    const vectors = [
      [
        'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
        'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
        'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
      ],
      [
        '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
        'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493',
        '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
      ],
    ] as [string, string, string][];
    for (const [scalar, point, result] of vectors)
      expect(hex(x25519.scalarMult(unhex(scalar), unhex(point)))).toBe(result);
  });

  it('BLAKE2s: RFC 7693, appendix B', () => {
    expect(hex(blake2s(Uint8Array.from(Buffer.from('abc'))))).toBe(
      '508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982',
    );
  });

  it('ChaCha20-Poly1305: as the twin of the core, with and without additional data', () => {
    const { bytes, below } = randomness();
    for (let i = 0; i < 200; i++) {
      const [key, nonce, plain, data] = [bytes(32), bytes(12), bytes(below(200)), bytes(below(3) * 17)];
      expect(hex(chacha20poly1305(key, nonce, data).encrypt(plain))).toBe(
        hex(aeadSeal(key, nonce, plain, data)),
      );
    }
  });

  it('XChaCha20-Poly1305: draft-irtf-cfrg-xchacha-03, A.3.1', () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => 0x80 + i);
    const nonce = Uint8Array.from({ length: 24 }, (_, i) => 0x40 + i);
    const sealed = xchacha20poly1305(key, nonce, unhex('50515253c0c1c2c3c4c5c6c7')).encrypt(
      Uint8Array.from(
        Buffer.from(
          "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
        ),
      ),
    );
    expect(hex(sealed.slice(0, 16))).toBe('bd6d179d3e83d43b9576579493c0e939');
    expect(hex(sealed.slice(-16))).toBe('c0875924c1c7987947deafd8780acf49');
  });
});
