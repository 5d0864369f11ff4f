import { describe, expect, test } from 'vitest';
import { TYPE } from '../../../src/protocol/classic/constants.js';
import {
  authOk,
  challenge,
  classify,
  deny,
  keepalive,
  login,
  loginId,
  MESSAGES,
} from '../../../src/protocol/classic/messages.js';

const text = (type: number, body: string) => Uint8Array.of(type, ...Buffer.from(body, 'latin1'));
const zeros = (type: number, length: number) => {
  const datagram = new Uint8Array(length);
  datagram[0] = type;
  return datagram;
};

describe('classify', () => {
  // The one table of what is taken for what: type byte, then the lengths, its own byte among them.
  test.each([
    [0x41, 'login', []], // see loginId; zeros are no id
    [0x42, 'challenge', [129]],
    [0x44, 'response', [129, 137, 141]],
    [0x48, 'authOk', [1]],
    [0x4a, 'deny', [1, 16]],
    [0x4f, 'keepalive', [1]],
  ] as const)('%i is %s of the lengths %j only', (type, message, lengths) => {
    for (let length = 1; length <= 300; length++) {
      const expected = (lengths as readonly number[]).includes(length) ? message : 'other';
      expect([length, classify(zeros(type, length))]).toEqual([length, expected]);
    }
  });

  test('DATA has any length but none', () => {
    expect(classify(zeros(0x20, 1))).toBe('other');
    for (const length of [2, 14, 1_500, 65_507]) expect(classify(zeros(0x20, length))).toBe('data');
  });

  test('all other types are other, and nothing is empty', () => {
    expect(classify(new Uint8Array())).toBe('empty');
    const known: number[] = Object.values(TYPE);
    for (let type = 0; type < 256; type++) {
      if (known.includes(type)) continue;
      for (const length of [1, 16, 17, 129, 137]) expect(classify(zeros(type, length))).toBe('other');
    }
  });

  test('knows what is made here', () => {
    const made = [
      login('vde_abc'),
      challenge(new Uint8Array(128)),
      authOk(),
      keepalive(),
      deny(1),
      deny(100),
    ];
    expect(made.map(classify)).toEqual(['login', 'challenge', 'authOk', 'keepalive', 'deny', 'deny']);
    expect(MESSAGES).toEqual(expect.arrayContaining(made.map(classify)));
  });
});

describe('loginId', () => {
  test.each(['a', 'vde_abc123', 'ABCxyz_0189', '0123456789abcdef', '_'])('reads %s', (id) => {
    expect(login(id)).toHaveLength(17);
    expect(loginId(login(id))).toBe(id);
    expect(classify(login(id))).toBe('login');
  });

  test.each([
    ['', 'nothing'],
    ['../../etc/passwd', 'a way out of the directory'],
    ['..', 'dots'],
    ['a/b', 'a slash'],
    ['a b', 'a space'],
    ['a-b', 'a dash'],
    ['a\n', 'a line feed'],
    ['a\0b', 'something behind the end'],
    ['\0a', 'something behind an end at once'],
    ['caf\u00e9', 'a letter of Latin-1'],
    ['\u00ff'.repeat(16), 'what is no character'],
    ['$(reboot)', 'a command'],
  ])('refuses %j: %s', (id) => {
    const datagram = text(0x41, id.padEnd(16, '\0'));
    expect(loginId(datagram)).toBeUndefined();
    expect(classify(datagram)).toBe('other');
  });

  test('refuses another type, and any other length', () => {
    expect(loginId(text(0x42, 'a'.padEnd(16, '\0')))).toBeUndefined();
    for (const length of [0, 1, 15, 17, 100]) {
      expect(loginId(text(0x41, 'a'.repeat(length)))).toBeUndefined();
      expect(loginId(text(0x41, 'a'.padEnd(length, '\0')))).toBeUndefined();
    }
    expect(loginId(new Uint8Array())).toBeUndefined();
  });
});

describe('the datagrams', () => {
  test('as they are on the wire', () => {
    expect(Buffer.from(login('vde_x')).toString('latin1')).toBe(`A${'vde_x'.padEnd(16, '\0')}`);
    expect(Buffer.from(authOk()).toString('latin1')).toBe('H');
    expect(Buffer.from(keepalive()).toString('latin1')).toBe('O');
    expect(Buffer.from(deny(16)).toString('latin1')).toBe('JAccess Denied.\0');
    expect(Buffer.from(challenge(Uint8Array.of(1, 2, 255))).toString('hex')).toBe('420102ff');
  });

  test('DENY is never longer than what it answers', () => {
    for (let length = 1; length <= 200; length++) expect(deny(length)).toHaveLength(length < 16 ? 1 : 16);
  });
});
