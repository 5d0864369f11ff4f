import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CryptcabError } from '../../../src/error.js';
import { splitOptions } from '../../../src/keys/scp.js';
import { seed } from '../../support/seed.js';

describe('SCP_EXTRA_OPTIONS', () => {
  test.each<[string, string[]]>([
    ['', []],
    ['  \t ', []],
    ['-v', ['-v']],
    ['-P 2222 -i /home/me/key', ['-P', '2222', '-i', '/home/me/key']],
    [' -a   -b\t-c\n', ['-a', '-b', '-c']],
    ['-o "ProxyCommand ssh -W %h:%p gate"', ['-o', 'ProxyCommand ssh -W %h:%p gate']],
    ["-o 'User=a b'", ['-o', 'User=a b']],
    ['-o User="a b"c', ['-o', 'User=a bc']],
    ['a\\ b', ['a b']],
    ['a\\"b \\\'', ['a"b', "'"]],
    ['"a\\"b"', ['a"b']],
    ['"it\'s"', ["it's"]],
    ['\'say "so"\'', ['say "so"']],
    ['\\\\', ['\\']],
    ["'a\\b'", ['a\\b']],
    ['"a\\nb"', ['a\\nb']],
    ['""', ['']],
    ["-i ''", ['-i', '']],
    ['-o "#1" \'a;b\' "c|d"', ['-o', '#1', 'a;b', 'c|d']],
    ['-i *.key ?x [ab] {c,d} ~', ['-i', '*.key', '?x', '[ab]', '{c,d}', '~']],
    ['-o "X=*"', ['-o', 'X=*']],
    ['$HOME', ['$HOME']],
    ['-i $HOME/key', ['-i', '$HOME/key']],
    ['"$HOME" \'$HOME\' \\$HOME', ['$HOME', '$HOME', '$HOME']],
    ['a$ $1 $$ $? $@', ['a$', '$1', '$$', '$?', '$@']],
    ['`id`', ['`id`']],
    ['${HOME} ${ ${} "${a b}"', ['${HOME}', '${', '${}', '${a b}']],
    ['-i /x#1 a#b#', ['-i', '/x#1', 'a#b#']],
    ["'a\\' b", ['a\\', 'b']],
  ])('%j', (text, words) => {
    expect(splitOptions(text)).toEqual(words);
  });

  test.each([
    ['-o "a', 'has a quote that is not closed'],
    ["-o 'a", 'has a quote that is not closed'],
    ["it's", 'has a quote that is not closed'],
    ['\'a" "b', 'has a quote that is not closed'],
    ['-v; id', "holds ';'"],
    ['-v && id', "holds '&&'"],
    ['-v & id', "holds '&'"],
    ['-v | tee x', "holds '|'"],
    ['-v > /dev/null', "holds '>'"],
    ['-v 2>&1', "holds '>&'"],
    ['< x', "holds '<'"],
    ['$(id)', "holds '('"],
    ['(id)', "holds '('"],
    ['-v # and so on', "holds '#'"],
  ])('%j: it %s', (text, says) => {
    expect(() => splitOptions(text)).toThrow(CryptcabError);
    expect(() => splitOptions(text)).toThrow(`SCP_EXTRA_OPTIONS ${says}`);
    expect(() => splitOptions(text)).not.toThrow(/\n/);
  });

  test('gives words back as they were, when they are quoted', () => {
    const single = (word: string) => `'${word.replaceAll("'", `'"'"'`)}'`;
    const double = (word: string) => `"${word.replaceAll('"', `"'"'"`)}"`;
    const words = fc.array(fc.string({ unit: fc.constantFrom(...`ab '"#;|&<>()*?[]{}~!%=-/:,.`) }));
    fc.assert(
      fc.property(words, fc.constantFrom(single, double), (given, quote) => {
        expect(splitOptions(given.map(quote).join(' '))).toEqual(given);
      }),
      { seed, numRuns: 200 },
    );
  });
});
