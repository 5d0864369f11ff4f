// Key files of any content, length, mode and kind, at any name.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { CryptcabError } from '../../../src/error.js';
import { type KeyFile, readPresharedKey } from '../../../src/keys/key-file.js';
import { type NoKey, SessionKeys, sessionKeyPath } from '../../../src/keys/session-keys.js';
import { CIPHERS } from '../../../src/protocol/classic/session-key.js';
import { property } from './property.js';

const isRoot = process.getuid?.() === 0;
let directory = '';
/** A fifo costs a process: one is made, and linked to where it is wanted. */
let fifo = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'key-file-fuzz-'));
  fifo = join(directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
});

afterAll(() => rmSync(directory, { recursive: true }));

const content = fc.oneof(
  fc.uint8Array({ maxLength: 60 }),
  fc.constantFrom(23, 24, 25, 43, 44, 45, 70_000).map((length) => new Uint8Array(length).fill(length)),
);
const kind = fc.constantFrom(
  'file',
  'file',
  'file',
  'link',
  'directory',
  'fifo',
  'nowhere',
  'loop',
  'nothing',
);
const mode = fc.constantFrom(0o600, 0o400, 0o640, 0o604, 0o000, 0o200, 0o777);

/** Makes such a thing at a path; tells of where the bytes lie. */
function make(what: string, path: string, bytes: Uint8Array, bits: number): string {
  const file = what === 'link' ? join(directory, 'target') : path;
  if (what === 'file' || what === 'link') {
    writeFileSync(file, bytes);
    chmodSync(file, bits);
  }
  if (what === 'link') symlinkSync(file, path);
  else if (what === 'directory') mkdirSync(path);
  else if (what === 'fifo') linkSync(fifo, path);
  else if (what === 'nowhere') symlinkSync(join(directory, 'not there'), path);
  else if (what === 'loop') symlinkSync(path, path);
  return file;
}

function remove(...paths: string[]): void {
  for (const path of paths) rmSync(path, { recursive: true, force: true });
}

/** The first 44 bytes, or else 24; undefined where there are fewer. */
function keyOf(bytes: Uint8Array): Uint8Array | undefined {
  return bytes.length < 24 ? undefined : bytes.slice(0, bytes.length < 44 ? 24 : 44);
}

const readable = (bits: number) => isRoot || (bits & 0o400) !== 0;

describe('a key file of any kind', () => {
  const seen = { taken: 0, refused: 0 };
  const name = fc
    .oneof(
      fc.constant('key'),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
      fc.string({ unit: fc.constantFrom(...`a -'\n\r\t`), minLength: 1, maxLength: 10 }),
    )
    .filter((text) => !/[/\0]|^\.\.?$|^(fifo|target)$/.test(text) && Buffer.byteLength(text) < 200);
  property(
    'is read, or refused in one line that names it',
    150,
    fc.property(
      fc.record({ name, what: kind, bytes: content, bits: mode, cipher: fc.constantFrom(...CIPHERS) }),
      ({ name, what, bytes, bits, cipher }) => {
        const path = join(directory, name);
        const file = make(what, path, bytes, bits);
        try {
          const key = keyOf(bytes);
          const has = (what === 'file' || what === 'link') && readable(bits) ? (key?.length ?? 0) : 0;
          const good = has >= (cipher === 'blowfish' ? 24 : 44);
          let read: KeyFile | undefined;
          try {
            read = readPresharedKey(path, cipher);
          } catch (error) {
            if (!(error instanceof CryptcabError)) throw error;
            expect(error.message).toMatch(/^[^\r\n]*key file [^\r\n]+$/);
          }
          expect(read?.key).toEqual(good ? key : undefined);
          expect(read?.exposed !== undefined).toBe(good && (bits & 0o077) !== 0);
          seen[good ? 'taken' : 'refused']++;
        } finally {
          remove(path, file);
        }
      },
    ),
    () => expect(Math.min(seen.taken, seen.refused)).toBeGreaterThan(0),
  );

  const taken = { yes: 0, no: 0 };
  property(
    'that scp left is read, or passed over, and goes only with its own key',
    150,
    fc.property(fc.record({ what: kind, bytes: content, bits: mode }), ({ what, bytes, bits }) => {
      const path = sessionKeyPath('id', directory);
      const file = make(what, path, bytes, bits);
      const keys = new SessionKeys(directory);
      try {
        const good = what === 'file' && readable(bits) && (bytes.length === 24 || bytes.length === 44);
        const got = keys.read('id');
        if (good) expect(got).toEqual(bytes);
        else expect((got as NoKey).why).toMatch(/^[^\r\n]+$/);
        taken[good ? 'yes' : 'no']++;
        keys.remove(
          'id',
          bytes.map((byte) => byte ^ 1),
        );
        expect(existsSync(path)).toBe(what !== 'nothing' && what !== 'nowhere' && what !== 'loop');
        keys.remove('id', bytes);
        if (good) expect(existsSync(path)).toBe(false);
        if (what === 'link') expect(existsSync(file)).toBe(true);
      } finally {
        remove(path, file);
      }
    }),
    () => expect(Math.min(taken.yes, taken.no)).toBeGreaterThan(0),
  );
});
