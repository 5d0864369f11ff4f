// The handshake's pattern, and the libraries that it uses against the RFCs that they implement.
import { chacha20poly1305, xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { x25519 } from '@noble/curves/ed25519.js';
import { blake2s } from '@noble/hashes/blake2.js';
import { describe, expect, it } from 'vitest';
import {
  agree,
  begin,
  copyState,
  type KeyPair,
  keyPair,
  readInitiator,
  readPayload,
  readResponse,
  split,
  writeInitiation,
  writeResponse,
} from '../../../src/protocol/secure/noise.js';
import noise from '../../../vectors/foreign/noise-ikpsk2.json' with { type: 'json' };
import { allRounds, rounds } from '../../support/rounds.js';
import { randomness } from '../../support/seed.js';
import { hex, unhex } from '../unit/core/harness.js';
import { aeadSeal } from '../unit/core/secure-twins.js';

// vectors/verify.test.ts runs the vectors of the pattern.
describe('Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s', () => {
  it('there are vectors with and without payload and prologue', () => {
    const tests = noise.testGroups.flatMap((group) => group.tests);
    expect(tests).toHaveLength(4);
    expect(new Set(tests.map(({ comment }) => comment)).size).toBe(4);
  });

  it('another preshared key is refused; what is secret is wiped in the end', () => {
    const { bytes } = randomness();
    const [own, peer, ephemeral, answering] = [bytes(32), bytes(32), bytes(32), bytes(32)].map(keyPair) as [
      KeyPair,
      KeyPair,
      KeyPair,
      KeyPair,
    ];
    const [preshared, nothing] = [bytes(32), new Uint8Array()];
    const shared = agree(own.secret, peer.public);
    const initiator = begin(nothing, peer.public);
    const first = writeInitiation(initiator, own, ephemeral, peer.public, shared, nothing);
    const responder = begin(nothing, peer.public);
    readInitiator(responder, peer, first);
    readPayload(responder, shared, first);
    const second = writeResponse(responder, answering, own.public, first.ephemeral, preshared, nothing);
    const wrong = copyState(initiator);
    expect(() => readResponse(wrong, own, ephemeral, new Uint8Array(32), second)).toThrow();
    readResponse(initiator, own, ephemeral, preshared, second);
    expect(split(responder).map(hex)).toEqual(split(initiator).map(hex));
    expect(
      [initiator, responder].flatMap(({ chain, hash }) => [...chain, ...hash]).every((b) => b === 0),
    ).toBe(true);
  });
});

describe('the libraries', () => {
  it('X25519: RFC 7748 §5.2, a thousand times over', () => {
    let [scalar, point] = [unhex(`09${'00'.repeat(31)}`), unhex(`09${'00'.repeat(31)}`)] as Uint8Array[] as [
      Uint8Array,
      Uint8Array,
    ];
    for (let i = 1; i <= rounds(1_000, 1); i++) {
      [scalar, point] = [x25519.scalarMult(scalar, point), scalar];
      if (i === 1)
        expect(hex(scalar)).toBe('422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079');
    }
    if (allRounds)
      expect(hex(scalar)).toBe('684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51');
  });

  it('BLAKE2s: RFC 7693, appendix E: many lengths, with and without a key', () => {
    const sequence = (length: number) => {
      let [a, b] = [Math.imul(0xdead4bad, length) >>> 0, 1];
      return Uint8Array.from({ length }, () => {
        const sum = (a + b) >>> 0;
        [a, b] = [b, sum];
        return sum >>> 24;
      });
    };
    const all = blake2s.create();
    for (const dkLen of [16, 20, 28, 32]) {
      for (const length of [0, 3, 64, 65, 255, 1024]) {
        all.update(blake2s(sequence(length), { dkLen }));
        all.update(blake2s(sequence(length), { dkLen, key: sequence(dkLen) }));
      }
    }
    expect(hex(all.digest())).toBe('6a411f08ce25adcdfb02aba641451cec53c598b24f4fc787fbdc88797f4c1dfe');
  });

  it('BLAKE2s: RFC 7693, appendix B', () => {
    expect(hex(blake2s(Uint8Array.from(Buffer.from('abc'))))).toBe(
      '508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982',
    );
  });

  it('ChaCha20-Poly1305: as the twin of the core, with and without additional data', () => {
    const { bytes, below } = randomness();
    for (let i = 0; i < rounds(200); i++) {
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
