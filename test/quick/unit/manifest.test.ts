// A directory of vectors and its manifest: whatever differs is said, in a line each.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { filesOf } from '../../../src/cli/commands/manifest.js';
import { sha256Of } from '../../../src/vectors/make.js';

let directory: string;
const TEXT = '{"some":"vectors"}';
const SUM = sha256Of(TEXT);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'cryptcab-manifest-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function having(files: Readonly<Record<string, string>>) {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  const { paths, faults } = filesOf(directory);
  const short = (text: string) => text.replaceAll(`${directory}/`, '');
  return { paths: paths.map(short), faults: faults.map(short) };
}

it('each file is what its line says', () => {
  const manifest = `${SUM}  a.json\n${SUM} *b.json\n`;
  expect(
    having({ 'a.json': TEXT, 'b.json': TEXT, 'x.schema.json': '', 'x.ts': '', SHA256SUMS: manifest }),
  ).toEqual({
    paths: ['a.json', 'b.json'],
    faults: [],
  });
});

it.each([
  ['an empty manifest', '', 'SHA256SUMS is empty'],
  ['blank lines alone', '\n \n', 'SHA256SUMS is empty'],
  ['a line too few', `${SUM}  a.json\n`, 'SHA256SUMS does not name b.json'],
  [
    'another sum',
    `${SUM}  a.json\n${sha256Of('')}  b.json\n`,
    'b.json is not the file that SHA256SUMS names',
  ],
  ['a line twice', `${SUM}  a.json\n${SUM}  a.json\n`, 'line 2 of SHA256SUMS names a.json again'],
  ['no sum', `${SUM}  a.json\nb.json\n`, 'line 2 of SHA256SUMS is not a checksum and the name of a file'],
  [
    'a name elsewhere',
    `${SUM}  ../a.json\n`,
    'line 1 of SHA256SUMS is not a checksum and the name of a file',
  ],
  [
    'a sum cut short',
    `${SUM.slice(1)}  a.json\n`,
    'line 1 of SHA256SUMS is not a checksum and the name of a file',
  ],
  [
    'what would drive a terminal',
    `\u001b[31m\n`,
    'line 1 of SHA256SUMS is not a checksum and the name of a file',
  ],
])('%s', (_, manifest, says) => {
  const { paths, faults } = having({ 'a.json': TEXT, 'b.json': TEXT, SHA256SUMS: manifest });
  expect(faults).toContain(`${says}: install the package again`);
  expect(paths).not.toContain('b.json');
  for (const fault of faults) expect(fault).not.toMatch(/\p{Cc}/u);
});

it('a file that is missing, one that is no file, and no manifest at all', () => {
  expect(having({ SHA256SUMS: `${SUM}  a.json\n` }).faults).toEqual([
    expect.stringMatching(/^cannot read a\.json: ENOENT.*: install the package again$/),
  ]);
  mkdirSync(join(directory, 'a.json'));
  expect(having({}).faults).toEqual([
    expect.stringMatching(/^cannot read a\.json: it is not a regular file/),
  ]);
  rmSync(join(directory, 'SHA256SUMS'));
  expect(having({}).faults).toEqual([expect.stringMatching(/^cannot read SHA256SUMS: ENOENT/)]);
});
