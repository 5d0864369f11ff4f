// The commands that make keys, beside those of `wg`; and what a person gets who names the wrong file.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cryptcab } from '../../../lab/lab.js';
import { temporaryDirectory } from '../../../lab/temporary.js';

let directory: string;

beforeAll(() => {
  directory = temporaryDirectory('cryptcab-lab-keys');
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Runs the program where no other one has the port. */
function run(args: readonly string[], input = ''): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync('unshare', ['--net', ...cryptcab, ...args], {
    input,
    encoding: 'utf8',
    timeout: 20_000,
  });
  return { status, out: stdout, err: stderr };
}

const wg = (command: string, input = '') => execFileSync('wg', [command], { input, encoding: 'utf8' });

function file(name: string, content: string | Uint8Array, mode = 0o600): string {
  const path = join(directory, name);
  writeFileSync(path, content, { mode });
  return path;
}

describe('keys', () => {
  test('keygen makes private keys that wg takes, each time another', () => {
    const [one, other] = [run(['keygen']), run(['keygen'])];
    expect(one).toMatchObject({ status: 0, err: '' });
    expect(one.out).toMatch(/^[A-Za-z0-9+/]{43}=\n$/);
    expect(one.out).not.toBe(other.out);
    expect(wg('pubkey', one.out)).toMatch(/^[A-Za-z0-9+/]{43}=\n$/);
  });

  test('pubkey says the same as wg does', () => {
    const key = wg('genkey');
    expect(run(['pubkey'], key)).toEqual({ status: 0, out: wg('pubkey', key), err: '' });
  });

  test('genpsk makes preshared keys', () => {
    expect(run(['genpsk']).out).toMatch(/^[A-Za-z0-9+/]{43}=\n$/);
  });

  test.each([
    [['pubkey'], '', 1, /no private key on standard input.*cryptcab pubkey < KEYFILE/],
    [['pubkey'], 'AAAA\n', 1, /no private key on standard input/],
    [['pubkey'], `\ufeff${'A'.repeat(43)}=\n`, 1, /what is on standard input begins with a byte order mark/],
    [['keygen', 'file'], '', 2, /keygen takes no arguments/],
    [['genpsk', '-v'], '', 2, /genpsk takes no arguments/],
  ] as const)('%j of %j is refused', (args, input, status, says) => {
    const { err, ...rest } = run(args, input);
    expect(rest).toEqual({ status, out: '' });
    expect(err).toMatch(says);
    expect(err.trim().split('\n')).toHaveLength(1);
  });
});

describe('files of the secure cable', () => {
  const cases: readonly (readonly [string, () => readonly string[], RegExp])[] = [
    [
      'no key file',
      () => ['--key', '/nonexistent'],
      /no key file \/nonexistent: make one with: .*keygen > FILE/,
    ],
    ['a directory as key', () => ['--key', directory], /is not a regular file; make one/],
    ['no key in it', () => ['--key', file('short', 'secret')], /does not hold a key, 44 characters/],
    ['two keys in it', () => ['--key', file('two', wg('genkey').repeat(2))], /does not hold a key/],
    [
      'a byte order mark before it',
      () => ['--key', file('marked', `\ufeff${wg('genkey')}`)],
      /the key file \S+marked begins with a byte order mark \(BOM\)/,
    ],
    [
      'a peers file as UTF-16',
      () => [
        ...['--key', file('usual', wg('genkey'))],
        ...['--peers', file('wide', Buffer.from(`\ufeff${wg('pubkey', wg('genkey'))}`, 'utf16le'))],
      ],
      /cannot read the peers file \S+wide: it is saved as UTF-16: save it as plain text/,
    ],
    [
      'no peers file',
      () => ['--key', file('good', wg('genkey')), '--peers', '/nonexistent'],
      /cannot read the peers file \/nonexistent: ENOENT.*--peers/,
    ],
  ];
  for (const [name, args, says] of cases) {
    test(name, () => {
      const { status, out, err } = run(['--secure', '--peers', file('none', ''), ...args(), '-s', directory]);
      const lines = err.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
      expect({ status, out, lines: lines.length }).toEqual({ status: 1, out: '', lines: 1 });
      expect(lines[0]).toMatch(says);
      expect(err).not.toMatch(/secret|unexpected/);
    });
  }

  test('a key in place of a file is not repeated, by any stream, nor left behind', () => {
    const key = wg('genkey').trim();
    const part = key.slice(4, 24);
    for (const args of [
      ['--secure', '--key', key, '--peers', '/nonexistent'],
      ['-P', Buffer.from(key, 'base64').toString('hex')],
      [
        '--secure',
        '--key',
        file('mine', wg('genkey')),
        '--peers',
        file('wrong', `${wg('pubkey', key).trim()} psk=${key}\n`),
      ],
      ['-c', key, '-P', file('classic', 'x'.repeat(24))],
      ['--log-file', join(directory, key), '-P', '/nonexistent'],
      ['-d', '--secure', '--key', join(directory, key), '--peers', '/nonexistent'],
      ['vectors', 'verify', key],
      ['status', key],
      [key],
    ]) {
      const { status, out, err } = run([...args, '-s', join(directory, 'none'), '-v']);
      expect(status, args.join(' ')).not.toBe(0);
      for (const what of [part, Buffer.from(key, 'base64').toString('hex').slice(4, 24)])
        expect(out + err, args.join(' ')).not.toContain(what);
      expect(err.trim(), args.join(' ')).not.toBe('');
    }
  });

  test('a key file that others can read is told of', () => {
    const key = file('open', wg('genkey'));
    chmodSync(key, 0o644);
    const { err } = run(['--secure', '--key', key, '--peers', '/nonexistent', '-s', directory]);
    expect(err).toMatch(/the key file can be read by other users: chmod 600 it/);
  });

  test('a peers file that others can change is named', () => {
    const key = file('own', wg('genkey'));
    const peers = file('peers', '');
    for (const [mode, says] of [
      [0o664, true],
      [0o646, true],
      [0o644, false],
    ] as const) {
      chmodSync(peers, mode);
      const { err } = run(['--secure', '--key', key, '--peers', peers, '-s', directory, '--now']);
      expect(err.includes('the peers file can be changed by other users: chmod go-w it')).toBe(says);
    }
  });
});
