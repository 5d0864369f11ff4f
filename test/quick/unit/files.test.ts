// Files of ours on a disk that becomes full: what was there stays whole, and nothing else is left.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

/** Bytes that the disk still takes. A write that finds less room takes as much as there is, as the kernel does. */
let room = Infinity;
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  return {
    ...fs,
    writeSync(fd: number, data: Uint8Array | string, at = 0) {
      const bytes = Buffer.from(data).subarray(at, at + room);
      if (bytes.length === 0) throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
      room -= bytes.length;
      return fs.writeSync(fd, bytes);
    },
  };
});

const { keyText } = await import('../../../src/keys/key-text.js');
const { keptPrivateKey } = await import('../../../src/keys/kept-key.js');
const { PeersStore } = await import('../../../src/keys/peers-store.js');
const { replaceFile } = await import('../../../src/keys/files.js');
const { quiet } = await import('../../support/quiet.js');

const key = (byte: number) => keyText(new Uint8Array(32).fill(byte));

let directory: string;
let path: string;
beforeEach(() => {
  room = Infinity;
  directory = mkdtempSync(join(tmpdir(), 'cryptcab-files-'));
  path = join(directory, 'file');
});
afterEach(() => rmSync(directory, { recursive: true }));

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
