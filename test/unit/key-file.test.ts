import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { CryptcabError } from '../../src/error.js';
import { exposure, readPresharedKey, sessionKeyPath, takeSessionKey } from '../../src/keys/key-file.js';
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
    expect(exposure({ uid, mode: 0o100000 | mode }, user)).toBe(says);
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

describe('a key that came by scp', () => {
  // The directory is the same for all programs on the machine: a name that nobody else has.
  let count = 0;
  let id = '';
  const used: string[] = [];

  function fresh(): string {
    id = `ut${process.pid.toString(36)}_${(count++).toString(36)}`;
    used.push(sessionKeyPath(id));
    return sessionKeyPath(id);
  }

  afterEach(() => {
    for (const path of used.splice(0)) rmSync(path, { recursive: true, force: true });
  });

  test('lies where its client puts it', () => {
    expect(sessionKeyPath('vde_abc123')).toBe('/tmp/.vde_abc123.key');
  });

  test('is taken: read once, and gone', () => {
    const path = fresh();
    writeFileSync(path, numbered(24));
    expect(takeSessionKey(id)).toEqual(numbered(24));
    expect(existsSync(path)).toBe(false);
    expect(takeSessionKey(id)).toBe(`there is no ${path}`);
  });

  test('of the ChaCha generation is taken whole', () => {
    writeFileSync(fresh(), numbered(44));
    expect(takeSessionKey(id)).toEqual(numbered(44));
  });

  test.each([0, 23])('of %d bytes is refused, and gone', (length) => {
    const path = fresh();
    writeFileSync(path, numbered(length));
    expect(takeSessionKey(id)).toBe(`${path} was too short`);
    expect(existsSync(path)).toBe(false);
  });

  test('that is a symbolic link is refused: anybody may make one there', () => {
    const target = fresh();
    writeFileSync(target, numbered(24));
    const path = fresh();
    symlinkSync(target, path);
    expect(takeSessionKey(id)).toBe(`${path} is a symbolic link`);
    expect(lstatSync(path).isSymbolicLink()).toBe(true);
    expect(existsSync(target)).toBe(true);
  });

  test.each<[string, (path: string) => void]>([
    ['a directory', (path) => mkdirSync(path)],
    ['a fifo', (path) => execFileSync('mkfifo', [path])],
  ])('that is %s is refused', (_, make) => {
    const path = fresh();
    make(path);
    expect(takeSessionKey(id)).toBe(`${path} is not a regular file`);
    expect(existsSync(path)).toBe(true);
  });
});
