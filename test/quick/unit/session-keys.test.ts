// Keys that clients send by scp: what anybody can have the server do by a LOGIN, and what only a proved key does.
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  type Stats,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CryptcabError } from '../../../src/error.js';
import { mayLogIn } from '../../../src/keys/accounts.js';
import { faultOf, type NoKey, SessionKeys, sessionKeyPath } from '../../../src/keys/session-keys.js';
import { numbered } from '../protocol/examples.js';

let directory = '';
let keys: SessionKeys;
const at = (id: string) => sessionKeyPath(id, directory);
const why = (id: string) => (keys.read(id) as NoKey).why;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'session-keys-test-'));
  keys = new SessionKeys(directory);
});

afterEach(() => rmSync(directory, { recursive: true }));

describe('a key that came by scp', () => {
  test('lies where its client puts it', () => {
    expect(sessionKeyPath('vde_abc123')).toBe('/tmp/.vde_abc123.key');
    expect(sessionKeyPath('vde_abc123', '/srv/keys')).toBe('/srv/keys/.vde_abc123.key');
  });

  test.each([24, 44])('of %d bytes is read, and stays until it has been proved', (bytes) => {
    writeFileSync(at('one'), numbered(bytes));
    expect(keys.read('one')).toEqual(numbered(bytes));
    expect(keys.read('one')).toEqual(numbered(bytes));
    expect(readFileSync(at('one')).length).toBe(bytes);
    expect(keys.remove('one', numbered(bytes))).toBeUndefined();
    expect(readdirSync(directory)).toEqual([]);
    expect(keys.read('one')).toEqual({ why: `there is no ${at('one')}`, found: false });
    expect(keys.remove('one', numbered(bytes))).toBeUndefined();
  });

  test.each([24, 44])('stays when something else lies there by the time it is proved', (bytes) => {
    writeFileSync(at('one'), numbered(bytes));
    const read = keys.read('one') as Uint8Array;
    writeFileSync(at('one'), new Uint8Array(24).fill(9));
    keys.remove('one', read);
    expect(existsSync(at('one'))).toBe(true);
  });

  test.each([0, 1, 23, 25, 43, 45, 100_000])(
    "of %d bytes is none, and stays: another program's, or half written",
    (bytes) => {
      writeFileSync(at('one'), numbered(bytes));
      expect(keys.read('one')).toEqual({
        why: `${at('one')} has ${bytes} bytes: a key has 24 or 44`,
        found: true,
      });
      keys.remove('one', numbered(bytes));
      expect(statSync(at('one')).size).toBe(bytes);
    },
  );

  test('that is a symbolic link is none: anybody may make one there', () => {
    const target = join(directory, 'target');
    writeFileSync(target, numbered(24));
    symlinkSync(target, at('one'));
    expect(why('one')).toBe(`${at('one')} is a symbolic link`);
    keys.remove('one', numbered(24));
    expect(lstatSync(at('one')).isSymbolicLink()).toBe(true);
    expect(existsSync(target)).toBe(true);
  });

  test('that has another name is none: it may be a file of somebody else', () => {
    const target = join(directory, 'target');
    writeFileSync(target, numbered(24));
    linkSync(target, at('one'));
    expect(why('one')).toMatch(/ has another name besides/);
    keys.remove('one', numbered(24));
    expect(existsSync(at('one'))).toBe(true);
  });

  test.each<[string, (path: string) => void]>([
    ['a directory', (path) => mkdirSync(path)],
    ['a fifo', (path) => execFileSync('mkfifo', [path])],
  ])('that is %s is none', (_, make) => {
    make(at('one'));
    expect(why('one')).toBe(`${at('one')} is not a regular file`);
    keys.remove('one', numbered(24));
    expect(existsSync(at('one'))).toBe(true);
  });
});

describe('its owner', () => {
  const [ALL, SOME] = [0o41777, 0o40770];
  const NOT_OURS = /belongs to another user \(1000\): clients have to log in as the user who runs/;
  const NOT_IN = /belongs to a user who cannot log in by ssh here \(\d+\): it was not sent by scp/;
  test.each<[number, number, number | undefined, RegExp | undefined]>([
    // [directory's mode, owner, who runs the server, fault]
    [ALL, 0, 0, undefined],
    [ALL, 1, 0, NOT_IN], // daemon
    [ALL, 65_534, 0, NOT_IN], // nobody
    [ALL, 4_000_000_000, 0, NOT_IN], // nobody at all
    [ALL, 1000, 1000, undefined],
    [ALL, 1000, 1001, NOT_OURS],
    [ALL, 1000, undefined, undefined],
    [SOME, 1000, 1001, undefined],
    [SOME, 65_534, 0, undefined],
  ])('in a directory of mode %o is %d, and the server is run by %d: %s', (mode, uid, user, fault) => {
    const file = { isFile: () => true, size: 24, nlink: 1, uid } as Stats;
    const said = faultOf(file, { mode } as Stats, user);
    if (fault === undefined) expect(said).toBeUndefined();
    else expect(said).toMatch(fault);
  });

  test('may log in with a shell alone', () => {
    expect(mayLogIn(0)).toBe(true);
    expect(mayLogIn(65_534)).toBe(false);
    expect(mayLogIn(4_000_000_000)).toBe(false);
  });
});

test.each<[string, () => string]>([
  ['that is not there', () => join(directory, 'nowhere')],
  ['that is a file', () => at('one')],
])('a directory %s is refused in one line', (_, path) => {
  writeFileSync(at('one'), '');
  expect(() => new SessionKeys(path())).toThrow(CryptcabError);
  expect(() => new SessionKeys(path())).toThrow(
    /^cannot look for keys in [^\n]+; name another with keyDirectory$/,
  );
});
