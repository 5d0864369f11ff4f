// What people read is in plain words: subject first, active voice. This finds the worst puzzles: phrases that no page, comment or
// message needs.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A phrase, and what to write instead. */
const PUZZLES: readonly (readonly [RegExp, string])[] = [
  [/\bt(?:ell|ells|old) of\b/gi, 'say, report'],
  [/\b(?:is|are|was|were|not) to be had\b/gi, 'is available, is there'],
  [/\bgoes without saying\b/gi, 'is the default'],
  [/\bunless (?:it is )?told\b(?! otherwise)/gi, 'default:'],
  [/\b(?:is|are) left away\b|\bleave [^.:;,\n]{1,40} away\b/gi, 'leave out'],
  [/\btr(?:ies|ying|y) on\b/gi, 'keep trying'],
  [/\bfor want of\b/gi, 'for lack of'],
  [/\bin vain\b/gi, 'for nothing'],
  [/\bof nobody's\b/gi, 'of an unknown sender'],
  [/\bthe which\b|\bthat which\b|\bwhomever\b|\bwherewith\b|\bthereof\b/gi, 'a plain relative clause'],
  [/\bto and fro\b/gi, 'back and forth'],
];

/** The phrases in a text, also where a line ends within one. */
function puzzles(text: string): string[] {
  const flat = text.replace(/\n[ \t]*(?:\*|\/\/)?[ \t]*/g, ' ');
  return PUZZLES.flatMap(([puzzle, instead]) =>
    [...flat.matchAll(puzzle)].map(([found]) => `'${found}': write ${instead}`),
  );
}

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => !file.startsWith('src/vectors/')) // the words of published vectors
  .filter((file) =>
    /^(?:[A-Z]+\.md|(?:docs|src|assembly|bench|scripts|lab|site|examples|packaging)\/.*\.(?:md|ts|mjs))$/.test(
      file,
    ),
  );

test('what people read is in plain words', () => {
  expect(files.length).toBeGreaterThan(300);
  expect(
    files.flatMap((file) => puzzles(readFileSync(join(root, file), 'utf8')).map((why) => `${file}: ${why}`)),
  ).toEqual([]);
});

describe('a puzzle is found', () => {
  test.each([
    ['It tells of what came.', 1],
    ['where koffi is\n * not to be had', 1],
    ['7667 unless told', 1],
    ['unless told otherwise', 0],
    ['leave it away', 1],
    ['nobody listens, trying on', 1],
    ['one that is far away', 0],
    ['for this is what it tells', 0],
  ])('%s', (text, count) => expect(puzzles(text)).toHaveLength(count));
});
