// What vitest has compiled for `npm run check` (scripts/compiled.mjs).
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

// The checks of types do not look at scripts.
const script = new URL('../../scripts/compiled.mjs', import.meta.url).href;
const { compiledPlace } = (await import(script)) as { compiledPlace(root: string, most?: number): string };

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'cryptcab-compiled-'));
  mkdirSync(join(root, 'site'));
  for (const file of ['tsconfig.json', 'tsconfig.build.json', 'vitest.config.ts', 'site/tsconfig.json'])
    writeFileSync(join(root, file), '{}');
});
afterEach(() => rmSync(root, { recursive: true }));

test('stays while nothing changes that it depends on', () => {
  const place = compiledPlace(root);
  writeFileSync(join(place, 'module'), 'code');
  writeFileSync(join(root, 'package.json'), '{}');
  expect(compiledPlace(root)).toBe(place);
  expect(readdirSync(place)).toEqual(['module']);
});

test.each(['tsconfig.json', 'tsconfig.more.json', 'vitest.config.ts', 'site/tsconfig.json'])(
  'is removed when %s changes',
  (file) => {
    const place = compiledPlace(root);
    writeFileSync(join(place, 'module'), 'code');
    writeFileSync(join(root, file), '{ "changed": true }');
    const other = compiledPlace(root);
    expect(other).not.toBe(place);
    expect(readdirSync(join(root, 'build/compiled'))).toEqual([other.slice(-16)]);
  },
);

test('is removed when it is too much, and so is what an older version of the script left', () => {
  const place = compiledPlace(root);
  for (const name of ['one', 'two']) writeFileSync(join(place, name), 'x'.repeat(10));
  writeFileSync(join(root, 'build/compiled/old'), 'code');
  compiledPlace(root, 20);
  expect(readdirSync(place)).toEqual(['one', 'two']);
  compiledPlace(root, 19);
  expect(existsSync(join(place, 'one'))).toBe(false);
  expect(readdirSync(join(root, 'build/compiled')).filter((name) => name === 'old')).toEqual([]);
});
