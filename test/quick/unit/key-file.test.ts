import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CryptcabError } from '../../../src/error.js';
import { exposure, readPresharedKey, readTextKey } from '../../../src/keys/key-file.js';
import { keyLine, keyText } from '../../../src/keys/key-text.js';
import { numbered } from '../protocol/examples.js';

const isRoot = process.getuid?.() === 0;

describe('a pre-shared key', () => {
  let directory = '';
  const at = (name: string) => join(directory, name);

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'key-file-test-'));
  });

  afterAll(() => rmSync(directory, { recursive: true }));

  /** Writes a file, whatever the umask. */
  function write(name: string, bytes: Uint8Array, mode = 0o600): string {
    writeFileSync(at(name), bytes);
    chmodSync(at(name), mode);
    return at(name);
  }

  test.each([
    [24, 24],
    [24, 25],
    [24, 43],
    [44, 44],
    [44, 45],
    [44, 100_000],
  ])('is the first %d of %d bytes', (bytes, length) => {
    const { key, exposed } = readPresharedKey(write('key', numbered(length)));
    expect(key).toEqual(numbered(bytes));
    expect(exposed).toBeUndefined();
  });

  test('that is too short for ChaCha20 is refused where that is wanted', () => {
    const path = write('short', numbered(43));
    expect(() => readPresharedKey(path, 'chacha20')).toThrow(
      `${path} is too short: a key for chacha20 has 44 bytes`,
    );
    expect(readPresharedKey(write('long', numbered(44)), 'chacha20').key).toEqual(numbered(44));
  });

  test.each([0, 1, 16, 23])('is refused when it has %d bytes', (length) => {
    const path = write('short', numbered(length));
    expect(() => readPresharedKey(path)).toThrow(CryptcabError);
    expect(() => readPresharedKey(path)).toThrow(
      `key file ${path} is too short: a key for blowfish has 24 bytes; make one with`,
    );
  });

  test.each([
    [0o600, false],
    [0o400, false],
    [0o700, false],
    [0o640, true],
    [0o604, true],
    [0o620, true],
    [0o666, true],
  ])('of mode %o is exposed: %s', (mode, exposed) => {
    expect(readPresharedKey(write('mode', numbered(24), mode)).exposed !== undefined).toBe(exposed);
  });

  const READ = 'can be read by other users: chmod 600 it';
  test.each([
    [1000, 0o600, 1000, undefined],
    [0, 0o600, 1000, undefined],
    [1000, 0o600, 0, 'belongs to another user (1000): chown it'],
    [1001, 0o600, 1000, 'belongs to another user (1001): chown it'],
    [1000, 0o640, 1000, READ],
    [0, 0o644, 1000, READ],
    [0, 0o600, undefined, undefined],
  ])('of user %d, mode %o, read by user %d: %s', (uid, mode, user, says) => {
    expect(exposure({ uid, mode: 0o100000 | mode }, 'read', user)).toBe(says);
  });

  const WRITE = 'can be changed by other users: chmod go-w it';
  test.each([
    [1000, 0o644, 1000, undefined],
    [0, 0o444, 1000, undefined],
    [1000, 0o664, 1000, WRITE],
    [0, 0o646, 1000, WRITE],
    [1001, 0o644, 1000, 'belongs to another user (1001): chown it'],
  ])('where only writing counts: of user %d, mode %o, read by user %d: %s', (uid, mode, user, says) => {
    expect(exposure({ uid, mode: 0o100000 | mode }, 'write', user)).toBe(says);
  });

  test('may be read through a symbolic link: its owner made it', () => {
    write('target', numbered(24));
    symlinkSync(at('target'), at('link'));
    expect(readPresharedKey(at('link')).key).toEqual(numbered(24));
  });

  test.each<[string, (path: string) => void, string]>([
    ['missing', () => {}, 'there is no key file'],
    ['a link to nothing', (path) => symlinkSync(at('nowhere'), path), 'there is no key file'],
    ['a directory', (path) => mkdirSync(path), 'is not a regular file'],
    // Whoever opens a fifo waits for the other end, unless he says that he will not.
    ['a fifo', (path) => execFileSync('mkfifo', [path]), 'is not a regular file'],
    [
      'below a file',
      (path) => write(path.slice(directory.length + 1, -2), numbered(24)),
      'cannot read key file',
    ],
  ])('that is %s is an error in one line', (name, make, says) => {
    const path = name === 'below a file' ? at('file/x') : at(`odd ${name}`);
    make(path);
    expect(() => readPresharedKey(path)).toThrow(CryptcabError);
    expect(() => readPresharedKey(path)).toThrow(says);
    expect(() => readPresharedKey(path)).toThrow(path);
    expect(() => readPresharedKey(path)).not.toThrow(/\n/);
  });

  test('whose name would break the line is named all the same', () => {
    expect(() => readPresharedKey(at('two\nlines\x1b[2J'))).toThrow(
      `there is no key file ${at('two\\x0alines\\x1b[2J')}: make one with`,
    );
  });

  test('that nobody may read is an error, but for root', () => {
    const path = write('locked', numbered(24), 0o000);
    if (isRoot) expect(readPresharedKey(path).key).toEqual(numbered(24));
    else expect(() => readPresharedKey(path)).toThrow(`not allowed to read key file ${path}`);
  });
});

describe('a key as text', () => {
  const key = numbered(32);
  const text = keyText(key);
  const directory = mkdtempSync(join(tmpdir(), 'key-text-test-'));
  afterAll(() => rmSync(directory, { recursive: true }));

  function read(content: string | Uint8Array): Uint8Array {
    const path = join(directory, 'key');
    writeFileSync(path, content, { mode: 0o600 });
    return readTextKey(path, 'the key file', 'keygen').key;
  }

  test.each(['', '\n', '\r\n', '  \n', '\t\r\n', '\r\n\r\n'])('is followed by white space: %j', (end) => {
    expect(read(text + end)).toEqual(key);
    expect(read(` ${text}${end}`)).toEqual(key);
  });

  const utf16 = Buffer.from(`${text}\r\n`, 'utf16le');
  test.each<[string, string | Uint8Array, RegExp]>([
    ['a byte order mark', `\ufeff${text}\n`, / begins with a byte order mark \(BOM\), .*: save it/],
    ['UTF-16 with a mark', Buffer.concat([Buffer.of(0xff, 0xfe), utf16]), / is saved as UTF-16: save it/],
    [
      'UTF-16, the other way round',
      Buffer.concat([Buffer.of(0xff, 0xfe), utf16]).swap16(),
      / is saved as UTF-16/,
    ],
    ['UTF-16 without a mark', utf16, / is saved as UTF-16/],
    ['a NUL behind it', `${text}\0`, / holds NUL bytes.*: save it/],
    ['a NUL within', `${text.slice(0, 20)}\0${text.slice(20)}`, / holds NUL bytes/],
    ['nothing', '', / does not hold a key, 44 characters of base64 alone; make one with/],
    ['half of it', text.slice(0, 22), / does not hold a key/],
  ])('with %s is refused by one line that says so', (_, content, says) => {
    expect(() => read(content)).toThrow(CryptcabError);
    expect(() => read(content)).toThrow(says);
    expect(() => read(content)).not.toThrow(text.slice(0, 20));
  });
});

test('the line of a key is its text, in memory that does not move', () => {
  const key = numbered(32);
  const line = keyLine(key, 'LABEL = ');
  expect(Buffer.from(line).toString()).toBe(`LABEL = ${keyText(key)}\n`);
  expect(line.byteLength).toBe(line.buffer.byteLength);
});
