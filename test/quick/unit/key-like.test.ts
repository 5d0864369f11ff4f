// What may be a key is repeated by nothing: no error, no option, no line of the peers file.
import { describe, expect, test } from 'vitest';
import { parseOptions } from '../../../src/cli/options.js';
import { UsageError } from '../../../src/cli/usage.js';
import { CryptcabError } from '../../../src/error.js';
import { hideKeys, mayBeKey } from '../../../src/key-like.js';
import { keyText, newPrivateKey } from '../../../src/keys/key-text.js';
import { parsePeers } from '../../../src/keys/peers-file.js';
import { writeInviteLine } from '../../../src/protocol/secure/invite-line.js';
import { randomness } from '../../support/seed.js';

const random = randomness();
const hex = (bytes: number) => Buffer.from(random.bytes(bytes)).toString('hex');

/** Random bytes whose base64 is none of the one text in 100 000 that is not known for a key without its padding (key-like.ts). */
function usual(): Uint8Array {
  for (;;) {
    const bytes = random.bytes(32);
    const text = Buffer.from(bytes).toString('base64url');
    if (/(?:[a-z].*){5}/.test(text) && /(?:[A-Z].*){5}/.test(text)) return bytes;
  }
}

/** Keys as text, in each form. */
function forms(): string[] {
  const key = keyText(newPrivateKey(usual));
  const line = writeInviteLine({
    ...{ serverPublicKey: random.bytes(32), privateKey: random.bytes(32), presharedKey: random.bytes(32) },
    ...{ until: 1_800_000_000, places: [{ host: 'lab.example.org', port: 7667 }] },
  });
  return [
    key,
    key.slice(0, -1),
    Buffer.from(usual()).toString('base64url'),
    `${'A'.repeat(43)}=`,
    ...[24, 32, 44].map(hex),
    hex(24).toUpperCase(),
    line,
    // Torn ones: what a terminal has wrapped, and what somebody has not copied whole.
    line.slice(0, 100),
    line.slice(-70),
    line.slice(11),
  ];
}

/** Whether a text has any large part of a key. */
function repeats(text: string, key: string): boolean {
  for (let at = 0; at + 12 <= key.length; at++) if (text.includes(key.slice(at, at + 12))) return true;
  return false;
}

test('keys are told from other words', () => {
  for (let i = 0; i < 50; i++)
    for (const key of forms()) {
      expect(mayBeKey(key), key).toBe(true);
      expect(mayBeKey(` ${key}\n`), key).toBe(true);
    }
  for (const word of [
    '/var/lib/cryptcab/keys/office/server/first/key', // 43 characters and more, of base64
    '/usr/local/etc/cryptcab/office/main/serverkey',
    'remote.machine.example.org',
    'fe80::1234:5678:9abc:def0%enp0s31f6',
    '0123456789abcdef0123456789abcdef', // a UUID without its dashes
    'vxvde://239.1.2.3/port=12345',
    './server.key',
    '',
  ])
    expect(mayBeKey(word), word).toBe(false);
});

test('in a text they are hidden, wherever they stand, and nothing else is', () => {
  for (let i = 0; i < 50; i++)
    for (const key of forms())
      for (const text of [key, `'${key}'`, `/home/me/${key}: no such file`, `a ${key}, b`, `--key=${key}`])
        expect(repeats(hideKeys(text), key), text).toBe(false);
  for (const text of [
    'there is no key file /var/lib/cryptcab/keys/office/server/first/key: make one',
    'cannot write /srv/date=2026/machine=one/cable.log',
    'one\ntwo',
  ])
    expect(hideKeys(text)).toBe(text);
});

test('neither kind of error keeps one', () => {
  for (const key of forms())
    for (const error of [new CryptcabError(`no ${key}`), new UsageError(`no ${key}`)])
      expect(repeats(`${error.message}${error.stack}`, key)).toBe(false);
});

