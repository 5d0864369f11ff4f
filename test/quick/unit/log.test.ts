import { describe, expect, test } from 'vitest';
import { SeldomLog } from '../../../src/log.js';

const MINUTE = 60_000;

/** A log, and what it said: [kind, times]. */
function bench() {
  const log = new SeldomLog();
  const said: [string, number][] = [];
  return {
    said,
    note: (now: number, kind: string) => log.note(now, kind, (times) => said.push([kind, times])),
  };
}

describe('a thing that happens often', () => {
  test('is said at once, then once a minute with how often it was', () => {
    const { said, note } = bench();
    for (let now = 1_000; now < 1_000 + 3 * MINUTE; now += 1_000) note(now, 'a');
    expect(said).toEqual([
      ['a', 1],
      ['a', 60],
      ['a', 60],
    ]);
  });

  test('is said again to the millisecond', () => {
    const { said, note } = bench();
    note(0, 'a');
    note(MINUTE - 1, 'a');
    expect(said).toEqual([['a', 1]]);
    note(MINUTE, 'a');
    expect(said).toEqual([
      ['a', 1],
      ['a', 2],
    ]);
  });

  test('and then seldom is counted from the last time on', () => {
    const { said, note } = bench();
    for (const now of [0, 1, 2, 5 * MINUTE, 20 * MINUTE]) note(now, 'a');
    expect(said).toEqual([
      ['a', 1],
      ['a', 3],
      ['a', 1],
    ]);
  });

  test('does not keep another from being said', () => {
    const { said, note } = bench();
    for (const kind of ['a', 'b', 'a', 'b', 'c']) note(0, kind);
    expect(said.map(([kind]) => kind)).toEqual(['a', 'b', 'c']);
  });

  test('and is known already does not make the others forgotten', () => {
    const { said, note } = bench();
    note(0, 'first');
    for (let i = 1; i < 256; i++) note(1_000, `kind ${i}`);
    note(MINUTE, 'first');
    note(MINUTE, 'kind 1');
    expect(said.slice(256)).toEqual([['first', 1]]);
  });

  test('is not said when there are too many different things, until some of them are old', () => {
    const { said, note } = bench();
    for (let i = 0; i < 256; i++) note(0, `kind ${i}`);
    note(0, 'kind 0');
    expect(said).toHaveLength(256); // the table is full, and still knows the first
    note(0, 'one more');
    note(MINUTE - 1, 'one more');
    expect(said).toHaveLength(256);
    note(MINUTE, 'one more');
    note(MINUTE, 'kind 0');
    expect(said.slice(256)).toEqual([
      ['one more', 1],
      ['kind 0', 1],
    ]);
  });
});
