// Each § that code, tests and documents cite is a numbered heading of the page of docs/protocol/ that is named before it,
// or is in a document of others. The package's types are the code's comments.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const PAGES = ['classic.md', 'secure.md'] as const;

/** The headings of a page, but its title: level and text of each. */
const headings = (page: string) =>
  Array.from(read(`docs/protocol/${page}`).matchAll(/^##(#*) (.*)$/gm), ([, more = '', text = '']) => ({
    level: more.length,
    text,
  }));

/** The numbers of a page's sections. */
const sections = new Map<string, ReadonlySet<string>>(
  PAGES.map((page) => [page, new Set(headings(page).map(({ text }) => text.replace(/\.? .*/, '')))]),
);

/** What a § is in: the word with a dot, a dash or a slash right before it, or what others have written. */
const TOKEN = /([\w./-]*[./-][\w.-]+)(?= §)|RFC \d+|whitepaper|Noise|virtio|§(\d+(?:\.\d+)*)/g;

/** Citations of a text that lead nowhere. @param own page that they are of where none is named */
function astray(text: string, own?: string): string[] {
  const wrong: string[] = [];
  let page: string | undefined = own;
  for (const [found, name, section] of text.matchAll(TOKEN)) {
    if (section === undefined) {
      page = name?.replace(/^docs\/protocol\//, '') ?? 'of others';
      if (name !== undefined && !sections.has(page)) wrong.push(`there is no document ${name}`);
    } else if (page === undefined) wrong.push(`${found} of no document`);
    else if (sections.get(page)?.has(section) === false) wrong.push(`${page} ${found}`);
  }
  return wrong;
}

/** In a document each line names what it cites, but a page of docs/protocol/ itself. */
function astrayIn(file: string): string[] {
  if (!file.endsWith('.md')) return astray(read(file));
  const own = file.startsWith('docs/protocol/') ? basename(file) : undefined;
  return read(file)
    .split('\n')
    .flatMap((line) => astray(line, own));
}

test('what is cited is there', () => {
  const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' })
    .split('\n')
    .filter((file) => /\.(ts|mjs|md)$/.test(file) && !file.endsWith('citations.test.ts'));
  expect(files.length).toBeGreaterThan(300);
  expect(files.flatMap((file) => astrayIn(file).map((what) => `${file}: ${what}`))).toEqual([]);
});

test.each(PAGES)('the sections of %s are numbered in their order', (page) => {
  let [chapter, part] = [0, 0];
  const expected = headings(page).map(({ level }) => {
    if (level === 0) {
      part = 0;
      return `${++chapter}. `;
    }
    return `${chapter}.${++part} `;
  });
  expect(headings(page).map(({ text }) => /^[\d.]* /.exec(text)?.[0])).toEqual(expected);
});

describe('a citation that leads nowhere is found', () => {
  test.each<[string, string[]]>([
    ['// (classic.md §7.4)', []],
    ['// docs/protocol/secure.md §2.3', []],
    ['// (classic.md §8)', ['classic.md §8']],
    ['// (classic.md §7.5)', ['classic.md §7.5']],
    ['// (secure.md §2.4, §9)', ['secure.md §9']],
    ['// RFC 8439 §2.8.2', []],
    ['// (secure.md §2.1; whitepaper §5.4.6)', []],
    ['// see §2', ['§2 of no document']],
    ['// (secure.md §2), (classic-protocol §2)', ['there is no document classic-protocol']],
    ['// docs/mtu.md §2', ['there is no document docs/mtu.md']],
  ])('%s', (text, wrong) => expect(astray(text)).toEqual(wrong));
});
