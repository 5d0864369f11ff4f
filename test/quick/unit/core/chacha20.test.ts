import { describe, expect, it } from 'vitest';
import { instantiate } from '../../../../src/core/wasm.js';
import { randomness } from '../../../support/seed.js';
import { hex, makeCore, unhex } from './harness.js';
import { ChaChaCable, chacha20 } from './twins.js';

const wasm = await instantiate();

/** The core's ChaCha20. */
function core20(key: Uint8Array, nonce: Uint8Array, counter: number, data: Uint8Array, offset = 0): Buffer {
  const memory = new Uint8Array(wasm.memory.buffer);
  const [at, keyAt, nonceAt] = [
    wasm.layout.STAGE_IN + 64 + offset,
    wasm.layout.STAGE_IN,
    wasm.layout.STAGE_IN + 32,
  ];
  memory.set(key, keyAt);
  memory.set(nonce, nonceAt);
  memory.set(data, at);
  wasm.functions.chacha20(at, data.length, keyAt, nonceAt, counter);
  return Buffer.from(memory.slice(at, at + data.length));
}

describe('ChaCha20', () => {
  const key = Uint8Array.from({ length: 32 }, (_, i) => i);

  it('RFC 8439 §2.4.2: the sunscreen', () => {
    const plain = Buffer.from(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    );
    const sealed =
      '6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0bf91b65c5524733ab8f593dabcd62b357' +
      '1639d624e65152ab8f530c359f0861d807ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736' +
      '5af90bbf74a35be6b40b8eedf2785e42874d';
    const nonce = unhex('000000000000004a00000000');
    for (const cipher of [chacha20, core20]) {
      expect(hex(cipher(key, nonce, 1, plain))).toBe(sealed);
      expect(hex(cipher(key, nonce, 1, unhex(sealed)))).toBe(hex(plain));
    }
  });

  it('RFC 8439 §2.3.2: a block of key stream', () => {
    const nonce = unhex('000000090000004a00000000');
    const stream =
      '10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4ed2826446079faa0914c2d705d98b02a2' +
      'b5129cd1de164eb9cbd083e8a2503c4e';
    for (const cipher of [chacha20, core20])
      expect(hex(cipher(key, nonce, 1, new Uint8Array(64)))).toBe(stream);
  });

  it('all lengths around its vectors and blocks, at all alignments, as its twin', () => {
    const { bytes, below } = randomness();
    for (const length of [...Array(300).keys(), 511, 512, 513, 1412, 9216]) {
      const [key, nonce, data] = [bytes(32), bytes(12), bytes(length)];
      const counter = below(2) === 0 ? below(16) : 2 ** 32 - 1 - below(8);
      expect(hex(core20(key, nonce, counter, data, below(16)))).toBe(
        hex(chacha20(key, nonce, counter, data)),
      );
    }
  });
});

describe.each([0, 12] as const)('a ChaCha20 session, block counter %d', (block) => {
  const { bytes, below } = randomness();
  const key = bytes(44);
  const keying = { suite: 'chacha20', key, block } as const;
  const cable = new ChaChaCable(key, block);

  async function make() {
    const test = await makeCore();
    const number = test.session();
    test.core.keySession(number, keying);
    return { ...test, number };
  }

  it('seals and opens as its twin', async () => {
    const { number, seal, open, setNextCounter } = await make();
    let counter = 0n;
    for (const length of [14, 60, 61, 127, 128, 129, 1412, 1514, 9216]) {
      counter += BigInt(1 + below(2 ** 30)) ** 2n;
      setNextCounter(counter);
      const frame = bytes(length);
      const datagram = cable.seal(0x20, frame, counter);
      expect(datagram).toHaveLength(length + 13);
      expect(hex(seal(number, frame).bytes)).toBe(hex(datagram));
      const opened = open(number, datagram);
      expect([opened.status, hex(opened.bytes)]).toEqual(['ok', hex(frame)]);
      expect(open(number, datagram).status).toBe('replayed');
    }
  });

  it('refuses what is not its own', async () => {
    const { number, open, core } = await make();
    const frame = bytes(100);
    for (const length of [1, 14, 26, 9216 + 14])
      expect(open(number, bytes(length)).status).toBe('bad length');
    expect(open(number, new ChaChaCable(key, block === 0 ? 12 : 0).seal(0x20, frame, 1n)).status).toBe(
      'bad checksum',
    );
    expect(open(number, new ChaChaCable(bytes(44), block).seal(0x20, frame, 1n)).status).toBe('bad checksum');
    const damaged = cable.seal(0x20, frame, 3n); // no bit turned makes a counter of 0, which is one replayed
    for (let i = 1; i < damaged.length; i++) {
      const copy = Buffer.from(damaged);
      copy[i] = (copy[i] as number) ^ (1 << below(8));
      expect(open(number, copy)).toMatchObject({ status: 'bad checksum', bytes: Buffer.alloc(0) });
    }
    expect(open(number, cable.seal(0x20, frame, 10_000n)).status).toBe('ok');
    expect(open(number, cable.seal(0x20, frame, 10_000n - 8129n)).status).toBe('too old');
    expect(open(number, cable.seal(0x20, frame, 0n)).status).toBe('replayed');
    expect(core.counts(number).opened).toBe(1n);
  });

  it('makes and verifies a RESPONSE, with the counter that its DATA goes on from', async () => {
    const { core, number, seal, setNextCounter } = await make();
    const challenge = bytes(128);
    setNextCounter(7n);
    const response = core.sealResponse(keying, challenge);
    expect(hex(response)).toBe(hex(cable.seal(0x44, challenge, 7n)));
    expect(core.verifyResponse(keying, response, challenge)).toBe(true);
    expect(core.verifyResponse({ ...keying, block: block === 0 ? 12 : 0 }, response, challenge)).toBe(false);
    expect(core.verifyResponse(keying, response, bytes(128))).toBe(false);
    expect(core.verifyResponse(keying, response.subarray(0, 140), challenge)).toBe(false);
    const frame = bytes(60);
    expect(hex(seal(number, frame).bytes)).toBe(hex(cable.seal(0x20, frame, 8n)));
  });

  it('leaves no trace of its key when it is closed', async () => {
    const { core, number, seal, snapshot } = await make();
    seal(number, bytes(60));
    expect(snapshot().includes(Buffer.from(key.subarray(0, 8)))).toBe(true);
    core.closeSession(number);
    expect(snapshot().includes(Buffer.from(key.subarray(0, 8)))).toBe(false);
    expect(() =>
      core.keySession(core.openSession() as number, { ...keying, key: key.subarray(0, 31) }),
    ).toThrow(RangeError);
  });
});
