// The quick tests run in a browser as well, but for those that test/support/browser/without.ts names. A test that leads to a module of
// Node and is not named there is found here, before a browser is started.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { WITHOUT } from '../../support/browser/without.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const named = Object.values(WITHOUT).flatMap((names) => names.map((name) => `test/quick/${name}.test.ts`));
/** Modules of Node that have a stand-in in the browser (vitest.browser.config.ts). */
const STOOD_IN = new Set(['node:fs', 'node:url']);

const tests = ['unit', 'vectors', 'protocol'].flatMap((room) =>
  readdirSync(join(root, 'test/quick', room), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => `test/quick/${room}/${file}`),
);

/** The modules that a file's text imports the values of, as it names them. */
function modules(text: string): string[] {
  const imports = text.matchAll(/^(?:import|export)\s+(?!type\s)(?:[^;']*?\sfrom\s+)?'([^']+)'/gm);
  return [...imports].map(([, name = '']) => name);
}

/** The files from each file to the first module of Node that it leads to; empty where it leads to none. */
const ways = new Map<string, readonly string[]>();
function wayToNode(file: string): readonly string[] {
  const known = ways.get(file);
  if (known !== undefined) return known;
  ways.set(file, []); // for a file that leads back to itself
  const found = next(file);
  ways.set(file, found);
  return found;
}

function next(file: string): readonly string[] {
  for (const name of modules(readFileSync(join(root, file), 'utf8'))) {
    if (name.startsWith('node:') && !STOOD_IN.has(name)) return [file, name];
    const other = posix.join(posix.dirname(file), name).replace(/\.js$/, '.ts');
    const way = name.startsWith('.') && existsSync(join(root, other)) ? wayToNode(other) : [];
    if (way.length > 0) return [file, ...way];
  }
  return [];
}

test('each test that is left out of the browser is there', () => {
  expect(named.filter((file) => !tests.includes(file))).toEqual([]);
});

test('no test that runs in the browser leads to a module of Node', () => {
  const inBrowser = tests.filter((file) => !named.includes(file));
  expect(inBrowser.length).toBeGreaterThan(80);
  expect(inBrowser.map(wayToNode).filter((way) => way.length > 0)).toEqual([]);
});

test('what leads to a module of Node is found', () => {
  expect(modules("import { a } from './a.js';\nimport 'node:os';\nexport {\n  b,\n} from './b.js';")).toEqual(
    ['./a.js', 'node:os', './b.js'],
  );
  expect(modules("import type { Socket } from 'node:dgram';")).toEqual([]);
  expect(wayToNode('test/quick/unit/address-scope.test.ts').at(-1)).toMatch(/^node:/);
});
