import { describe, expect, it } from 'vitest';
import type { Keying } from '../../../../src/core/terms.js';
import { randomness } from '../../../support/seed.js';
import { hex, layout, makeCore } from './harness.js';
import { Cable } from './twins.js';

const { bytes, below } = randomness();
const cable = new Cable(bytes(24));
const blowfish: Keying = { suite: 'blowfish', key: cable.key };
const plain: Keying = { suite: 'plain' };
const bare = (challenge: Uint8Array): Buffer => Buffer.concat([Buffer.of(0x44), challenge]);
const suites = [
  { name: 'blowfish', keying: blowfish, answer: (challenge: Uint8Array) => cable.response(challenge) },
  { name: 'plain', keying: plain, answer: bare },
];

describe.each(suites)('RESPONSE, $name', ({ keying, answer }) => {
  it('is as the twin makes it, and is believed', async () => {
    const { core } = await makeCore();
    for (let i = 0; i < 50; i++) {
      const challenge = bytes(128);
      const response = core.sealResponse(keying, challenge);
      expect(hex(response)).toBe(hex(answer(challenge)));
      expect(core.verifyResponse(keying, response, challenge)).toBe(true);
    }
  });

  it('is not believed where any of the 128 bytes differs', async () => {
    const { core } = await makeCore();
    const challenge = bytes(128);
    const response = answer(challenge);
    for (let i = 0; i < challenge.length; i++) {
      const other = Uint8Array.from(challenge);
      other[i] = (other[i] as number) ^ (1 << below(8));
      expect(core.verifyResponse(keying, response, other)).toBe(false);
      expect(core.verifyResponse(keying, answer(other), challenge)).toBe(false);
    }
    expect(core.verifyResponse(keying, response, challenge)).toBe(true);
  });

  it('is not believed at any other length', async () => {
    const { core, ring, snapshot } = await makeCore();
    const challenge = bytes(128);
    const right = answer(challenge);
    const long = Buffer.concat([right, bytes(layout.DATAGRAM_MAX)]);
    for (const length of [...Array(300).keys(), layout.DATAGRAM_MAX, layout.DATAGRAM_MAX + 1, long.length]) {
      const believed = core.verifyResponse(keying, long.subarray(0, length), challenge);
      expect(`${length} ${believed}`).toBe(`${length} ${length === right.length}`);
    }
    // One that is longer than any datagram is not even looked at.
    ring.bytes.fill(0x5a, layout.STAGE_IN, layout.SLOTS);
    const before = snapshot();
    expect(core.verifyResponse(keying, Buffer.alloc(2 ** 17, 0xff), challenge)).toBe(false);
    expect(snapshot().equals(before)).toBe(true);
  });
});

describe('RESPONSE', () => {
  it('of a wrong key, or of the other suite, is not believed', async () => {
    const { core } = await makeCore();
    const challenge = bytes(128);
    for (let i = 0; i < 50; i++) {
      expect(core.verifyResponse(blowfish, new Cable(bytes(24)).response(challenge), challenge)).toBe(false);
    }
    expect(core.verifyResponse(blowfish, bare(challenge), challenge)).toBe(false);
    expect(core.verifyResponse(plain, cable.response(challenge), challenge)).toBe(false);
  });

  // 129 to 135 bytes in the same 136: only the padding tells.
  it('of another length than 128 under the padding is not believed', async () => {
    const { core } = await makeCore();
    const challenge = bytes(128);
    for (let more = 1; more < 8; more++) {
      const response = cable.response(Buffer.concat([challenge, bytes(more)]));
      expect(response).toHaveLength(137);
      expect(core.verifyResponse(blowfish, response, challenge)).toBe(false);
    }
  });

  it('leaves the sessions, and the challenge that was expected, alone', async () => {
    const { core, session, open, seal, setNextCounter, snapshot } = await makeCore();
    const other = new Cable(bytes(24));
    const number = session(other.key);
    const [frame, challenge] = [bytes(60), Buffer.from(bytes(128))];
    setNextCounter(1n);
    for (let counter = 1n; counter < 4n; counter++) {
      expect(hex(seal(number, frame).bytes)).toBe(hex(other.data(frame, counter)));
      expect(core.verifyResponse(blowfish, core.sealResponse(blowfish, challenge), challenge)).toBe(true);
      expect(open(number, other.data(frame, counter)).status).toBe('ok');
    }
    // What was deciphered in order to compare is gone, whether it was right or not.
    core.verifyResponse(blowfish, cable.response(challenge), challenge);
    expect(snapshot().includes(challenge.subarray(0, 16))).toBe(false);
    const wrong = cable.response(Buffer.concat([challenge, bytes(3)]));
    core.verifyResponse(blowfish, wrong, challenge);
    expect(snapshot().includes(challenge.subarray(0, 16))).toBe(false);
  });

  it('takes no key and no challenge that is too short', async () => {
    const { core, session } = await makeCore();
    const short = { suite: 'blowfish', key: bytes(23) } as const;
    expect(() => core.sealResponse(short, bytes(128))).toThrow(RangeError);
    expect(() => core.verifyResponse(short, bytes(137), bytes(128))).toThrow(RangeError);
    expect(() => core.keySession(session(), short)).toThrow(RangeError);
    for (const length of [0, 127, 129])
      expect(() => core.sealResponse(blowfish, bytes(length))).toThrow(RangeError);
  });
});
