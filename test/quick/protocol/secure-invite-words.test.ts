// Invites in writing (secure.md §8): the line, and the records that a guest and a server exchange.
import { blake2s } from '@noble/hashes/blake2.js';
import { hexToBytes } from '@noble/hashes/utils.js';
import { describe, expect, it, test } from 'vitest';
import {
  ENROL_RESULTS,
  enrol,
  enrolAnswer,
  guestName,
  readControls,
} from '../../../src/protocol/secure/control.js';
import {
  type InviteLine,
  PLACES_MAX,
  readInviteLine,
  writeInviteLine,
} from '../../../src/protocol/secure/invite-line.js';
import { randomness } from '../../support/seed.js';

const { bytes, below } = randomness();

// base64url, which a browser's stand-in for Buffer does not know.
const fromUrl = (text: string) => Buffer.from(text.replaceAll('-', '+').replaceAll('_', '/'), 'base64');
const inUrl = (all: Buffer) =>
  all.toString('base64').replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

const invite = (): InviteLine => ({
  serverPublicKey: bytes(32),
  privateKey: bytes(32),
  presharedKey: bytes(32),
  until: 1_800_000_000,
  places: [
    { host: 'lab.example.org', port: 7667 },
    { host: '2001:db8::1', port: 65_535 },
    { host: '192.0.2.1', port: 1 },
  ],
});

describe('a line', () => {
  it('comes back as it went, whatever white space is in it', () => {
    for (let i = 0; i < 50; i++) {
      const one = { ...invite(), until: below(2 ** 32) };
      const line = writeInviteLine(one);
      expect(line).toMatch(/^cryptcab:1:[\w-]+$/);
      expect(readInviteLine(line)).toEqual(one);
      expect(readInviteLine(` ${line.slice(0, 70)}\r\n\t${line.slice(70)}\n`)).toEqual(one);
    }
  });

  // Made by hand: the format is what the document says, and not only what both halves agree on.
  test('is what the document says, byte by byte', () => {
    const key = (byte: string) => byte.repeat(32);
    const line = writeInviteLine({
      serverPublicKey: hexToBytes(key('11')),
      privateKey: hexToBytes(key('22')),
      presharedKey: hexToBytes(key('33')),
      until: 0x01020304,
      places: [{ host: 'ab', port: 0x1234 }],
    });
    const body = fromUrl(line.slice('cryptcab:1:'.length)).toString('hex');
    expect(body.slice(0, -8)).toBe(`${key('11')}${key('22')}${key('33')}01020304${'1234026162'}`);
    expect(body).toHaveLength(2 * (96 + 4 + 5 + 4));
  });

  it('of which a letter is another one, is missing or is twice is torn', () => {
    const line = writeInviteLine(invite());
    for (let at = 'cryptcab:'.length; at < line.length; at++) {
      const other = line[at] === 'A' ? 'B' : 'A';
      for (const changed of [
        line.slice(0, at) + other + line.slice(at + 1),
        line.slice(0, at) + line.slice(at + 1),
        line.slice(0, at) + line[at] + line.slice(at),
        line.slice(0, at),
      ])
        expect(['torn', 'version'], changed).toContain(readInviteLine(changed));
    }
  });

  test.each([
    ['', 'no invite'],
    ['ssh-ed25519 AAAA', 'no invite'],
    ['cryptcab:', 'torn'],
    ['cryptcab:1:', 'torn'],
    ['cryptcab:1', 'torn'],
    ['cryptcab:2:AAAA', 'version'],
    ['cryptcab:1:AAAA', 'torn'],
    [`cryptcab:1:${'A'.repeat(4_000)}`, 'torn'],
    ['cryptcab:1:äöü', 'torn'],
  ])('%s is none', (text, fault) => expect(readInviteLine(text)).toBe(fault));

  it('whose checksum fits, and whose places are none, is malformed', () => {
    const line = writeInviteLine({ ...invite(), places: [{ host: 'ab', port: 1 }] });
    expect(typeof readInviteLine(line)).toBe('object');
    for (const place of ['000161', '00010161ff', '0001026120', '', '0001ff61', '00010161'.repeat(9)]) {
      const writer = writeAny(hexToBytes(place));
      expect(readInviteLine(writer), place).toBe('malformed');
    }
  });

  test.each([
    [[]],
    [Array.from({ length: PLACES_MAX + 1 }, () => ({ host: 'a', port: 1 }))],
    [[{ host: 'a b', port: 1 }]],
    [[{ host: '', port: 1 }]],
    [[{ host: 'a', port: 0 }]],
    [[{ host: 'a', port: 65_536 }]],
    [Array.from({ length: PLACES_MAX }, () => ({ host: 'a'.repeat(253), port: 1 }))],
  ])('cannot hold %j', (places) => {
    expect(() => writeInviteLine({ ...invite(), places })).toThrow(RangeError);
  });
});

/** A line with these bytes for places, and a checksum that fits. */
function writeAny(places: Uint8Array): string {
  const start = 'cryptcab:1:';
  const body = Buffer.concat([bytes(100), places]);
  const sum = blake2s(Buffer.concat([Buffer.from(start), body])).subarray(0, 4);
  return start + inUrl(Buffer.concat([body, sum]));
}

describe('records', () => {
  const payloads = (payload: Uint8Array) => readControls(payload);

  it('come back as they went', () => {
    const introduction = { publicKey: bytes(32), presharedKey: bytes(32), name: 'lap-top.2' };
    const said = enrol(introduction);
    expect(said.length).toBeLessThanOrEqual(256);
    expect([...said.subarray(0, 4)]).toEqual([2, 5, 0, 64 + 9]);
    expect(payloads(said).controls).toEqual([{ what: 'enrol', ...introduction }]);
    for (const [i, result] of ENROL_RESULTS.entries()) {
      expect([...enrolAnswer(result, 0x01020304)]).toEqual([2, 6, 0, 5, i, 1, 2, 3, 4]);
      expect(payloads(enrolAnswer(result, 7)).controls).toEqual([{ what: 'enrol answer', result, time: 7 }]);
    }
    expect(payloads(Uint8Array.of(2, 6, 0, 6, 99, 0, 0, 0, 0, 1)).controls).toEqual([
      { what: 'enrol answer', result: 'unknown', time: 0 },
    ]);
  });

  it.each([['\x1b[31m'], ['a b'], ['x'.repeat(64)], ['ä'], ['a\n']])('no name is %j', (name) => {
    expect(guestName(name)).toBe('');
    const said = enrol({ publicKey: bytes(32), presharedKey: bytes(32), name });
    expect(payloads(said).controls).toMatchObject([{ name: '' }]);
    const raw = Uint8Array.of(2, 5, 0, 64 + name.length, ...bytes(64), ...Buffer.from(name, 'latin1'));
    expect(payloads(raw).controls).toMatchObject([{ name: '' }]);
  });

  it('too short ones are malformed', () => {
    expect(payloads(Uint8Array.of(2, 5, 0, 63, ...bytes(63)))).toEqual({ controls: [], malformed: true });
    expect(payloads(Uint8Array.of(2, 6, 0, 4, 0, 0, 0, 0))).toEqual({ controls: [], malformed: true });
  });
});
