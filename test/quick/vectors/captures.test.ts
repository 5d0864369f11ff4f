import { describe, expect, it } from 'vitest';
import capture from '../../../vectors/foreign/capture-blowfish.json' with { type: 'json' };
import { hex, makeCore, unhex } from '../unit/core/harness.js';
import { Cable } from '../unit/core/twins.js';

// What two ends of the C program sent each other.
const [group] = capture.testGroups;
if (group === undefined) throw new Error('the capture is empty');
const key = unhex(group.key);
const twin = new Cable(key);
const keying = { suite: 'blowfish', key } as const;

const ofType = (type: number): { from: string; bytes: Buffer }[] =>
  group.tests
    .map(({ from, datagram }) => ({ from, bytes: unhex(datagram) }))
    .filter(({ bytes }) => bytes[0] === type);

function only(type: number): Buffer {
  const [first, ...more] = ofType(type);
  if (first === undefined || more.length > 0) throw new Error(`not exactly one of type ${type}`);
  return first.bytes;
}

describe('a capture of the C program, Blowfish generation', () => {
  it.each(['client', 'server'])('DATA from the %s opens once, and seals to the same bytes', async (from) => {
    const { core, session, open, seal, setNextCounter } = await makeCore();
    const data = ofType(0x20).filter((datagram) => datagram.from === from);
    expect(data).toHaveLength(18);
    const receiver = session(key);
    const sender = session(key);
    for (const { bytes } of data) {
      const { frame, counter } = twin.read(bytes);
      const opened = open(receiver, bytes);
      expect(opened.status).toBe('ok');
      expect(hex(opened.bytes)).toBe(hex(frame));
      setNextCounter(counter);
      expect(hex(seal(sender, opened.bytes).bytes)).toBe(hex(bytes));
    }
    for (const { bytes } of data) expect(open(receiver, bytes).status).toBe('replayed');
    expect(core.counts(receiver)).toMatchObject({ opened: 18n, refused: { replayed: 18n } });
  });

  it('the RESPONSE is ours to the CHALLENGE, and is believed', async () => {
    const { core } = await makeCore();
    const challenge = only(0x42).subarray(1);
    const response = only(0x44);
    expect(hex(core.sealResponse(keying, challenge))).toBe(hex(response));
    expect(hex(twin.response(challenge))).toBe(hex(response));
    expect(core.verifyResponse(keying, response, challenge)).toBe(true);
    expect(core.verifyResponse(keying, response, Buffer.alloc(128))).toBe(false);
  });
});
