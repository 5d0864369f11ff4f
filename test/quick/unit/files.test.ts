// Files of ours on a disk that becomes full: what was there stays whole, and nothing else is left.
import { execFileSync } from 'node:child_process';
import fs, {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ServerState } from '../../../src/ends/peers/server-state.js';
import { makeDirectory, replaceFile } from '../../../src/keys/files.js';
import { keptPrivateKey } from '../../../src/keys/kept-key.js';
import { keyText } from '../../../src/keys/key-text.js';
import { PeersStore } from '../../../src/keys/peers-store.js';
import { SILENT } from '../../../src/log.js';
import { quiet } from '../../support/quiet.js';

/** Bytes that the disk still takes. A write that finds less room takes as much as there is, as the kernel does. */
let room = Infinity;
const real = fs.writeSync;

function writeSync(fd: number, data: Uint8Array | string, at = 0): number {
  const bytes = Buffer.from(data as Uint8Array).subarray(at, at + room);
  if (bytes.length === 0) throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
  room -= bytes.length;
  return real(fd, bytes);
}

/** Has everybody write by this. */
function write(by: unknown): void {
  fs.writeSync = by as typeof real;
  syncBuiltinESMExports();
}

const key = (byte: number) => keyText(new Uint8Array(32).fill(byte));

let directory: string;
let path: string;
beforeEach(() => {
  write(writeSync);
  room = Infinity;
  directory = mkdtempSync(join(tmpdir(), 'cryptcab-files-'));
  path = join(directory, 'file');
});
afterEach(() => {
  write(real);
  rmSync(directory, { recursive: true });
});

// Other runtimes do not let a module of theirs be changed.
describe.skipIf(process.versions.bun !== undefined || process.versions.deno !== undefined)(
  'a full disk',
  () => {
    test('a file is replaced as a whole or not at all', () => {
      replaceFile(path, Buffer.from('old'));
      room = 2;
      expect(() => replaceFile(path, Buffer.from('newer'))).toThrow(/ENOSPC/);
      expect(readFileSync(path, 'utf8')).toBe('old');
      expect(readdirSync(directory)).toEqual(['file']);
    });

    test('no peer is lost from a list when one is added', () => {
      const lines = `${key(1)}\n${key(2)}\n`;
      writeFileSync(path, lines);
      room = 60;
      expect(() => new PeersStore(path).add({ publicKey: key(3) })).toThrow(/^cannot change .*ENOSPC/);
      expect(readFileSync(path, 'utf8')).toBe(lines);
      expect(readdirSync(directory)).toEqual(['file']);
    });

    test('a part of a new private key is not in the way of the next start', () => {
      room = 20;
      const make = () => new Uint8Array(32).fill(7);
      expect(() => keptPrivateKey(directory, make, quiet)).toThrow(/ENOSPC/);
      expect(readdirSync(directory)).toEqual([]);
      room = Infinity;
      const made = keptPrivateKey(directory, make, quiet);
      expect(keptPrivateKey(directory, make, quiet)).toEqual(made);
    });
  },
);

test('a directory that the system refuses is an error, and does not hang', () => {
  makeDirectory(join(directory, 'a/b/c'), 0o700);
  makeDirectory(join(directory, 'a/b/c'), 0o700);
  expect(statSync(join(directory, 'a/b/c')).mode & 0o777).toBe(0o700);
  expect(() => makeDirectory('/proc/x/y')).toThrow(/ENOENT.*'\/proc\/x'/);
  writeFileSync(join(directory, 'file'), '');
  expect(() => makeDirectory(join(directory, 'file'))).toThrow(/EEXIST/);
  expect(() => makeDirectory(join(directory, 'file/x'))).toThrow(/ENOTDIR/);
});

test('a server that finds what another key has kept sets that aside; a line that is none costs no other', () => {
  const [privateKey, publicKey] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const path = join(directory, 'peers.json');
  const peer = { publicKey: keyText(new Uint8Array(32).fill(3)), name: 'alice', heard: 1 };
  const kept = JSON.stringify({ version: 1, server: keyText(publicKey), peers: [null, 7, {}, peer] });
  const random = (length: number) => new Uint8Array(length);
  const open = (own: Uint8Array) =>
    new ServerState({ directory, privateKey, publicKey: own, random, log: quiet });
  writeFileSync(path, kept);
  expect(open(publicKey).load().peers).toMatchObject([{ name: 'alice' }]);
  expect(open(privateKey).load().peers).toEqual([]);
  expect(readFileSync(`${path}.old`, 'utf8')).toBe(kept);
});

test('a pid file that a crash has damaged does not keep a server from its directory', () => {
  const [privateKey, publicKey] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const random = (length: number) => new Uint8Array(length);
  const pid = join(directory, 'server.pid');
  for (const damage of ['\0\0\0\0\0', 'garbage']) {
    writeFileSync(pid, damage);
    const state = ServerState.open({ directory, privateKey, publicKey, random, log: quiet });
    expect(readFileSync(pid, 'utf8')).toBe(`${process.pid}\n`);
    expect(ServerState.open({ directory, privateKey, publicKey, random, log: quiet })).toBeUndefined();
    state?.close();
    expect(existsSync(pid)).toBe(false);
  }
});

test('a server starts without what it knew where that is no file', () => {
  execFileSync('mkfifo', [join(directory, 'peers.json')]);
  const said: string[] = [];
  const log = { ...SILENT, warn: (_fields: object, message: string) => said.push(message) };
  const [privateKey, publicKey] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const random = (length: number) => new Uint8Array(length);
  const state = new ServerState({ directory, privateKey, publicKey, random, log });
  expect(state.load()).toEqual({ peers: [], invites: [] });
  expect(said).toEqual([
    `starts without what it knew of its peers: it is not a regular file; the old file is ${join(directory, 'peers.json.old')} now`,
  ]);
});
