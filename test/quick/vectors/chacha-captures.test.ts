import { describe, expect, it } from 'vitest';
import mbedtls from '../../../vectors/foreign/capture-chacha-mbedtls.json' with { type: 'json' };
import wolfssl from '../../../vectors/foreign/capture-chacha-wolfssl.json' with { type: 'json' };
import { hex, makeCore, unhex } from '../unit/core/harness.js';

// What two ends of the C program sent each other, ChaCha generation, in its two builds.
describe.each([
  ['wolfSSL', wolfssl, 12],
  ['mbedTLS', mbedtls, 0],
] as const)('a capture of the C program built with %s', (_, { testGroups: [group] }, block) => {
  if (group === undefined) throw new Error('the capture is empty');
  const keying = { suite: 'chacha20', key: unhex(group.key), block } as const;
  const datagrams = group.tests.map(({ from, datagram }) => ({ from, bytes: unhex(datagram) }));
  const ofType = (type: number) => datagrams.filter(({ bytes }) => bytes[0] === type);
  /** The counter of a datagram, in clear at its end. */
  const counterOf = (bytes: Buffer) => bytes.readBigUInt64LE(bytes.length - 8);

  it.each(['client', 'server'])('DATA from the %s opens once, and seals to the same bytes', async (from) => {
    const { core, session, open, seal, setNextCounter } = await makeCore();
    const [receiver, sender] = [session(), session()];
    core.keySession(receiver, keying);
    core.keySession(sender, keying);
    const data = ofType(0x20).filter((datagram) => datagram.from === from);
    expect(data.length).toBeGreaterThan(10);
    for (const { bytes } of data) {
      const opened = open(receiver, bytes);
      expect([opened.status, opened.bytes.length]).toEqual(['ok', bytes.length - 13]);
      expect(opened.bytes.readUInt16BE(12)).toBeGreaterThanOrEqual(0x800); // an Ethernet frame
      setNextCounter(counterOf(bytes));
      expect(hex(seal(sender, opened.bytes).bytes)).toBe(hex(bytes));
      expect(open(receiver, bytes).status).toBe('replayed');
    }
  });

  it('the RESPONSE is ours to the CHALLENGE, and only this build believes it', async () => {
    const { core, setNextCounter } = await makeCore();
    const [challenge, response] = [ofType(0x42)[0]?.bytes.subarray(1), ofType(0x44)[0]?.bytes];
    if (challenge === undefined || response === undefined) throw new Error('no handshake in the capture');
    setNextCounter(counterOf(response));
    expect(hex(core.sealResponse(keying, challenge))).toBe(hex(response));
    expect(core.verifyResponse(keying, response, challenge)).toBe(true);
    expect(core.verifyResponse({ ...keying, block: block === 0 ? 12 : 0 }, response, challenge)).toBe(false);
  });
});
