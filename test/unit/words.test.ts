// The words of commands beside the cable's own.
import { describe, expect, test } from 'vitest';
import { UsageError } from '../../src/cli/usage.js';
import { commandNamed, readWords } from '../../src/cli/words.js';
import type { CommandName } from '../../src/options/commands.js';

describe('a command', () => {
  test.each([
    [['status'], { command: 'status', words: 1 }],
    [['status', '--port'], { command: 'status', words: 1 }],
    [['enrol'], { command: 'enroll', words: 1 }],
    [['vectors', 'verify', 'x'], { command: 'vectors verify', words: 2 }],
    [[], undefined],
    [['-v'], undefined],
    [['verify'], undefined],
    [['constructor'], undefined],
  ])('%j', ([first, second], named) => {
    expect(commandNamed(first, second)).toEqual(named);
  });

  test.each([[undefined], ['check'], ['-v']])('of two words wants a second one, and %s is none', (second) => {
    expect(() => commandNamed('vectors', second)).toThrow(
      new UsageError(
        'say cryptcab vectors verify [--strict] [FILE...], or cryptcab vectors make [--seed N] [--out DIRECTORY]',
      ),
    );
  });
});

describe('what follows it', () => {
  test.each<[CommandName, string[], object, string[]]>([
    ['status', [], {}, []],
    ['status', ['--port', '7667'], { port: 7667 }, []],
    ['enroll', ['--port=7'], { port: 7 }, []],
    ['vectors verify', ['a', '--strict', '--', '-b'], { strict: true }, ['a', '-b']],
    ['vectors make', ['--seed', '9007199254740991', '--out=x'], { seed: 2 ** 53 - 1, out: 'x' }, []],
    ['completion', ['zsh'], {}, ['zsh']],
  ])('%s %j', (name, args, options, operands) => {
    expect(readWords(name, args)).toEqual({ options, operands });
  });

  test.each<[CommandName, string[], string]>([
    ['status', ['--prt', '7'], 'status takes --port, and no --prt: say cryptcab status [--port PORT]'],
    ['status', ['7'], 'status takes --port: say cryptcab status [--port PORT]'],
    ['status', ['--port'], 'status takes --port: say cryptcab status [--port PORT]'],
    ['status', ['--port', 'x'], "--port 'x' is not a UDP port: give a number from 1 to 65535"],
    ['keygen', ['x'], 'keygen takes no arguments: say cryptcab keygen'],
    ['completion', [], 'completion takes bash or zsh or fish: say cryptcab completion SHELL'],
    ['completion', ['tcsh'], 'completion takes bash or zsh or fish: say cryptcab completion SHELL'],
    ['completion', ['bash', 'zsh'], 'completion takes bash or zsh or fish: say cryptcab completion SHELL'],
    ['vectors make', ['--out', ''], '--out is empty: name the directory to write to'],
  ])('%s %j is refused', (name, args, says) => {
    expect(() => readWords(name, args)).toThrow(new UsageError(says));
  });
});
