// Every link of the documents to a file of the project, or to a heading in one, leads somewhere.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const documents = ['.', 'docs', 'docs/protocol', 'docs/decisions', 'test', 'bench', 'examples'].flatMap(
  (directory) =>
    readdirSync(join(root, directory))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(directory, name)),
);
const read = (path: string) => readFileSync(join(root, path), 'utf8');

/** A document without its blocks of code. */
const prose = (text: string) => text.replace(/^```.*?^```/gms, '').replace(/^ {4}.*$/gm, '');

/** What a heading is called in a link, as forges make it. */
function anchor(heading: string): string {
  return heading
    .replace(/[`*]|\[|\]\(.*?\)/g, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

/** Links that lead nowhere. */
function broken(document: string): string[] {
  return [...prose(read(document)).matchAll(/\]\((?!\w+:)([^)\s#]*)(?:#([^)\s]*))?\)/g)].flatMap(
    ([link, path = '', fragment]) => {
      const target = path === '' ? document : join(dirname(document), path);
      if (!existsSync(join(root, target))) return [link];
      if (fragment === undefined) return [];
      const headings = [...prose(read(target)).matchAll(/^#+ (.*)$/gm)].map(([, text = '']) => anchor(text));
      return headings.includes(fragment) ? [] : [link];
    },
  );
}

test.each(documents)('the links of %s', (document) => {
  expect(broken(document)).toEqual([]);
});
