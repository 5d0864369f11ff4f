// What a run prints of its failures can be read from the top: what is wrong first, and not all of it.
import { describe, expect, it } from 'vitest';
import { briefly } from '../../support/failures.js';

const HEAD = '- Expected\n+ Received\n\n';

describe('of failures', () => {
  it('three of a kind are shown, with the number of the others', () => {
    const failures = Array.from({ length: 80 }, (_, i) => ({ message: `expected '${i}' to be ${i + 1}` }));
    const brief = briefly([...failures, { message: 'something else' }]);
    expect(brief.filter((failure) => failure !== undefined).map(({ message }) => message)).toEqual([
      failures[0]?.message,
      failures[1]?.message,
      `${failures[2]?.message}\n(and 77 more like this: their names are above)`,
      'something else',
    ]);
  });

  it('those that come from one line are of a kind, whatever they say', () => {
    const stack = 'Error: x\n    at agree (/a/b.test.ts:146:80)\n    at /a/b.test.ts:200:5';
    const failures = ['a', 'b', 'c', 'd', 'e'].map((message) => ({ message, stack }));
    const messages = briefly(failures).map((failure) => failure?.message);
    expect(messages).toEqual(['a', 'b', expect.stringContaining('and 2 more'), undefined, undefined]);
  });
});

describe('of one failure', () => {
  const shown = (failure: { message: string; diff?: string; cause?: unknown }) => briefly([failure])[0];

  it('what is short is left as it is', () => {
    const failure = { message: 'expected 1 to be 2', diff: `${HEAD}- 2\n+ 1` };
    expect(shown(failure)).toEqual(failure);
  });

  it('three differences are shown of each side', () => {
    const lines = (side: string) => Array.from({ length: 256 }, (_, i) => `${side}   ${i},`).join('\n');
    const diff = `${HEAD}  [\n${lines('-')}\n${lines('+')}\n  ]`;
    expect(shown({ message: 'm', diff })?.diff).toBe(
      `${HEAD}  [\n-   0,\n-   1,\n-   2,\n+   0,\n+   1,\n+   2,\n…(506 more lines differ)`,
    );
  });

  it('a difference at the end of long lines is shown', () => {
    const long = 'ab'.repeat(10_000);
    const { diff = '' } = shown({ message: 'm', diff: `${HEAD}- ${long}1\n+ ${long}2` }) ?? {};
    expect(diff).toMatch(/^- …\(\d+ characters alike\)…[ab]+1$/m);
    expect(diff).toMatch(/^\+ …\(\d+ characters alike\)…[ab]+2$/m);
    expect(diff.length).toBeLessThan(200);
  });

  it('colours do not hide what differs', () => {
    const green = '\u001b[32m';
    const diff = `${green}- Expected\u001b[39m\n+ Received\n\n${`${green}- 1\u001b[39m\n`.repeat(9)}`;
    expect(shown({ message: 'm', diff })?.diff?.split('\n')).toHaveLength(3 + 3 + 1);
  });

  it('a long message begins as it does, and ends as it does', () => {
    const message = ['in vain; it printed:', ...Array.from({ length: 1_000 }, (_, i) => `line ${i}`)].join(
      '\n',
    );
    const lines = shown({ message })?.message.split('\n') ?? [];
    expect(lines.length).toBeLessThan(25);
    expect([lines[0], lines.at(-1)]).toEqual(['in vain; it printed:', 'line 999']);
  });

  it('and so is what it came of', () => {
    const cause = { message: 'c', diff: `${HEAD}${'- 1\n'.repeat(100)}` };
    const { cause: brief } = shown({ message: 'm', cause }) ?? {};
    expect((brief as typeof cause).diff.split('\n').length).toBeLessThan(10);
  });
});