describe('the command line', () => {
  const client = ['--secure', '-c', 'h', '--key', 'k', '--peer', keyText(random.bytes(32))];
  /** A text that begins like an option, such as -c, would be read as that. */
  const alone = (key: string) => (key.startsWith('-') ? ['--', key] : [key]);
  const words: readonly [string, (key: string) => string[]][] = [
    ['--key', (key) => ['--secure', '--key', key, '--peers', 'p']],
    ['--key=', (key) => ['--secure', `--key=${key}`, '--peers', 'p']],
    ['--key, wrapped', (key) => ['--secure', '--key', ` ${key}\n`, '--peers', 'p']],
    ['--psk', (key) => [...client, '--psk', key]],
    ['--peers', (key) => ['--secure', '--key', 'k', '--peers', key]],
    ['-P', (key) => ['-P', key]],
    ['-P attached', (key) => [`-P${key}`]],
    ['-s', (key) => ['-s', key]],
    ['a locator', (key) => ['-s', `vxvde://${key}`]],
    ['--vdesock', (key) => ['--vdesock', key]],
    ['-p', (key) => ['-p', key]],
    ['--bind', (key) => ['--bind', key]],
    ['-c', (key) => ['-c', key]],
    ['-c user', (key) => ['-c', `${key}@h`]],
    ['-c host', (key) => ['-c', `u@${key}:7667`]],
    ['--endpoint', (key) => ['-c', 'h', '--endpoint', `${key}:1`]],
    ['--cipher', (key) => ['-c', 'h', '--cipher', key]],
    ['--path-mtu', (key) => ['--secure', '--path-mtu', key]],
    ['--io', (key) => ['--io', key]],
    ['--threads', (key) => ['--threads', key]],
    ['--pidfile', (key) => ['--pidfile', key]],
    ['--log-file', (key) => ['--log-file', key]],
    ['--peer, a character too many', (key) => [...client.slice(0, -1), `${key}x`]],
    ['no option at all', alone],
    ['an option that is none', (key) => [`--keys=${key}`]],
    ['letters of options', (key) => [`-kv9${key}`]],
    ['-x', (key) => ['-x', ...alone(key)]],
    ['--verbose=', (key) => [`--verbose=${key}`]],
  ];

  test.each(words)('%s', (_where, wordsOf) => {
    for (const name of ['cryptcab', 'vde_cryptcab'])
      for (const key of forms()) {
        let error: unknown;
        try {
          parseOptions(name, '1', wordsOf(key));
        } catch (thrown) {
          error = thrown;
        }
        expect(error, key).toBeInstanceOf(UsageError);
        expect(repeats((error as Error).message, key), (error as Error).message).toBe(false);
        expect((error as Error).message).not.toMatch(/\n/);
      }
  });

  test('a key that begins as an option does, and so lacks its first letters', () => {
    const key = '-p5FWSuC_dL75f2hK5Hs8HnCTCFaaxe8yUbk9uvLeOI';
    expect(() => parseOptions('cryptcab', '1', ['-c', 'h', `${key}:1`])).toThrow(
      /^-p '\[hidden: may be a key\]:1' is not/,
    );
  });

  test('a file of such a name can be named still', () => {
    const key = hex(24);
    expect(parseOptions('cryptcab', '1', ['-P', `./${key}`]).keyFile).toBe(`./${key}`);
  });
});

test.each<[string, (key: string) => string]>([
  ['psk=', (key) => `psk=${key}`],
  ['name=', (key) => `name=${key}`],
  ['endpoint=', (key) => `endpoint=${key}:7667`],
  ['a word alone', (key) => key],
])('a line of the peers file: %s', (_where, option) => {
  for (const key of forms()) {
    const { peers, wrong } = parsePeers(`${keyText(random.bytes(32))} ${option(key)}\n`);
    expect(peers).toEqual([]);
    expect(wrong.map(({ line }) => line)).toEqual([1]);
    expect(repeats(wrong[0]?.why ?? '', key)).toBe(false);
  }
});
