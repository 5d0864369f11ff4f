// Log and pid files: a link of another user's is not followed, on the way to the file or in its place.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  lchownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LineSink } from '../../../src/cli/log/line-sink.js';
import { openOwn } from '../../../src/cli/own-path.js';
import { checkPidFile, writePidFile } from '../../../src/cli/run/pid-file.js';
import { CryptcabError } from '../../../src/error.js';

const me = process.geteuid?.() as number;
let directory: string;
const at = (name: string) => join(directory, name);

beforeEach(() => {
  directory = mkdtempSync(join(realpathSync(tmpdir()), 'own-path-test-'));
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true });
});

/** Has a file be another user's: root gives it away, others look at it with another's eyes. */
function another(path: string): void {
  if (me === 0) lchownSync(path, 4711, 4711);
  else vi.spyOn(process, 'geteuid').mockReturnValue(me + 1);
}

function shared(): void {
  chmodSync(directory, 0o1777);
}

const append = (path: string) =>
  closeSync(openOwn(path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, 0o640));

const LINK = /\S+ is a symbolic link that another user \(\d+\) has made/;

test('a file is made, and for its group to read at most, whatever the umask is', () => {
  const umask = process.umask(0);
  try {
    append(at('log'));
    void new LineSink({ to: at('other') });
  } finally {
    process.umask(umask);
  }
  for (const name of ['log', 'other']) expect(statSync(at(name)).mode & 0o777).toBe(0o640);
});

test("links of this user's lead where they lead", () => {
  mkdirSync(at('logs'));
  symlinkSync('logs', at('here'));
  symlinkSync('../target', at('logs/log'));
  writeFileSync(at('target'), 'x');
  append(at('here/log'));
  symlinkSync('nowhere yet', at('new'));
  append(at('new'));
  expect(statSync(at('nowhere yet')).size).toBe(0);
  const fd = openSync(at('target'), 'a');
  append(`/proc/self/fd/${fd}`); // as /dev/stderr leads there
  closeSync(fd);
});

test.each<[string, (target: string) => string]>([
  [
    'in place of the file',
    (target) => {
      symlinkSync(target, at('log'));
      another(at('log'));
      return at('log');
    },
  ],
  [
    'in place of a file that is not there yet',
    (target) => {
      rmSync(target);
      symlinkSync(target, at('log'));
      another(at('log'));
      return at('log');
    },
  ],
  [
    'on the way to it',
    () => {
      mkdirSync(at('real'));
      symlinkSync('real', at('logs'));
      another(at('logs'));
      return at('logs/log');
    },
  ],
  [
    'behind one of this user',
    (target) => {
      symlinkSync(target, at('theirs'));
      another(at('theirs'));
      symlinkSync('theirs', at('log'));
      return at('log');
    },
  ],
])("a link of another user's is not followed: %s", (_, make) => {
  writeFileSync(at('target'), 'mine');
  shared();
  const path = make(at('target'));
  for (const open of [append, (path: string) => new LineSink({ to: path }), checkPidFile, writePidFile]) {
    expect(() => open(path)).toThrow(CryptcabError);
    expect(() => open(path)).toThrow(LINK);
  }
  if (existsSync(at('target'))) expect(readFileSync(at('target'), 'utf8')).toBe('mine');
});

test('a pipe that nobody reads makes nobody wait', () => {
  execFileSync('mkfifo', [at('pipe')]);
  expect(() => append(at('pipe'))).toThrow(
    /pipe is a pipe that nobody reads, or a socket: start its reader first, or name a file$/,
  );
});

test("in a directory that everybody shares, a file of another user's is not written to", () => {
  writeFileSync(at('log'), '');
  append(at('log'));
  another(at('log'));
  append(at('log'));
  shared();
  expect(() => append(at('log'))).toThrow(/ is a file that another user \(\d+\) has made$/);
});

test('nor is one that has another name', () => {
  writeFileSync(at('secret'), '');
  linkSync(at('secret'), at('log'));
  append(at('log'));
  shared();
  expect(() => append(at('log'))).toThrow(/ has another name besides$/);
});

test('a log that is opened anew keeps to the old file where a link has come', async () => {
  const sink = new LineSink({ to: at('log') });
  rmSync(at('log'));
  writeFileSync(at('target'), '');
  symlinkSync('target', at('log'));
  another(at('log'));
  expect(() => sink.reopen()).toThrow(/ is a symbolic link that another user /);
  sink.write('a line\n');
  await sink.close();
  expect(readFileSync(at('target'), 'utf8')).toBe('');
});
