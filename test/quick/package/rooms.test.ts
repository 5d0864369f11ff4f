// The rooms of src/ (ARCHITECTURE.md): each imports from the floors below alone, no file leads back to itself, and a file with too
// many lines is two things.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const LINES_MAX = 450;

/** From the ground up; rooms on one floor know nothing of each other. */
const FLOORS = [
  [''], // what lies in src/ itself: errors, the log
  ['core'],
  ['protocol'],
  ['options', 'vectors'],
  ['network'],
  ['cable', 'keys'],
  ['control'],
  ['ends', 'metrics'],
  ['cli', 'library'],
];
const floors = new Map(FLOORS.flatMap((rooms, floor) => rooms.map((room) => [room, floor] as const)));
/** The library's short name. */
const ENTRY = 'src/index.ts';

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
}).split('\n');
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** What a file of src/ imports of others there, types as well. */
function imports(file: string, text: string): string[] {
  const named = text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']+)'/g);
  return [...named].map(([, name = '']) => posix.join(posix.dirname(file), name).replace(/\.js$/, '.ts'));
}

function roomOf(file: string): string {
  const [, room = '', ...rest] = file.split('/');
  return rest.length === 0 ? '' : room;
}

/** Imports of a file that do not lead down; a room may import what is in it. */
function upward(file: string, text: string): string[] {
  const here = roomOf(file);
  const down = (room: string) => (floors.get(room) as number) < (floors.get(here) as number);
  return imports(file, text)
    .filter((other) => roomOf(other) !== here && !down(roomOf(other)))
    .map((other) => `${file} imports ${other}`);
}

const sources = files.filter((file) => /^src\/.*\.ts$/.test(file) && file !== ENTRY);

test('every room stands on a floor', () => {
  expect(sources.length).toBeGreaterThan(200);
  expect([...new Set(sources.map(roomOf))].sort()).toEqual(FLOORS.flat().sort());
});

test('a room imports from below alone', () => {
  expect(sources.flatMap((file) => upward(file, read(file)))).toEqual([]);
});

test('an import that leads up, or to the side, is found', () => {
  expect(upward('src/cable/x.ts', "import type { End } from '../ends/end.js';")).toHaveLength(1);
  expect(upward('src/keys/x.ts', "export { a } from '../cable/cable.js';")).toHaveLength(1);
  expect(upward('src/error.ts', "const x = import('./core/core.js');")).toHaveLength(1);
  expect(upward('src/cable/x.ts', "import { Core } from '../core/core.js';")).toEqual([]);
});

test('no file leads back to itself', () => {
  const graph = new Map(sources.map((file) => [file, imports(file, read(file))]));
  const done = new Set<string>();
  const walk = (file: string, way: readonly string[]): string[] => {
    if (way.includes(file)) return [[...way.slice(way.indexOf(file)), file].join(' → ')];
    if (done.has(file)) return [];
    const circles = (graph.get(file) ?? []).flatMap((other) => walk(other, [...way, file]));
    done.add(file);
    return circles;
  };
  expect(sources.flatMap((file) => walk(file, []))).toEqual([]);
});

test(`no file has more than ${LINES_MAX} lines`, () => {
  const code = files.filter((file) =>
    /^(src|assembly|bench|lab|scripts|site|examples)\/.*\.(ts|mjs)$/.test(file),
  );
  const long = code.filter((file) => read(file).split('\n').length - 1 > LINES_MAX);
  expect(long).toEqual([]);
});
