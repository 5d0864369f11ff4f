// What the built package's entries load: the core and the protocol have to run where there is no operating system.
import { existsSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { run } from '../../lab/process.js';

const root = new URL('../../', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));

/** Whatever a module names behind `from`, `import` or `import(`. */
const SPECIFIER = /(?<!['"])(?:\bfrom|\bimport)\s*\(?\s*(['"])([^'"]+)\1/g;
/** All files that an entry loads, as URLs, and what they name that is no file: the runtime's own modules. */
function graph(entry: string): { files: URL[]; builtins: string[] } {
  const files = new Map<string, URL>();
  const builtins = new Set<string>();
  const queue = [new URL(entry, root)];
  for (let file = queue.pop(); file !== undefined; file = queue.pop()) {
    if (files.has(file.href)) continue;
    files.set(file.href, file);
    for (const [, , name] of readFileSync(file, 'utf8').matchAll(SPECIFIER)) {
      if (isBuiltin(name as string)) builtins.add(name as string);
      else if (name?.startsWith('.')) queue.push(new URL(name, file));
      else queue.push(new URL(import.meta.resolve(name as string)));
    }
  }
  return { files: [...files.values()], builtins: [...builtins] };
}

const built = (name: string): string => manifest.exports[name].default;

test.each(['./core', './protocol'])('what %s loads is no module of the runtime', (name) => {
  const { files, builtins } = graph(built(name));
  expect(files.length).toBeGreaterThan(5);
  expect(builtins).toEqual([]);
});

test.each(['verify', 'make'])('what vectors/%s loads is no module of the runtime', (name) => {
  const { files, builtins } = graph(`dist/src/vectors/${name}.js`);
  expect(files.length).toBeGreaterThan(5);
  expect(builtins).toEqual([]);
});

test('the core, the protocol and the vectors know no global but those of a browser', () => {
  const tsc = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root));
  const sources = [
    ...['src/core/index.ts', 'src/protocol/index.ts'],
    ...['src/vectors/verify.ts', 'src/vectors/make.ts'],
  ];
  const options =
    '--ignoreConfig --noEmit --strict --target es2022 --module nodenext --lib es2023,dom --types';
  run(
    process.execPath,
    tsc,
    ...options.split(' '),
    '',
    ...sources.map((file) => fileURLToPath(new URL(file, root))),
  );
});

test('this sees what cryptcab/node loads', () => {
  const { builtins } = graph(built('./node'));
  expect(builtins).toEqual(expect.arrayContaining(['node:dgram', 'node:fs', 'node:child_process']));
});

test('each entry is there, with its types; the short name has what cryptcab/node has', async () => {
  for (const entry of Object.values(manifest.exports) as (string | Record<string, string>)[]) {
    for (const file of typeof entry === 'string' ? [entry] : Object.values(entry))
      expect(existsSync(new URL(file, root)), file).toBe(true);
  }
  const short = await import(new URL(built('.'), root).href);
  const long = await import(new URL(built('./node'), root).href);
  expect(Object.keys(short)).toEqual(Object.keys(long));
});
