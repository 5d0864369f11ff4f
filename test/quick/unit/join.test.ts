// What a machine that joins is told, and keeps.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cableWords, inviteOf, join as joinServer, wordsOf } from '../../../src/cli/commands/join.js';
import { commandText } from '../../../src/cli/names.js';
import { UsageError } from '../../../src/cli/usage.js';
import { lineOf } from '../../../src/ends/peers/line-of.js';
import { CryptcabError, messageOf } from '../../../src/error.js';
import { JoinedDirectory } from '../../../src/keys/joined.js';
import { SILENT } from '../../../src/log.js';
import { libraryText } from '../../../src/option-mark.js';
import { writeInviteLine } from '../../../src/protocol/secure/invite-line.js';
import { randomness } from '../../support/seed.js';

const { bytes } = randomness();
const newLine = () =>
  writeInviteLine({
    ...{ serverPublicKey: bytes(32), privateKey: bytes(32), presharedKey: bytes(32) },
    ...{ until: 1_800_000_000, places: [{ host: 'lab.example.org', port: 7667 }] },
  });

describe('the words after join', () => {
  const line = newLine();

  test.each<[string[], Partial<ReturnType<typeof wordsOf>>]>([
    [[line], { line, options: [] }],
    [[line, '-s', '/tmp/x', '-v'], { line, options: ['-s', '/tmp/x', '-v'] }],
    [['-s', '/tmp/x', line], { line, options: ['-s', '/tmp/x'] }],
    [['--to', 'd', line], { line, to: 'd', options: [] }],
    [['--to=d', '-v'], { line: '', to: 'd', options: ['-v'] }],
    [[line, line], { line, options: [line] }],
    [['xyz', '-v'], { line: 'xyz', options: ['-v'] }],
    [['-v', 'xyz'], { line: '', options: ['-v', 'xyz'] }],
    [[], { line: '', to: undefined, options: [] }],
  ])('%#', (args, found) => expect(wordsOf(args)).toMatchObject(found));

  test('a line that a shell has made several words of', () => {
    for (let at = 20; at < line.length - 20; at += 7) {
      const parts = [line.slice(0, at), line.slice(at, at + 11), line.slice(at + 11)].filter(Boolean);
      if (parts.some((part) => part.startsWith('-'))) continue; // a dash begins an option
      expect(wordsOf([...parts, '-v'])).toMatchObject({ line, options: ['-v'] });
    }
  });

  test.each([[['--to']], [['--to=']], [['--to', Buffer.from(bytes(32)).toString('base64')]]])(
    '%j is refused',
    (args) => {
      expect(() => wordsOf(args)).toThrow(UsageError);
    },
  );
});

test('of a line that is none nothing is repeated, and what to do is said', () => {
  const line = newLine();
  for (const [text, says] of [
    [line.slice(0, -5), /^this invite is torn/],
    [line.replace('cryptcab:1:', 'cryptcab:7:'), /^this invite is of a later version/],
    [line.slice(20), /^this is not an invite/],
    ['', /^this is not an invite/],
  ] as const) {
    expect(() => inviteOf(text, CryptcabError)).toThrow(says);
    expect(() => inviteOf(text, CryptcabError)).not.toThrow(line.slice(30, 50));
  }
  expect(inviteOf(line, CryptcabError).places).toEqual([{ host: 'lab.example.org', port: 7667 }]);
});

test('a word that is no invite makes a wrong command line', async () => {
  await expect(joinServer(['hello'], () => expect.unreachable())).rejects.toThrow(UsageError);
});

test('an invite of a machine without an address: the command says how to give one', () => {
  const guest = { privateKey: bytes(32), presharedKey: bytes(32) };
  const make = () => lineOf({ publicKey: bytes(32), port: 7667, until: 1, addresses: [] }, guest, []);
  const fault = (() => {
    try {
      return make();
    } catch (error) {
      return messageOf(error);
    }
  })();
  const says = 'this machine has no address that others reach: say where the server is, with';
  expect(commandText(fault)).toBe(`${says} cryptcab invite --at HOST`);
  expect(libraryText(fault)).toBe(`${says} at`);
});

describe('the directory', () => {
  let path: string;
  beforeEach(() => {
    path = join(mkdtempSync(join(tmpdir(), 'cryptcab-lab-join-')), 'a', 'b');
  });
  afterEach(() => rmSync(join(path, '../..'), { recursive: true, force: true }));

  test('has keys that nobody else can read before anybody hears of them, and the same ones for the same line', () => {
    const directory = new JoinedDirectory(path);
    const [guest, other] = [bytes(32), bytes(32)];
    const keys = directory.keys(guest, SILENT);
    expect(readdirSync(path).sort()).toEqual(['invite', 'preshared.key', 'private.key']);
    for (const file of readdirSync(path)) expect(statSync(join(path, file)).mode & 0o777).toBe(0o600);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(new JoinedDirectory(path).keys(guest, SILENT)).toEqual(keys);
    expect([directory.isOf(guest), directory.isOf(other), directory.server]).toEqual([
      true,
      false,
      undefined,
    ]);
    expect(new JoinedDirectory(path).keys(other, SILENT)).not.toEqual(keys);
  });

  test('knows its server, and how the cable is asked for', () => {
    const directory = new JoinedDirectory(path);
    directory.keys(bytes(32), SILENT);
    const server = { host: '2001:db8::1', port: 7667, publicKey: bytes(32) };
    directory.joined(server);
    expect(new JoinedDirectory(path).server).toEqual(server);
    const words = cableWords(directory, server, ['-v']);
    expect(words).toContain('[2001:db8::1]:7667');
    expect(words.at(-1)).toBe('-v');
    for (const file of ['private.key', 'preshared.key']) {
      expect(words).toContain(join(path, file));
      expect(words).not.toContain(readFileSync(join(path, file), 'utf8').trim());
    }
  });

  test('goes when it is of no use, but for what somebody else has put there', () => {
    const directory = new JoinedDirectory(path);
    directory.keys(bytes(32), SILENT);
    writeFileSync(join(path, 'mine'), '');
    directory.remove();
    expect(readdirSync(path)).toEqual(['mine']);
    rmSync(join(path, 'mine'));
    directory.remove();
    directory.remove();
    expect(readdirSync(join(path, '..'))).toEqual([]);
  });

  test('that cannot be made says which one', () => {
    const file = join(path, '../..', 'file');
    writeFileSync(file, '');
    expect(() => new JoinedDirectory(join(file, 'x')).keys(bytes(32), SILENT)).toThrow(
      /^cannot keep keys in .*file\/x: ENOTDIR.*; name another directory with --to$/,
    );
  });
});
